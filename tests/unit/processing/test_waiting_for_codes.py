"""No code left: requests wait in their order, go on when they can, or are given up and give back what they had."""

import asyncio
from datetime import UTC
from typing import Any

import orjson
import pytest

from streamproc.domain.configuration import InForce
from streamproc.matching.definitions import Definitions
from streamproc.processing.codes import AGAIN_MILLISECONDS
from streamproc.processing.processor import Output, OutputRecord
from tests.support.codes import CodeTask, codes
from tests.support.configuration import campaign, segment
from tests.support.ids import publication_id
from tests.unit.processing.test_customers import PARTITION, Json, Task, event


class Line:
    """A customer task and a code task behind it, with the same definitions."""

    def __init__(self, *objects: tuple[str, Json]) -> None:
        self.customers = Task(*(objects or (("campaigns", campaign()), ("distributions", codes()))))
        self.codes = CodeTask(self.customers.definitions, PARTITION)
        self.version = 0

    def put(self, kind: str, record: Json) -> None:
        """Put an object in force, in a new version."""
        self.version += 1
        in_force = InForce(kind, record["id"], self.version, record)
        self.customers.definitions.put(kind, record["id"], in_force)

    def delete(self, kind: str, object_id: str) -> None:
        self.customers.definitions.put(kind, object_id, None)

    def requests(self, *event_ids: str) -> list[OutputRecord]:
        output = self.customers.take(*(event(one) for one in event_ids))
        return output.records.get(("code-requests", PARTITION), [])

    def ask(self, *event_ids: str) -> Output:
        return self.codes.take(self.requests(*event_ids))

    def steps(self) -> list[Output]:
        """Let the code task do what it has to do by itself."""
        done = []
        while self.codes.wants_a_step:
            done.append(self.codes.step())
            assert len(done) < 20, "it never ends"
        return done


def given(*outputs: Output) -> list[tuple[str, str]]:
    """Return event and code of each job."""
    records = [record for one in outputs for record in one.records.get(("deliveries.email", PARTITION), [])]
    jobs = [orjson.loads(value or b"") for _, value, _ in records]
    return [(job["cause"]["event_id"], job["action"]["voucher"]["code"]) for job in jobs]


def reports(output: Output) -> list[Any]:
    return [orjson.loads(value or b"") for _, value, _ in output.records.get(("partition-reports", 0), [])]


def test_who_finds_no_code_waits_and_the_control_task_is_told_once() -> None:
    line = Line()
    line.codes.import_codes("a")
    output = line.ask("e1", "e2", "e3")
    assert given(output) == [("e1", "a")]
    (report,) = reports(output)
    assert {name: report[name] for name in ("command_id", "kind", "partition", "done")} == {
        "command_id": "out_of_codes:distr_codes:0",
        "kind": "out_of_codes",
        "partition": PARTITION,
        "done": True,
    }
    assert output.counts == {("jobs", "email"): 1, ("publications",): 1, ("out_of_codes",): 1}
    assert (reports(line.ask("e4")), line.steps()) == ([], [])
    assert "decisions" not in {topic for topic, _ in output.records}


def test_new_codes_alone_let_nobody_go_on_and_whoever_comes_waits_behind() -> None:
    line = Line()
    line.ask("e1", "e2")
    line.codes.import_codes("a", "b", "c")
    assert line.steps() == []
    assert line.ask("e3").records == {}
    line.put("distributions", codes())
    assert given(*line.steps()) == [("e1", "a"), ("e2", "b"), ("e3", "c")]
    assert given(line.ask("e4")) == []
    line.codes.import_codes("d")
    line.put("distributions", codes())
    assert given(*line.steps()) == [("e4", "d")]
    assert line.codes.pools == {"camp_1": (0, 4)}
    assert list(line.codes.state.items()) == []


def test_live_without_enough_codes_tells_the_control_task_of_the_new_version() -> None:
    line = Line()
    line.ask("e1", "e2", "e3")
    line.codes.import_codes("a")
    line.put("distributions", codes())
    (step,) = line.steps()
    assert given(step) == [("e1", "a")]
    assert [report["command_id"] for report in reports(step)] == ["out_of_codes:distr_codes:1"]


@pytest.mark.parametrize("status", ["draft", "paused"])
def test_what_is_not_live_waits_on(status: str) -> None:
    line = Line()
    line.ask("e1")
    line.codes.import_codes("a")
    line.put("distributions", codes(status=status))
    assert line.steps() == []
    line.put("distributions", codes())
    assert given(*line.steps()) == [("e1", "a")]


