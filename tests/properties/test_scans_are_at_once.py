"""Long work done in steps comes to what it would come to at once, whatever happens between the steps.

Syncs, drops and ticks against an oracle that looks at all customers in the moment in which they begin; releases by
what must hold of them. Any step can be lost, and the task can lose its memory at any time.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.domain.commands import drop_command, resume_command, send_command, stop_command, sync_command
from streamproc.processing import scans, send_walk
from tests.support.at_once import AtOnce
from tests.support.configuration import distribution, segment
from tests.support.customer_task import NOW, CustomerTask, Json

CUSTOMERS = [f"cus_{number}" for number in range(6)]
SEGMENTS: dict[str, list[Json]] = {
    "seg_gold": [{"club": {"conditions": {"$is": club}}} for club in ("gold", "tin")],
    "seg_birthday": [{"birthdate": {"conditions": {"$today": [True]}}}],
    "seg_seen": [{"seen": {"conditions": {"$less_than_ago": [days]}}} for days in (1, 2)],
    "seg_both": [{"club": {"conditions": {"$is": "gold"}}, "seen": {"conditions": {"$more_than_ago": [1]}}}],
}
DATED = {"seg_birthday", "seg_seen", "seg_both"}
LISTED = "seg_listed"
HOUR, DAY = 3_600_000, 24 * 3_600_000


@pytest.fixture(autouse=True, scope="module")
def small_steps() -> Iterator[None]:
    """Two customers a step."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (scans, "BROUGHT"),
            (scans, "BROUGHT_AT_LEAST"),
            (send_walk, "LOOKED_AT"),
            (send_walk, "DECODED"),
            (send_walk, "DECODED_AT_LEAST"),
            (send_walk, "LISTED"),
            (send_walk, "MESSAGES"),
        ):
            patch.setattr(module, name, 2)
        yield


