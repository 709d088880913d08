"""Computed segments: who belongs to them, and which of them a change may touch."""

from dataclasses import replace
from datetime import UTC, datetime
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from streamproc.domain.configuration import InForce
from streamproc.domain.customers import NEW_CUSTOMER
from streamproc.matching.segments import _KEPT, ComputedSegments
from tests.support.configuration import segment

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
GOLD = {"metadata.club": {"conditions": {"$is": "gold"}}}
BIRTHDAY = {"birthdate": {"conditions": {"$today": True}}}


def with_segments(**records: dict[str, Any]) -> ComputedSegments:
    segments = ComputedSegments(UTC)
    for version, (segment_id, record) in enumerate(records.items()):
        segments.put(segment_id, InForce("segments", segment_id, version, segment(id=segment_id) | record))
    return segments


def dynamic(given: dict[str, Any]) -> dict[str, Any]:
    return {"type": "dynamic", "filter": given}


def on(attribute: str, operator: str, value: Any) -> dict[str, Any]:
    return dynamic({attribute: {"conditions": {operator: value}}})


def ids(segments: Any) -> list[str]:
    return [one.id for one in segments]


def test_of_what_was_found_for_some_changes_only_so_much_is_remembered() -> None:
    names = [f"metadata.{letter}" for letter in "abcdefghijk"]
    segments = with_segments(**{f"seg_{name}": on(name, "$is", "x") for name in names})
    for number in range(2 ** len(names)):
        changed = [name for place, name in enumerate(names) if number >> place & 1]
        assert ids(segments.affected(changed)) == [f"seg_{name}" for name in changed]
        assert len(segments._found) <= _KEPT


def test_a_static_segment_holds_those_that_it_lists_whatever_is_known_of_them() -> None:
    [one] = with_segments(seg_1={"type": "static", "customers": ["ann", "bob", "ann"]})
    assert [one.holds(NEW_CUSTOMER, who, NOW) for who in ("ann", "bob", "cid")] == [True, True, False]
    assert (one.type, one.reads, one.depends_on_date) == ("static", frozenset(), False)


def test_a_dynamic_segment_holds_those_whom_its_filter_fits() -> None:
    [one] = with_segments(seg_1=dynamic(GOLD | BIRTHDAY | {"junction": "OR"}) | {"name": "Gold"})
    states: list[dict[str, Any]] = [
        {"metadata": {"club": "gold"}},
        {"birthdate": "1990-11-24"},
        {"metadata": {"club": "tin"}},
    ]
    assert [one.holds(replace(NEW_CUSTOMER, profile=state), "ann", NOW) for state in states] == [True, True, False]
    assert (one.id, one.type, one.version, one.name) == ("seg_1", "dynamic", 0, "Gold")
    assert one.reads == {"metadata", "metadata.club", "birthdate"}
    assert one.depends_on_date


def test_days_begin_at_midnight_of_the_project_s_zone() -> None:
    segments = ComputedSegments(ZoneInfo("America/New_York"))
    segments.put("seg_1", InForce("segments", "seg_1", 0, segment(**dynamic(BIRTHDAY))))
    [one] = segments
    late = datetime(2026, 11, 25, 3, tzinfo=UTC)  # still the 24th in New York
    assert one.holds(replace(NEW_CUSTOMER, profile={"birthdate": "1990-11-24"}), "ann", late)


def test_external_segments_are_not_computed() -> None:
    segments = with_segments(seg_1=dynamic(GOLD), seg_2={"type": "external"})
    assert (ids(segments), len(segments), segments.get("seg_2")) == (["seg_1"], 1, None)


def test_a_version_takes_the_place_of_the_earlier_one_and_none_takes_it_out() -> None:
    segments = with_segments(seg_2=dynamic(GOLD), seg_1=dynamic(BIRTHDAY))
    assert ids(segments) == ["seg_1", "seg_2"]
    assert ids(segments.affected({"metadata.club"})) == ["seg_1", "seg_2"]

    segments.put("seg_2", InForce("segments", "seg_2", 9, segment(id="seg_2", **on("email", "$has_value", True))))
    found = segments.get("seg_2")
    assert found is not None
    assert found.version == 9
    assert ids(segments.affected({"metadata.club"})) == ["seg_1"]
    assert ids(segments.affected({"email"})) == ["seg_1", "seg_2"]

    segments.put("seg_1", None)
    segments.put("never", None)
    assert (ids(segments), segments.get("seg_1")) == (["seg_2"], None)
    assert ids(segments.affected({"metadata.club"})) == []

    segments.put("seg_2", InForce("segments", "seg_2", 10, segment(id="seg_2", type="external")))
    assert ids(segments) == []


