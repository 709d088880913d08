"""Whatever is pushed, reported, due or struck in whatever order: a manual distribution is released at most once, its
receipts are true, and a control task that is built anew from its stores goes on as one that never was.
"""

from typing import Any

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streamproc.processing.processor import Output, Record, Slice
from tests.support.configuration import campaign, distribution, manual, segment
from tests.support.control import HOLD, MINUTE, ControlTask
from tests.support.partitions import FakePartition

PARTITIONS = 2
DISTRIBUTIONS = ("distr_1", "distr_2")
AUDIENCES: dict[str, dict[str, Any]] = {
    "external": {"segment_id": "seg_external"},
    "dynamic": {"segment_id": "seg_dynamic"},
    "customer": {"customer": {"id": "a0"}},
}
OVER = {"done", "canceled"}
WAITS_FOR_SOMETHING_ELSE = {"blocked", "syncing"}
IDS = st.sampled_from(DISTRIBUTIONS)


def dynamic(plan: str, name: str = "Plan") -> dict[str, Any]:
    filters = {"metadata.plan": {"conditions": {"$is": plan}}}
    return {"id": "seg_dynamic", "name": name, "type": "dynamic", "filter": filters}


class Lives(RuleBasedStateMachine):
    """Two control tasks that get the same; one of them is built anew before each chunk, at times after a lost one."""

    def __init__(self) -> None:
        super().__init__()
        self.live = ControlTask(PARTITIONS)
        self.rebuilt = ControlTask(PARTITIONS)
        self.partitions = [FakePartition(0, ["a0", "a1", "a2"]), FakePartition(1, ["b0", "b1"])]
        self.pushed: list[tuple[str, Record]] = []
        self.obeyed = self.told = 0
        # What a naive reader of the rules knows: when the hold in hand began, since when segments are known.
        self.saved_at: dict[str, int] = {}
        self.known_since: dict[str, int] = {}
        # Since when nothing but its time is waited for.
        self.free_since: dict[str, int] = {}
        self.segments: dict[str, int] = {}

    @initialize(audience=st.sampled_from(list(AUDIENCES)), released=st.booleans())
    def begin(self, audience: str, released: bool) -> None:
        """Begin with one distribution that is held, or on its way; most lives would not come so far."""
        self.wait(0)
        self.push("campaigns", campaign())
        self.push("segments", segment(id="seg_external"))
        self.push("segments", dynamic("gold"))
        self.work_through()
        self.save("distr_1", "live", audience, promotes=False)
        self.wait(HOLD if released else 0)

    # What happens

    @rule(
        identity=IDS,
        status=st.sampled_from(["live", "live", "paused", "draft"]),
        audience=st.sampled_from([*AUDIENCES, "external"]),
        promotes=st.booleans(),
    )
    def save(self, identity: str, status: str, audience: str, promotes: bool) -> None:
        action = {"type": "promotion", "promotion_tier_id": "promo_1"} if promotes else {"type": "message"}
        self.push(
            "distributions",
            manual(id=identity, name=identity, status=status, audience=AUDIENCES[audience], action=action),
        )

    @rule(identity=IDS)
    def edit(self, identity: str) -> None:
        """Save what is in force again, set live."""
        in_force = self.live.objects("definitions").get(f"distributions/{identity}")
        if in_force is not None and in_force["object"]["kind"] == "manual":
            self.push("distributions", in_force["object"] | {"status": "live"})

    @rule(identity=IDS, status=st.sampled_from(["paused", "draft"]))
    def halt(self, identity: str, status: str) -> None:
        in_force = self.live.objects("definitions").get(f"distributions/{identity}")
        if in_force is not None:
            self.push("distributions", in_force["object"] | {"status": status})

    @rule(what=st.sampled_from(["campaign", "external", "dynamic", "changed", "renamed"]), there=st.booleans())
    def change_what_it_needs(self, what: str, there: bool) -> None:
        match what:
            case "campaign":
                self.push("campaigns", campaign() if there else None, "camp_1")
            case "external":
                self.push("segments", segment(id="seg_external") if there else None, "seg_external")
            case "dynamic":
                self.push("segments", dynamic("gold") if there else None, "seg_dynamic")
            case "changed":
                self.push("segments", dynamic("silver"))
            case "renamed":
                self.push("segments", dynamic("gold", str(there)))

    @rule(identity=IDS, how=st.sampled_from(["deleted", "automatic", "automatic draft", "bad"]))
    def change_for_the_worse(self, identity: str, how: str) -> None:
        match how:
            case "deleted":
                self.push("distributions", None, identity)
            case "automatic":
                self.push("distributions", distribution(id=identity, name=identity))
            case "automatic draft":
                self.push("distributions", distribution(id=identity, name=identity, status="draft"))
            case "bad":
                self.push("distributions", manual(id=identity, name=identity, channels=[]))

    @rule(data=st.data())
    def read_again(self, data: st.DataObject) -> None:
        """Start again from an earlier offset of a configuration topic, and read it from there to its end."""
        topic = data.draw(st.sampled_from(["distributions", "segments", "campaigns"]))
        records = [record for name, record in self.pushed if name == topic]
        self.wait(0)  # what the last record has made due goes in a step of its own
        before = self.live.receipts, len(self.live.commands)
        self.live.restart()
        for record in records[data.draw(st.integers(0, len(records))) :]:
            self.take(Slice(topic, 0, [record]))
        self.wait(0)
        if topic == "distributions":
            assert (self.live.receipts, len(self.live.commands)) == before

    @rule(number=st.integers(0, PARTITIONS - 1), steps=st.integers(1, 4))
    def work(self, number: int, steps: int) -> None:
        for _ in range(steps):
            self.partitions[number].step()

    @rule(number=st.integers(0, PARTITIONS - 1), most=st.integers(1, 4), twice=st.booleans())
    def hear(self, number: int, most: int, twice: bool) -> None:
        reports = self.partitions[number].reports
        for _ in range(min(most, len(reports))):
            report = reports.popleft()
            for _ in range(1 + twice):
                self.take(Slice("partition-reports", 0, [Record(0, self.now, b"", report.encode())]))

    @rule(milliseconds=st.sampled_from([1, MINUTE, 5 * MINUTE, HOLD - 1, HOLD]))
    def wait(self, milliseconds: int) -> None:
        until = self.now + milliseconds
        while (wake_at := self.live.processor.wake_at) is not None and wake_at <= until:
            self.live.now = self.rebuilt.now = max(self.now, wake_at)
            self.take()
        self.live.now = self.rebuilt.now = until

    @rule()
    def work_through(self) -> None:
        """Do all work that is asked for, and hear of it."""
        for _ in range(4):
            for partition in self.partitions:
                partition.finish()
                self.hear(partition.number, 10_000, twice=False)

    def teardown(self) -> None:
        """Let everything come to its end: then each release is over or waits for people."""
        self.work_through()
        for identity, status in self.live.statuses.items():
            if status["state"] == "done":
                reached = [
                    customer for partition in self.partitions for customer, _ in partition.jobs.get(identity, [])
                ]
                everybody = [one for partition in self.partitions for one in partition.customers]
                assert sorted(reached) in (everybody, ["a0"])
            assert status["state"] != "sending"

    # How

    @property
    def now(self) -> int:
        return self.live.now

    def push(self, kind: str, record: dict[str, Any] | None, key: str = "") -> None:
        new = self.live.pushed(kind, record, key)
        self.pushed.append((kind, new))
        known = self.live.statuses.get(key or (record or {})["id"], {})
        ((_, verdict, _),) = self.take(Slice(kind, 0, [new])).records["config-verdicts", 0]
        if record is not None and record.get("status") == "live" and known.get("state") in OVER:
            assert b'"accepted":false' in (verdict or b"")

    def take(self, *slices: Slice) -> Output:
        statuses, in_force = self.live.statuses, self.live.in_force
        output = self.live.take(*slices)
        # A chunk that is lost with its task, and done again by another.
        self.rebuilt.restart()
        self.rebuilt.processor.process(slices, self.now)
        for store in self.rebuilt.stores.values():
            store.rollback()
        self.rebuilt.restart()
        again = self.rebuilt.take(*slices)
        assert again.records == output.records
        assert again.observed == output.observed
        assert {key: n for key, n in again.levels.items() if n} == {key: n for key, n in output.levels.items() if n}
        self.hand_over_commands()
        is_report = any(piece.topic == "partition-reports" for piece in slices)
        # What is read again was pushed when it was pushed.
        pushed_at = self.now if is_report or not slices else slices[0].records[0].timestamp
        self.note_segments(in_force, pushed_at, end_of_sync=is_report)
        self.note_freed(statuses)
        self.check_log(statuses)
        return output

    def hand_over_commands(self) -> None:
        for number, command in self.live.commands[self.obeyed :]:
            self.partitions[number].add(command)
        self.obeyed = len(self.live.commands)

    def check_log(self, statuses: dict[str, Any]) -> None:
        for entry in self.live.log[self.told :]:
            identity = entry["distribution_id"]
            emitted = sum(len(partition.jobs.get(identity, [])) for partition in self.partitions)
            event(str(entry.get("receipt")))
            match entry.get("receipt"):
                case "held":
                    assert identity not in self.saved_at
                    self.saved_at[identity] = self.now
                case "released":
                    self.check_release(identity, entry, statuses)
                case "stopped" | "done":
                    assert entry["emitted"] == emitted
                case "canceled" if "remaining" in entry:
                    assert entry["emitted"] == emitted
                case "canceled":
                    assert entry["emitted"] == 0
                    del self.saved_at[identity]
        self.told = len(self.live.log)

    def note_segments(self, in_force: dict[str, int], at: int, *, end_of_sync: bool) -> None:
        """Note since when each segment is known: from its first version, or from the end of its latest sync."""
        for key, version in self.live.in_force.items():
            if key.startswith("segments/") and (key not in in_force or (end_of_sync and in_force[key] != version)):
                self.known_since[key.removeprefix("segments/")] = at

    def note_freed(self, before: dict[str, Any]) -> None:
        """Note which distributions wait for something else no more; the step after this one may release them."""
        for identity, status in self.live.statuses.items():
            waited = before.get(identity, {}).get("state") in WAITS_FOR_SOMETHING_ELSE
            if waited and status["state"] not in WAITS_FOR_SOMETHING_ELSE:
                self.free_since[identity] = self.now

    def check_release(self, identity: str, entry: dict[str, Any], statuses: dict[str, Any]) -> None:
        sends = [command for _, command in self.live.commands if command["id"] == f"send:{identity}"]
        assert {command["distribution"]["version"] for command in sends} == {entry["version"]}
        began = self.saved_at.pop(identity)
        segment_id = sends[0].get("segment_id")
        due_at = max(began, self.known_since.get(segment_id, 0) if segment_id else 0) + HOLD
        assert self.now >= due_at
        # On time, unless something else was waited for.
        on_time = max(due_at, self.free_since.get(identity, 0))
        assert self.now == on_time or statuses[identity]["state"] in WAITS_FOR_SOMETHING_ELSE

    # What is always true

    @invariant()
    def stores_are_equal(self) -> None:
        for name, store in self.live.stores.items():
            assert dict(store.items()) == dict(self.rebuilt.stores[name].items())

    @invariant()
    def nobody_gets_it_twice_and_jobs_bear_the_versions_that_receipts_name(self) -> None:
        for identity in DISTRIBUTIONS:
            named = [
                entry["version"]
                for entry in self.live.log
                if entry["distribution_id"] == identity and entry.get("receipt") in {"released", "resumed"}
            ]
            for partition in self.partitions:
                jobs = partition.jobs.get(identity, [])
                assert len({customer for customer, _ in jobs}) == len(jobs)
                assert {version for _, version in jobs} <= set(named)

    @invariant()
    def it_is_released_once_and_stays_over(self) -> None:
        for identity in DISTRIBUTIONS:
            receipts = [one.get("receipt") for one in self.live.log if one["distribution_id"] == identity]
            assert receipts.count("released") <= 1
            assert receipts.count("done") <= 1
            if "released" in receipts:
                after = receipts[receipts.index("released") :]
                assert "held" not in after
                assert self.live.statuses[identity]["released_at"]
            if self.live.statuses.get(identity, {}).get("state") in OVER:
                assert identity not in self.live.holds

    @invariant()
    def what_is_held_waits_for_its_time_and_nothing_else_does(self) -> None:
        held = {identity for identity, one in self.live.statuses.items() if one["state"] == "held"}
        due = [one["due_at"] for one in self.live.holds.values() if one["due_at"] is not None]
        assert held == {identity for identity, one in self.live.holds.items() if one["due_at"] is not None}
        assert self.live.processor.wake_at == min(due, default=None)


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=100, stateful_step_count=50)