def at(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


class Both:
    """The task and the oracle, told the same."""

    def __init__(self, *, restarts: bool) -> None:
        self.task, self.oracle = CustomerTask(), AtOnce(DATED)
        self.task.put("segments", segment())
        self.task.step()
        self.task.restarts_always = restarts
        self.number = 0
        #: By release: whether it walks, and who was meant at each moment since it began.
        self.walking: dict[str, bool] = {}
        self.meant: dict[str, list[set[str]]] = {}

    def do(self, what: str, *given: Any) -> None:
        self.number += 1
        getattr(self, what)(*given)
        self.note()

    def note(self) -> None:
        for name in self.walking:
            if not self.is_done(name):
                members = {who for who, found in self.oracle.memberships.items() if "seg_gold" in found}
                self.meant[name].append(members)

    def is_done(self, name: str) -> bool:
        return any(
            report["done"] and report["kind"] in {"send", "resume"} and report["command_id"].split(":")[1] == name
            for report in self.task.told("partition-reports")
        )

    # What happens

    def event(self, who: str, fields: Json, hours_ago: int) -> None:
        created = at(self.task.now - hours_ago * HOUR)
        event_id = f"evt_{self.number}"
        told = {"id": event_id, "type": "customer.updated", "created_at": created.isoformat()}
        self.task.events(told | {"data": {"customer": {"id": who} | fields}})
        self.oracle.take(who, {"id": who} | fields, created, event_id, replaces=False)

    def profile(self, who: str, fields: Json) -> None:
        self.task.customers({"id": who} | fields)
        cause = f"customers:0:{self.task.offset}"
        self.oracle.take(who, {"id": who} | fields, at(self.task.now), cause, replaces=True)

    def forget(self, who: str) -> None:
        self.task.take("customers", [(who.encode(), None)])
        self.oracle.forget(who)

    def sync(self, segment_id: str, choice: int) -> None:
        self.let_tick_end(segment_id)
        if segment_id == LISTED:
            record = segment(id=LISTED, type="static", customers=[CUSTOMERS[choice], CUSTOMERS[choice + 2]])
        else:
            filters = SEGMENTS[segment_id]
            record = segment(id=segment_id, type="dynamic", filter=filters[choice % len(filters)])
        definition = orjson.dumps({"id": segment_id, "version": self.number, "object": record})
        self.task.commands(sync_command(segment_id, self.number, definition))
        self.oracle.sync(record, at(self.task.now))

    def drop(self, segment_id: str) -> None:
        self.let_tick_end(segment_id)
        self.task.commands(drop_command(segment_id, self.number))
        self.oracle.drop(segment_id, at(self.task.now))

    def let_tick_end(self, segment_id: str) -> None:
        """A tick tells of the versions in force when its walk comes by, so it should not meet two of them."""
        if segment_id in DATED and self.oracle.is_known(segment_id):
            self.task.run()

    def send(self) -> None:
        name = f"distr_{self.number}"
        self.walking[name] = True
        self.meant[name] = []
        self.task.commands(send_command(name, self.manual(name), {}, {"segment_id": "seg_gold"}))

    def stop(self) -> None:
        for name in [name for name, walks in self.walking.items() if walks]:
            self.walking[name] = False
            self.task.commands(stop_command(name, self.number))

    def resume(self) -> None:
        for name in [name for name, walks in self.walking.items() if not walks]:
            self.walking[name] = True
            self.task.commands(resume_command(name, self.number, self.manual(name), {}))

    def manual(self, name: str) -> bytes:
        webhook = {"type": "webhook", "url": "https://example.com/", "event_name": "x"}
        record = distribution(id=name, name=name, kind="manual", audience={}, channels=[webhook])
        return orjson.dumps({"id": name, "version": self.number, "object": record})

    def pass_hours(self, hours: int) -> None:
        end_of_day = self.task.now - self.task.now % DAY + DAY
        self.task.now = min(self.task.now + hours * HOUR, end_of_day - 1)

    def midnight(self) -> None:
        self.task.run()  # of days whose walks overlap only the latest is told
        self.task.now += DAY - self.task.now % DAY
        self.task.step()
        self.oracle.tick(at(self.task.now))

    def step(self) -> None:
        if not self.task.is_idle:
            self.task.step()

    def lose(self) -> None:
        if not self.task.is_idle:
            self.task.lose_step()

    def restart(self) -> None:
        self.task.restart()


WHO = st.sampled_from(CUSTOMERS)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "club": st.sampled_from(["gold", "tin"]),
        "birthdate": st.sampled_from([f"1990-11-{day}" for day in range(24, 28)]),
        "seen": st.integers(0, 72).map(lambda hours: at(NOW - 48 * HOUR + hours * HOUR).isoformat()),
    },
)
IDS = st.sampled_from([*SEGMENTS, LISTED])
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("event"), WHO, FIELDS, st.sampled_from([0, 0, 1, 15, 30])),
        st.tuples(st.just("profile"), WHO, FIELDS),
        st.tuples(st.just("sync"), IDS, st.integers(0, 3)),
        st.tuples(st.just("pass_hours"), st.integers(1, 9)),
        st.sampled_from(
            [("step",), ("step",), ("step",), ("lose",), ("restart",), ("midnight",), ("send",), ("stop",), ("resume",)]
        ),
        st.tuples(st.just("drop"), IDS),
        st.tuples(st.just("forget"), WHO),
    ),
    max_size=40,
)
BASE = st.lists(st.tuples(st.just("profile"), WHO, FIELDS), max_size=8)


@given(BASE, DEEDS, st.booleans())
@settings(max_examples=400)
def test_it_is_as_if_each_update_reached_everybody_at_once_and_no_release_anybody_twice(
    base: list[tuple[Any, ...]], deeds: list[tuple[Any, ...]], restarts: bool
) -> None:
    both = Both(restarts=restarts)
    task, oracle = both.task, both.oracle
    for deed in (*base, *deeds, ("resume",)):
        both.do(*deed)
    task.run()
    both.note()
    assert task.memberships == oracle.memberships
    told: dict[str, list[tuple[str, str, str]]] = {}
    for change in task.told("segment-changes"):
        cause = change["cause"]
        name = cause.get("event_id") or cause.get("record") or f"tick:{cause['tick']}"
        told.setdefault(change["customer_id"], []).append((name, change["change"], change["segment_id"]))
    assert told == oracle.told
    assert "dead-letters" not in task.lanes
    sent = Counter((job["distribution"]["id"], job["customer"]["id"]) for job in task.told("deliveries.webhook"))
    assert set(sent.values()) <= {1}
    for name, moments in both.meant.items():
        reached = {who for distribution_id, who in sent if distribution_id == name}
        assert both.is_done(name)
        assert set.intersection(*moments) <= reached <= set.union(*moments)
        last = [report for report in task.told("partition-reports") if report["command_id"].split(":")[1] == name][-1]
        assert (last["emitted"], last["undeliverable"], last["matched"]) == (len(reached), 0, len(reached))