def test_what_was_paused_by_itself_neither_fires_nor_goes_on_until_it_is_pushed_again() -> None:
    line = Line()
    requests = line.requests("e1", "e2")
    line.ask("e3")
    line.codes.import_codes("a", "b", "c")
    halted = InForce("distributions", "distr_codes", 0, codes(), "out_of_codes")
    line.customers.definitions.put("distributions", "distr_codes", halted)
    line.codes.restart()
    assert line.requests("e4") == []
    assert (line.codes.take(requests).records, line.steps()) == ({}, [])
    line.put("distributions", codes())
    assert given(*line.steps()) == [("e3", "a"), ("e1", "b"), ("e2", "c")]


def test_a_manual_distribution_tries_again_from_time_to_time() -> None:
    line = Line()
    line.ask("e1")
    manual = codes(kind="manual", audience={"segment_id": "seg_1"})
    del manual["trigger"]
    line.put("segments", segment())
    line.put("distributions", manual)
    (step,) = line.steps()
    assert [report["command_id"] for report in reports(step)] == ["out_of_codes:distr_codes:2"]
    line.codes.import_codes("a")
    line.codes.now += AGAIN_MILLISECONDS - 1
    assert line.steps() == []
    line.codes.now += 1
    assert given(*line.steps()) == [("e1", "a")]


def test_what_is_blocked_waits_on_also_when_its_campaign_is_deleted() -> None:
    line = Line()
    line.ask("e1")
    line.codes.import_codes("a")
    line.delete("campaigns", "camp_1")
    line.put("distributions", codes())
    assert line.steps() == []
    line.put("campaigns", campaign())
    assert given(*line.steps()) == [("e1", "a")]


def test_a_campaign_that_makes_codes_by_now_makes_them_for_those_who_wait() -> None:
    line = Line()
    line.ask("e1")
    line.put("campaigns", campaign(type="auto_update", code={"pattern": "#", "charset": "x"}))
    line.put("distributions", codes())
    assert given(*line.steps()) == [("e1", "x")]


def test_a_restart_forgets_neither_who_waits_nor_in_which_order() -> None:
    line = Line()
    line.ask("e1", "e2")
    line.ask("e3")
    line.codes.restart()
    line.codes.import_codes("a", "b", "c")
    line.ask("e4")
    line.put("distributions", codes())
    assert given(*line.steps()) == [("e1", "a"), ("e2", "b"), ("e3", "c")]


def test_what_waits_is_given_up_with_its_distribution() -> None:
    line = Line()
    line.ask("e1", "e2")
    line.delete("distributions", "distr_codes")
    steps = line.steps()
    assert sum(step.counts["code_requests_canceled",] for step in steps) == 2
    assert given(*steps) == []
    assert list(line.codes.state.items()) == []
    line.codes.import_codes("a")
    line.put("distributions", codes())
    assert given(line.ask("e3")) == [("e3", "a")]


def test_a_code_that_was_given_in_an_attempt_that_came_to_nothing_goes_back_with_the_request() -> None:
    line = Line()
    line.ask("e1")
    line.codes.import_codes("a")
    line.put("distributions", codes())
    line.codes.take([], commit=False)  # the transaction is aborted
    assert line.codes.pools == {"camp_1": (0, 1)}
    line.codes.restart()
    line.delete("distributions", "distr_codes")
    line.steps()
    assert line.codes.pools == {"camp_1": (1, 0)}
    assert list(line.codes.state.items()) == []


@pytest.mark.parametrize("is_new", [True, False])
def test_a_worker_that_asks_late_for_what_its_successor_has_given_up_takes_no_code(is_new: bool) -> None:
    line = Line()
    stopped = CodeTask(line.customers.definitions, PARTITION)
    requests = line.requests("e1")
    if not is_new:  # it waits in both
        for task in (line.codes, stopped):
            task.take(requests)
        line.put("distributions", codes())
    asked = stopped.processor.ask(stopped.slices(requests) if is_new else [], stopped.now)
    assert len(asked.wanted) == 1
    if is_new:
        line.codes.take(requests)
    line.delete("distributions", "distr_codes")
    line.steps()
    line.codes.import_codes("a")
    assert line.codes.ledger.allocate_now(asked.wanted) == {}
    assert line.codes.pools == {"camp_1": (1, 0)}


def test_an_attempt_that_came_to_nothing_is_made_again_with_the_same_code() -> None:
    line = Line()
    line.codes.import_codes("a", "b")
    requests = line.requests("e1")
    line.codes.take(requests, commit=False)
    line.codes.restart()
    assert given(line.codes.take(requests)) == [("e1", "a")]


