import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from streamproc.cli.status_overview import Overview, Wait, line, most_moving, progress, table

STATUS = {"distribution_id": "distr_1", "version": 3, "state": "blocked", "problem": "missing segments seg_1"}
NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
HELD = STATUS | {"state": "held", "due_at": "2026-03-02T12:00:00.000Z", "problem": None}
PARTS = {"partitions_done": 3, "partitions": 8}


def told(identity: str, name: str) -> bytes:
    return json.dumps({"kind": "distributions", "id": identity, "version": 3, "object": {"name": name}}).encode()


def row(**fields: Any) -> dict[str, Any]:
    return {"distribution_id": "distr_1", "name": "Sale", "version": 3, **fields}


def test_a_row_joins_the_status_with_the_name_in_force() -> None:
    overview = Overview()
    assert overview.take("distribution-status", b"distr_1", json.dumps(STATUS).encode()) == "distr_1"
    assert overview.take("definitions", b"distributions/distr_1", told("distr_1", "Thanks")) == "distr_1"
    assert overview.rows(None) == [STATUS | {"name": "Thanks"}]


def test_rows_come_by_id_and_can_be_asked_for_one_by_one() -> None:
    overview = Overview()
    for identity in ("distr_2", "distr_1"):
        overview.take(
            "distribution-status", identity.encode(), json.dumps(STATUS | {"distribution_id": identity}).encode()
        )
    assert [row["distribution_id"] for row in overview.rows(None)] == ["distr_1", "distr_2"]
    assert [row["distribution_id"] for row in overview.rows("distr_2")] == ["distr_2"]
    assert overview.rows("distr_3") == []


def test_a_null_takes_a_distribution_away_and_other_kinds_are_passed_over() -> None:
    overview = Overview()
    overview.take("distribution-status", b"distr_1", json.dumps(STATUS).encode())
    assert overview.take("definitions", b"segments/seg_1", b"{}") is None
    assert overview.take("distribution-status", b"distr_1", None) == "distr_1"
    assert overview.rows(None) == []
    assert line(overview.row("distr_1")) == "distr_1: gone"


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        (timedelta(days=2, hours=1), "due in 2 d 1:00:00"),
        (timedelta(hours=1, minutes=1, seconds=1), "due in 1:01:01"),
        (timedelta(minutes=10), "due in 10:00"),
        (timedelta(seconds=9, milliseconds=1), "due in 0:10"),
        (timedelta(milliseconds=1), "due in 0:01"),
        (timedelta(0), "due now"),
        (-timedelta(hours=1), "due now"),
    ],
)
def test_the_time_left_is_counted_down_to_nothing(before: timedelta, shown: str) -> None:
    assert progress(HELD, NOON - before) == shown


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        (
            {"state": "syncing", "sync": {"segment_id": "seg_1", "scanned": 1200, "total": 50_000, **PARTS}},
            "1,200 of 50,000 customers looked at, 3 of 8 partitions done",
        ),
        ({"state": "syncing", "sync": None}, ""),
        (
            {"state": "sending", "progress": {"emitted": 8431, "undeliverable": 12, **PARTS}},
            "8,431 sent, 12 undeliverable, 3 of 8 partitions done",
        ),
        (
            {"state": "done", "progress": {"emitted": 1, "undeliverable": 0, "partitions_done": 8, "partitions": 8}},
            "1 sent",
        ),
        ({"state": "live"}, ""),
    ],
)
def test_progress_is_what_has_been_looked_at_or_sent(fields: dict[str, Any], shown: str) -> None:
    assert progress(row(**fields), NOON) == shown


def test_a_line_has_the_due_time_itself() -> None:
    assert line(HELD) == "distr_1: version 3 held: due at 2026-03-02T12:00:00.000Z"


def test_a_line_has_progress_and_problem() -> None:
    sent = {"emitted": 5, "undeliverable": 0, **PARTS}
    assert (
        line(row(state="paused", progress=sent, problem="out_of_codes"))
        == "distr_1: version 3 paused: 5 sent, 3 of 8 partitions done: out_of_codes"
    )
    assert line(row(state="live")) == "distr_1: version 3 live"


def test_where_not_all_fit_those_are_seen_in_which_something_goes_on() -> None:
    rows = [row(distribution_id=str(one), state="held" if one in {4, 7} else "live") for one in range(9)]
    assert [one["distribution_id"] for one in most_moving(rows, 3)] == ["4", "7", "0"]
    assert most_moving(rows, 9) == rows


def test_a_table_shows_an_odd_name_as_it_is_and_says_how_many_are_left_out() -> None:
    console = Console(width=160)
    with console.capture() as printed:
        console.print(table([row(state="held", name="[red]Sale", due_at="2026-03-02T12:00:00Z")], NOON, left_out=1200))
    heading, shown, caption = printed.get().splitlines()
    assert heading.split() == ["distribution", "name", "version", "state", "progress", "problem"]
    assert shown.split() == ["distr_1", "[red]Sale", "3", "held", "due", "now"]
    assert caption.strip() == "and 1,200 more; give an ID to watch one"


@pytest.mark.parametrize(
    ("states", "is_over", "problem"),
    [
        (["held"], False, None),
        (["held", "sending"], True, None),
        # It is gone by when somebody looks.
        (["sending", "done"], True, None),
        (["done"], True, "distr_1 is done, and comes to sending no more"),
        (["stopped", "canceled"], True, "distr_1 is canceled, and comes to sending no more"),
        (["held", None], True, "distr_1 is gone, and comes to sending no more"),
        # Its name may be told before its first status.
        ([None], False, None),
        ([None, "held"], False, None),
    ],
)
def test_a_wait_ends_when_the_state_has_come_and_when_it_can_come_no_more(
    states: list[str | None], is_over: bool, problem: str | None
) -> None:
    wait = Wait("distr_1", frozenset({"sending"}))
    assert wait.is_over([row(state=state) for state in states]) is is_over
    assert wait.problem == problem


def test_a_wait_for_no_state_has_no_end() -> None:
    wait = Wait("distr_1", frozenset())
    assert not wait.is_over([row(state=None)])
    assert not wait.is_known
    assert not wait.is_over([row(state="done"), row(state=None)])
    assert wait.is_known