def test_a_change_meets_the_segments_that_read_it_and_those_that_depend_on_the_date() -> None:
    segments = with_segments(
        a=on("metadata.club", "$is", "gold"),
        b=on("metadata.club.level", "$is", 5),
        c=on("summary.orders.total_count", "$more_than", 5),
        d=on("events.v1.2.count", "$more_than", 5),
        e=on("email", "$ends_with", "example"),
        f=dynamic(BIRTHDAY),
        g={"type": "static", "customers": ["ann"]},
    )
    assert {name: ids(segments.affected([name])) for name in (
        "metadata.club", "metadata", "metadata.x", "summary.orders", "events.v1.2", "events.v1", "email", "birthdate"
    )} == {
        "metadata.club": ["a", "b", "f"],
        "metadata": ["a", "b", "f"],
        "metadata.x": ["f"],
        "summary.orders": ["c", "f"],
        "events.v1.2": ["d", "f"],
        "events.v1": ["d", "f"],
        "email": ["e", "f"],
        "birthdate": ["f"],
    }  # fmt: skip
    assert ids(segments.affected({"metadata.club", "email", "phone"})) == ["a", "b", "e", "f"]
    assert ids(segments.affected(())) == ["f"]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (on("created_at", "$less_than_ago", 5), True),
        (on("created_at", "$is_days_in_future", 5), True),
        (on("birthdate", "$next_month", [True]), True),
        (on("birthdate", "$more_than", 5), True),
        (on("metadata.since", "$less_than", ["5"]), True),
        (on("metadata.since", "$greater_than", 5), True),
        (on("summary.orders.last_order_date", "$more_than", 5), True),
        (on("events.left_review.last", "$more_than_ago", 5), True),
        (on("birthdate", "$more_than", "2026-11-24"), False),
        (on("birthdate", "$more_than_or_equal", 5), False),
        (on("birthdate", "$after", "2026-11-24"), False),
        (on("created_at", "$dow", [1]), False),
        (on("created_at", "$timeframe_daily_hours", "18:00;20:00;1"), False),
        (on("summary.orders.total_count", "$more_than", 5), False),
        (on("summary.orders.total_amount", "$less_than", 5), False),
        (on("events.left_review.count", "$less_than", 5), False),
        (on("loyalty_points.campaigns.camp_1.points", "$more_than", 5), False),
        (on("metadata.club", "$is", 5), False),
    ],
)
def test_what_time_alone_can_change_depends_on_the_date(record: dict[str, Any], expected: bool) -> None:
    [one] = with_segments(seg_1=record)
    assert one.depends_on_date is expected


def test_an_attribute_without_conditions_fits_everybody_and_reads_nothing() -> None:
    [one] = with_segments(seg_1=dynamic({"email": {}}))
    assert (one.holds(NEW_CUSTOMER, "ann", NOW), one.reads) == (True, frozenset())


def test_more_sorts_of_changes_than_are_kept_at_hand_are_answered_as_well() -> None:
    names = [f"metadata.{number}" for number in range(1_100)]
    segments = with_segments(**{name: on(name, "$is", 1) for name in names})
    for _ in range(2):
        assert [ids(segments.affected({name})) for name in names] == [[name] for name in names]


@pytest.mark.usefixtures("no_collector")
def test_a_segment_more_costs_about_the_same_however_many_there_are() -> None:
    def seconds_each(count: int) -> float:
        records = {f"seg_{number}": on(f"metadata.{number}", "$is", 1) for number in range(count)}
        started = process_time()
        segments = with_segments(**records)
        assert ids(segments.affected({"metadata.7"})) == ["seg_7"]
        return (process_time() - started) / count

    # What looks at all others for each would take 16 times as long; memory that no cache holds takes 3.
    assert min(seconds_each(6_400) for _ in range(3)) < 10 * min(seconds_each(400) for _ in range(3))