def test_a_request_that_fails_with_its_code_is_parked_and_its_code_goes_back() -> None:
    line = Line()
    line.codes.import_codes("a")
    ((key, value, headers),) = line.requests("e1")
    broken = orjson.loads(value or b"")
    del broken["jobs"][0]["channel"]
    output = line.codes.take([(key, orjson.dumps(broken), headers)])
    ((_, parked, letter_headers),) = output.records["dead-letters", PARTITION]
    assert parked == orjson.dumps(broken)
    assert dict(letter_headers)["reason"] == b"unexpected_error"
    line.steps()
    assert line.codes.pools == {"camp_1": (1, 0)}
    # Put back without its defect, it is a request like any other.
    assert given(line.codes.take([(key, value, headers)])) == [("e1", "a")]


def parked(line: Line) -> OutputRecord:
    """Let a request fail with its code, which then has to go back; return it without its defect."""
    ((key, value, headers),) = line.requests("e1")
    broken = orjson.loads(value or b"")
    del broken["jobs"][0]["channel"]
    assert line.codes.take([(key, orjson.dumps(broken), headers)]).counts["dead_letters", "unexpected_error"] == 1
    return key, value, headers


def test_a_dead_letter_that_is_replayed_before_its_code_went_back_keeps_what_it_sends() -> None:
    line = Line()
    line.codes.import_codes("a")
    request = parked(line)
    line.codes.restart()  # the next thing it does is the chunk with the replayed one
    assert given(line.codes.take([request])) == [("e1", "a")]
    line.steps()
    assert line.codes.pools == {"camp_1": (0, 1)}
    assert list(line.codes.state.items()) == []


def test_a_worker_that_gives_back_late_what_its_successor_has_given_back_does_not_take_it_from_the_next_one() -> None:
    line = Line()
    line.codes.import_codes("a")
    request = parked(line)
    stopped = line.codes.processor.ask([], line.codes.now)
    assert len(stopped.returned) == 1
    line.codes.restart()
    assert given(line.codes.take([request])) == [("e1", "a")]
    asyncio.run(line.codes.ledger.give_back(stopped.returned))
    assert line.codes.pools == {"camp_1": (0, 1)}


def test_an_event_that_comes_again_and_is_given_up_leaves_the_code_that_the_first_one_has_sent() -> None:
    """Long after, when nobody remembers its id: its request has the id of the first one, and finds its code."""
    line = Line()
    line.codes.import_codes("a")
    requests = line.requests("e1")
    assert given(line.codes.take(requests)) == [("e1", "a")]
    line.ask("e2")
    line.codes.take(requests)  # waits behind
    line.delete("distributions", "distr_codes")
    assert sum(step.counts["code_requests_canceled",] for step in line.steps()) == 2
    assert line.codes.pools == {"camp_1": (0, 1)}


@pytest.mark.parametrize("restarts", [False, True])
def test_a_request_that_is_made_again_while_it_waits_is_served_once(restarts: bool) -> None:
    line = Line()
    requests = line.requests("e1")
    line.codes.take([*requests, *requests])
    if restarts:
        line.codes.restart()
    line.codes.take(requests)
    line.codes.import_codes("a", "b")
    line.put("distributions", codes())
    assert given(*line.steps()) == [("e1", "a")]
    assert list(line.codes.state.items()) == []


def test_one_that_an_earlier_release_let_wait_twice_leaves_nothing_behind() -> None:
    line = Line()
    line.ask("e1")
    ((key, value),) = [item for item in line.codes.state.items() if item[0].startswith(b"waiting/")]
    line.codes.state.put(key[:-1] + b"\x07", value)
    line.codes.state.commit()
    line.codes.restart()
    line.codes.import_codes("a", "b")
    line.put("distributions", codes())
    assert set(given(*line.steps())) == {("e1", "a")}
    assert line.codes.pools == {"camp_1": (1, 1)}
    assert list(line.codes.state.items()) == []


def attempted(*others: tuple[str, Json]) -> Line:
    """Return one in which the code of a request that waits was given in an attempt that came to nothing."""
    line = Line(("campaigns", campaign(join_once=True)), ("distributions", codes()), *others)
    line.ask("e1")
    line.codes.import_codes("a")
    line.put("distributions", codes())
    line.codes.take([], commit=False)
    line.codes.restart()
    assert line.codes.pools == {"camp_1": (0, 1)}
    return line


SECOND = ("distributions", codes(id="distr_2", name="Second"))
SECOND_PUBLICATION = publication_id("e2", "cus_1", "distr_2", "camp_1")


def published(*outputs: Output) -> list[str]:
    records = [record for one in outputs for record in one.records.get(("publications", PARTITION), [])]
    return [orjson.loads(value or b"")["publication"]["id"] for _, value, _ in records]


@pytest.mark.parametrize("is_noted", [False, True])
def test_nobody_joins_a_publication_that_is_given_up_nor_loses_its_code_to_somebody_else(is_noted: bool) -> None:
    line = attempted()
    line.delete("distributions", "distr_codes")
    line.put(*SECOND)
    if is_noted:
        line.codes.step()  # gives it up; its code goes back in the next one
    steps = [line.ask("e2"), *line.steps()]
    assert (given(*steps), published(*steps)) == ([("e2", "a")], [SECOND_PUBLICATION])
    assert line.codes.pools == {"camp_1": (0, 1)}
    assert list(line.codes.state.items()) == []


def test_what_a_late_attempt_takes_for_one_that_joined_nobody_and_waits_goes_back_with_it() -> None:
    line = attempted()
    line.put("distributions", codes(status="paused"))
    line.put(*SECOND)
    another = line.customers.take(event("e3", customer={"id": "cus_2"}), key=b"cus_2")
    requests = [*line.requests("e2"), *another.records["code-requests", PARTITION]]
    stopped = CodeTask(line.customers.definitions, PARTITION)
    stopped.offset = line.codes.offset
    asked = stopped.processor.ask(stopped.slices(requests[:1]), stopped.now)
    assert line.codes.take(requests).counts["jobs", "email"] == 0
    line.codes.import_codes("b")
    line.steps()
    assert len(line.codes.ledger.allocate_now(asked.wanted)) == 1
    for one in ("distr_codes", "distr_2"):
        line.delete("distributions", one)
    assert given(*line.steps()) == []
    assert line.codes.pools == {"camp_1": (2, 0)}
    assert list(line.codes.state.items()) == []


def test_nobody_joins_a_request_that_was_read_in_an_attempt_that_came_to_nothing() -> None:
    line = Line(("campaigns", campaign(join_once=True)), ("distributions", codes()), SECOND)
    line.put("distributions", codes(status="paused"))
    (later,) = line.requests("e2")
    line.put("distributions", codes())
    line.delete("distributions", "distr_2")
    line.ask("e1")
    line.codes.import_codes("a")
    line.codes.take([later], commit=False)
    line.codes.offset -= 1
    line.codes.restart()
    assert given(*line.steps()) == []  # it waits until that request is read again
    steps = [line.codes.take([later]), *line.steps()]
    assert given(*steps) == [("e2", "a"), ("e1", "a")]
    assert published(*steps) == [SECOND_PUBLICATION]
    assert list(line.codes.state.items()) == []


def test_nobody_joins_a_request_of_a_chunk_that_was_called_off_after_it_was_asked_for() -> None:
    line = Line(("campaigns", campaign(join_once=True)), ("distributions", codes(status="paused")), SECOND)
    (later,) = line.requests("e2")
    line.put("distributions", codes())
    line.delete("distributions", "distr_2")
    line.ask("e1")
    line.codes.import_codes("a")
    # A rebalance comes while the ledger works: the task goes on with what it holds, and reads the chunk again.
    asked = line.codes.processor.ask(line.codes.slices([later]), line.codes.now)
    assert len(line.codes.ledger.allocate_now(asked.wanted)) == 1
    line.codes.offset -= 1
    line.put("distributions", codes())
    assert given(*line.steps()) == []
    assert given(line.codes.take([later]), *line.steps()) == [("e2", "a"), ("e1", "a")]


def test_a_step_in_which_nothing_happens_writes_nothing() -> None:
    line = Line()
    line.ask("e1")
    line.put("distributions", codes())
    line.codes.take([], commit=False)
    assert line.codes.state.staged == {}


@pytest.mark.parametrize("status", ["paused", "live"])
def test_who_may_join_once_joins_the_one_that_goes_out_first(status: str) -> None:
    line = attempted()
    line.put("distributions", codes(status="paused"))
    line.put(*SECOND)
    requests = line.requests("e2")
    line.put("distributions", codes(status=status))
    steps = [line.codes.take(requests), *line.steps()]
    line.put("distributions", codes())
    steps += line.steps()
    assert sorted(given(*steps)) == [("e1", "a"), ("e2", "a")]
    assert len(published(*steps)) == 1
    assert line.codes.pools == {"camp_1": (0, 1)}
    assert list(line.codes.state.items()) == []


def test_of_two_in_one_step_the_one_that_joins_may_stand_first() -> None:
    line = Line(("campaigns", campaign(join_once=True)), ("distributions", codes()))
    line.ask("e1")
    line.put("distributions", codes(status="paused"))
    first = {"id": "distr_0", "name": "First"}
    line.put("distributions", codes(**first))
    line.ask("e2")
    line.put("distributions", codes(**first, status="paused"))
    line.codes.import_codes("a")
    line.put("distributions", codes())
    line.codes.take([], commit=False)
    line.codes.restart()
    line.put("distributions", codes(**first))
    (step,) = line.steps()
    assert given(step) == [("e1", "a"), ("e2", "a")]
    assert published(step) == [publication_id("e1", "cus_1", "distr_codes", "camp_1")]


def test_distributions_wait_apart() -> None:
    line = Line(
        ("campaigns", campaign()),
        ("campaigns", campaign(id="camp_2", name="2")),
        ("distributions", codes()),
        ("distributions", codes(id="d2", name="2", action={"type": "codes", "campaign_id": "camp_2"})),
    )
    line.codes.import_codes("x", "y", campaign="camp_2")
    assert given(line.ask("e1")) == [("e1", "x")]
    assert given(line.ask("e2")) == [("e2", "y")]
    line.ask("e3")
    line.codes.import_codes("a", "b", "c")
    line.put("distributions", codes())
    assert given(*line.steps()) == [("e1", "a"), ("e2", "b"), ("e3", "c")]


ANOTHER = codes(action={"type": "codes", "campaign_id": "camp_2"})


def test_one_that_gives_codes_of_another_campaign_by_now_is_held_up_by_none_that_waits_for_the_earlier_one() -> None:
    line = Line()
    line.ask("e1", "e2")
    line.put("campaigns", campaign(id="camp_2", name="2"))
    line.codes.import_codes("x", "y", campaign="camp_2")
    line.put("distributions", ANOTHER)
    steps = line.steps()
    assert (given(*steps), [reports(step) for step in steps]) == ([], [[]])
    assert given(line.ask("e3")) == [("e3", "x")]
    line.codes.restart()
    steps = line.steps()
    assert (given(*steps), [reports(step) for step in steps]) == ([], [[]])
    assert given(line.ask("e4")) == [("e4", "y")]
    (report,) = reports(line.ask("e5"))
    assert report["command_id"] == f"out_of_codes:distr_codes:{line.version}"
    line.codes.restart()
    line.codes.import_codes("a", "b", "c")
    line.codes.import_codes("z", campaign="camp_2")
    line.put("distributions", ANOTHER)
    assert sorted(given(*line.steps())) == [("e1", "a"), ("e2", "b"), ("e5", "z")]
    assert list(line.codes.state.items()) == []


def test_one_that_gives_no_codes_by_now_is_not_paused_for_want_of_them() -> None:
    line = Line()
    line.ask("e1")
    line.put("distributions", codes(action={"type": "message"}))
    steps = line.steps()
    assert (given(*steps), [reports(step) for step in steps]) == ([], [[]])
    line.codes.import_codes("a")
    line.put("distributions", codes(action={"type": "message"}))
    assert given(*line.steps()) == [("e1", "a")]


def test_many_that_wait_go_on_in_several_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.processing.codes.STEP_REQUESTS", 2)
    line = Line()
    events = [f"e{number}" for number in range(5)]
    line.ask(*events)
    line.codes.import_codes(*"abcdef")
    line.put("distributions", codes())
    steps = line.steps()
    assert [len(given(step)) for step in steps] == [2, 2, 1]
    assert given(*steps) == list(zip(events, "abcde", strict=True))


def test_a_second_code_of_one_who_may_join_once_waits_with_the_first() -> None:
    line = Line(("campaigns", campaign(join_once=True)), ("distributions", codes()))
    line.ask("e1", "e2")
    line.codes.import_codes("a", "b")
    line.put("distributions", codes())
    (step,) = line.steps()
    assert given(step) == [("e1", "a"), ("e2", "a")]
    published = [orjson.loads(value or b"") for _, value, _ in step.records["publications", PARTITION]]
    assert [one["publication"]["id"] for one in published] == [publication_id("e1", "cus_1", "distr_codes", "camp_1")]


def test_a_request_for_a_distribution_that_is_gone_gets_its_code_while_there_are_some() -> None:
    line = Line()
    requests = line.requests("e1", "e2")
    line.delete("distributions", "distr_codes")
    line.codes.import_codes("a")
    output = line.codes.take(requests)
    assert (given(output), reports(output)) == ([("e1", "a")], [])
    assert sum(step.counts["code_requests_canceled",] for step in line.steps()) == 1


def test_without_anything_that_waits_it_wants_nothing() -> None:
    assert CodeTask(Definitions(UTC)).processor.wake_at is None
