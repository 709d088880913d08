"""Manual distributions in the control task: hold, edit, cancel, release, stop, resume, end, and their receipts."""

from typing import Any

import orjson
import pytest

from streamproc.domain.receipts import Receipt
from streamproc.processing.manual import ManualDistributions
from tests.support.codes import CODES
from tests.support.configuration import campaign, dynamic_segment, manual, segment
from tests.support.control import HOLD, MINUTE, NOW, ControlTask

PROMOTION = {"type": "promotion", "promotion_tier_id": "promo_1"}
SENT_BEFORE = "it was released before, and a distribution is released once in its life; copy it under a new id"


@pytest.fixture
def control() -> ControlTask:
    """A control task, with a segment that upstream keeps."""
    control = ControlTask()
    control.push("segments", segment())
    control.now = NOW + MINUTE
    return control


def progress(emitted: int, done: int, partitions: int = 2, undeliverable: int = 0) -> dict[str, int]:
    return {
        "emitted": emitted,
        "undeliverable": undeliverable,
        "partitions_done": done,
        "partitions": partitions,
    }


def refused(verdict: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(error["path"], error["code"], error["message"]) for error in verdict["errors"]]


def test_a_live_one_is_held_for_its_time_and_then_released_to_every_partition(control: ControlTask) -> None:
    control.push("distributions", manual())
    assert control.statuses["distr_1"] == {
        "distribution_id": "distr_1",
        "version": 0,
        "state": "held",
        "due_at": "2025-11-24T16:11:00.000Z",
    }
    assert control.holds["distr_1"] == {
        "distribution_id": "distr_1",
        "version": 0,
        "saved_at": NOW + MINUTE,
        "due_at": NOW + MINUTE + HOLD,
        "waits_for": [],
    }
    control.wait(HOLD - 1)
    assert control.commands == []
    control.wait(1)
    definition = {"kind": "distributions", "id": "distr_1", "version": 0, "object": manual()}
    command = {"id": "send:distr_1", "kind": "send", "distribution": definition, "action": {}, "segment_id": "seg_1"}
    assert control.commands == [(0, command), (1, command)]
    assert control.holds == {}
    assert control.statuses["distr_1"] == {
        "distribution_id": "distr_1",
        "version": 0,
        "state": "sending",
        "progress": progress(0, 0),
        "released_at": "2025-11-24T16:11:00.000Z",
    }
    assert control.processor.wake_at is None


def test_it_is_done_when_all_partitions_are(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.wait(HOLD)
    control.report("send", "distr_1", 0, done=False, emitted=3, undeliverable=1, scanned=5, total=9)
    seen = [control.statuses["distr_1"]["progress"]]
    control.report("send", "distr_1", 0, emitted=7, undeliverable=2)
    control.report("send", "distr_1", 0, emitted=7, undeliverable=2)
    seen.append(control.statuses["distr_1"]["progress"])
    control.report("send", "distr_1", 1, emitted=5)
    assert seen == [progress(3, 0, undeliverable=1), progress(7, 1, undeliverable=2)]
    assert control.statuses["distr_1"] == {
        "distribution_id": "distr_1",
        "version": 0,
        "state": "done",
        "progress": progress(12, 2, undeliverable=2),
        "released_at": "2025-11-24T16:11:00.000Z",
    }
    assert control.receipts == [("held", 0, 0), ("released", 0, 0), ("done", 0, 12)]


def test_the_log_tells_each_receipt_with_the_state_after_it_and_its_time(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.wait(HOLD)
    control.report("send", "distr_1", 0, emitted=1)
    control.report("send", "distr_1", 1, undeliverable=1)
    due_at = "2025-11-24T16:11:00.000Z"
    nothing = {"emitted": 0, "undeliverable": 0}
    common = {"distribution_id": "distr_1", "version": 0}
    assert control.log == [
        {**common, "state": "held", "receipt": "held", **nothing, "due_at": due_at, "at": "2025-11-24T16:01:00.000Z"},
        {**common, "state": "sending", "receipt": "released", **nothing, "at": due_at},
        {**common, "state": "done", "receipt": "done", "emitted": 1, "undeliverable": 1, "at": due_at},
    ]


def test_a_single_customer_is_sent_to_by_the_partition_that_owns_it(control: ControlTask) -> None:
    customer = {"id": "cust_4", "email": "ada@mail.example"}
    record = manual(audience={"customer": customer, "segment_id": None}, action=PROMOTION)
    control.push("campaigns", campaign(note=1e15))
    control.push("distributions", record)
    control.wait(HOLD)
    ((partition, command),) = control.commands
    assert partition == 1
    assert command == {
        "id": "send:distr_1",
        "kind": "send",
        "distribution": {"kind": "distributions", "id": "distr_1", "version": 0, "object": record},
        "action": {"campaign": campaign(note=1e15), "promotion_tier": campaign()["promotion_tiers"][0]},
        "customer": customer,
    }
    control.report("send", "distr_1", 1, emitted=1)
    assert control.statuses["distr_1"]["progress"] == progress(1, 1, partitions=1)


def test_an_edit_is_what_gets_sent_and_does_not_restart_the_clock(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.wait(9 * MINUTE)
    control.push("distributions", manual(name="Edited"))
    control.wait(MINUTE)
    ((_, command), _) = control.commands
    assert (command["distribution"]["version"], command["distribution"]["object"]["name"]) == (1, "Edited")
    assert control.receipts == [("held", 0, 0), ("replaced", 1, 0), ("released", 1, 0)]


def test_a_bad_edit_leaves_what_is_held(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.push("distributions", manual(channels=[]))
    control.wait(HOLD)
    assert control.receipts == [("held", 0, 0), ("released", 0, 0)]


@pytest.mark.parametrize("status", ["paused", "draft"])
def test_a_change_of_mind_ends_the_hold_and_live_again_begins_a_new_one(control: ControlTask, status: str) -> None:
    control.push("distributions", manual())
    control.wait(9 * MINUTE)
    control.push("distributions", manual(status=status))
    seen = control.states["distr_1"], control.holds
    control.wait(2 * MINUTE)
    control.push("distributions", manual())
    control.wait(HOLD - 1)
    assert control.commands == []
    control.wait(1)
    assert seen == ((status, 1, None), {})
    assert control.receipts == [("held", 0, 0), ("canceled", 1, 0), ("held", 2, 0), ("released", 2, 0)]


def test_deleted_in_time_it_is_gone_with_a_receipt_and_may_come_again(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.push("distributions", None, "distr_1")
    assert (control.statuses, control.holds) == ({}, {})
    assert [(one["state"], one["receipt"], one["version"]) for one in control.log] == [
        ("held", "held", 0),
        (None, "canceled", 1),
    ]
    assert control.push("distributions", manual())["accepted"]
    control.wait(HOLD)
    assert len(control.commands) == 2


def test_one_that_becomes_automatic_is_held_no_longer(control: ControlTask) -> None:
    control.push("distributions", manual())
    trigger = {"event": "customer.segment.entered", "segment_id": "seg_1"}
    control.push("distributions", manual(kind="automatic", trigger=trigger, audience=None))
    control.wait(HOLD)
    assert (control.commands, control.holds) == ([], {})
    assert control.receipts == [("held", 0, 0), ("canceled", 1, 0)]
    assert control.states["distr_1"] == ("live", 1, None)


def test_what_is_missing_blocks_it_and_then_it_goes_at_once_if_its_time_has_passed(control: ControlTask) -> None:
    control.push("distributions", manual(action=PROMOTION))
    assert control.states["distr_1"] == ("blocked", 0, "missing promotion-tiers promo_1")
    assert control.holds["distr_1"]["due_at"] is None
    control.wait(HOLD + MINUTE)
    assert control.commands == []
    control.push("campaigns", campaign())
    control.wait()
    assert control.command_ids(0) == ["send:distr_1"]


def test_a_segment_that_comes_later_begins_the_clock(control: ControlTask) -> None:
    control.push("distributions", manual(audience={"segment_id": "seg_2"}))
    control.wait(9 * MINUTE)
    control.push("segments", segment(id="seg_2"))
    due_at = control.now + HOLD
    control.wait(MINUTE)
    control.push("segments", segment(id="seg_2", name="Renamed"))
    assert control.holds["distr_1"]["due_at"] == due_at


def test_a_segment_that_goes_during_the_hold_blocks_it(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.push("segments", None, "seg_1")
    control.wait(HOLD)
    assert control.states["distr_1"] == ("blocked", 0, "missing segments seg_1")
    assert control.commands == []


def test_what_comes_in_the_chunk_in_which_it_is_due_comes_before_the_release(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.now += HOLD
    control.push("distributions", manual(status="paused"))
    assert control.commands == []
    assert control.receipts == [("held", 0, 0), ("canceled", 1, 0)]


def test_lateness_is_observed_in_seconds(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.now += HOLD + 250
    assert control.take().observed == [("hold_lateness", 0.25)]


def test_how_many_are_in_each_state_is_told_also_after_a_restart(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.push("distributions", manual(id="distr_2", name="Two", status="draft"))
    control.push("distributions", manual(id="distr_3", name="Three"))
    control.push("distributions", None, "distr_3")
    expected = {("distributions", "held"): 1, ("distributions", "draft"): 1}
    assert {key: number for key, number in control.take().levels.items() if number} == expected
    control.restart()
    assert control.take().levels == expected


def test_a_release_at_which_something_fails_is_shown_and_tried_again_each_second(
    control: ControlTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> list[Receipt]:
        raise ZeroDivisionError

    control.push("distributions", manual())
    with monkeypatch.context() as patched:
        patched.setattr(ManualDistributions, "due", broken)
        control.wait(HOLD)
        state, _, problem = control.states["distr_1"]
        assert (state, str(problem).partition(" at ")[0]) == ("held", "unexpected_error: ZeroDivisionError")
        assert (control.commands, control.processor.wake_at) == ([], control.now + 1_000)
    control.wait(1_000)
    assert control.states["distr_1"] == ("sending", 0, None)
    assert [command["kind"] for _, command in control.commands] == ["send", "send"]


def test_after_a_restart_a_hold_goes_on_and_one_that_is_overdue_is_released_at_once(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.wait(9 * MINUTE)
    control.restart()
    assert control.processor.wake_at == NOW + MINUTE + HOLD
    control.now = NOW + HOLD + 5 * MINUTE
    control.restart()
    control.wait()
    assert control.command_ids(0) == ["send:distr_1"]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("status", ["paused", "live"])
def test_what_was_pushed_in_time_is_heard_by_a_task_that_is_behind(
    control: ControlTask, restarted: bool, status: str
) -> None:
    control.push("distributions", manual())
    control.wait(9 * MINUTE)
    other = control.pushed("segments", segment(id="seg_9"))
    late = control.pushed("distributions", manual(status=status, name="Edited"))
    control.unread = {"segments": 2, "distributions": 2}
    control.now += 5 * MINUTE
    if restarted:
        control.restart()
    control.wait(30_000)
    control.take(control.slice("segments", other))
    control.wait(30_000)
    assert control.commands == []
    control.take(control.slice("distributions", late))
    control.unread = {}
    control.wait(HOLD)
    if status == "paused":
        assert control.commands == []
        assert control.receipts == [("held", 0, 0), ("canceled", 1, 0)]
    else:
        assert control.receipts == [("held", 0, 0), ("replaced", 1, 0), ("released", 1, 0)]


def test_what_is_pushed_after_the_due_time_holds_up_nothing(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.unread = {"distributions": 3}
    control.wait(HOLD)
    for number in range(2):  # and more and more of them
        assert control.commands == []
        control.unread = {"distributions": 9 + number}
        control.push("distributions", manual(id=f"draft_{number}", name=f"Draft {number}", status="draft"))
        control.wait(20)
    assert control.command_ids(0) == ["send:distr_1"]


def test_where_nothing_is_left_but_the_ends_of_transactions_nothing_is_waited_for(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.unread = {"distributions": 3}
    control.wait(HOLD)
    assert control.commands == []
    control.unread = {}
    control.wait(20)
    assert control.command_ids(0) == ["send:distr_1"]


def test_a_hold_is_released_when_the_brokers_tell_again_what_there_is_to_read(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.unread = None
    looked = len(control.looked_for)
    control.wait(HOLD + MINUTE)
    assert control.commands == []
    assert len(control.looked_for) - looked == MINUTE // 1_000 + 1  # it does not ask all the time
    control.unread = {}
    control.wait(1_000)
    assert control.command_ids(0) == ["send:distr_1"]


def test_a_hold_that_becomes_due_while_the_host_looks_is_looked_at_at_once(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.processor.read_before_release(NOW + MINUTE + HOLD - 1)
    control.processor.process([], NOW + MINUTE + HOLD)
    control.wait(HOLD)
    assert control.command_ids(0) == ["send:distr_1"]


def test_a_hold_that_is_due_at_another_time_is_looked_at_anew(control: ControlTask) -> None:
    control.push("segments", dynamic_segment())
    control.synced("seg_gold", 1)
    control.push("distributions", manual(audience={"segment_id": "seg_gold"}))
    changed = control.pushed("segments", dynamic_segment(filter={"metadata.club": {"conditions": {"$is": ["tin"]}}}))
    control.unread = {"segments": 3}
    control.wait(HOLD)
    control.take(control.slice("segments", changed))
    control.synced("seg_gold", 2)
    control.unread = {"distributions": 2}
    control.wait(HOLD)
    assert "send:distr_1" not in control.command_ids(0)
    control.push("distributions", manual(audience={"segment_id": "seg_gold"}, status="draft"))
    assert control.receipts == [("held", 0, 0), ("canceled", 1, 0)]


def sending(control: ControlTask) -> ControlTask:
    """Release the distribution and let one of three customers in each partition be reached."""
    control.push("distributions", manual())
    control.wait(HOLD)
    for partition in (0, 1):
        control.report("send", "distr_1", partition, done=False, emitted=1, scanned=1, total=3)
    return control


def test_an_edit_while_sending_comes_too_late(control: ControlTask) -> None:
    sending(control)
    assert control.push("distributions", manual(name="Edited"))["accepted"]
    assert control.receipts[-1] == ("too_late", 1, 2)
    assert control.states["distr_1"] == ("sending", 0, None)
    assert control.command_ids(0) == ["send:distr_1"]
    assert control.in_force["distributions/distr_1"] == 1


@pytest.mark.parametrize("status", ["paused", "draft"])
def test_a_pause_while_sending_stops_it_and_the_receipt_waits_for_the_numbers(
    control: ControlTask, status: str
) -> None:
    sending(control)
    control.push("distributions", manual(status=status))
    assert control.command_ids(0) == control.command_ids(1) == ["send:distr_1", "stop:distr_1:1"]
    assert control.states["distr_1"] == (status, 1, None)
    control.report("stop", "distr_1:1", 0, emitted=2, remaining=1)
    assert control.receipts[-1] == ("released", 0, 0)
    control.report("stop", "distr_1:1", 1, emitted=1, undeliverable=1, remaining=1)
    assert control.log[-1] == {
        "distribution_id": "distr_1",
        "version": 1,
        "state": status,
        "receipt": "stopped",
        "emitted": 3,
        "undeliverable": 1,
        "remaining": 2,
        "at": "2025-11-24T16:11:00.000Z",
    }


def test_set_live_again_it_goes_on_where_something_is_left_with_the_version_in_force(control: ControlTask) -> None:
    sending(control)
    control.push("distributions", manual(status="paused"))
    control.report("stop", "distr_1:1", 0, emitted=3, remaining=0)
    control.report("stop", "distr_1:1", 1, emitted=1, remaining=2)
    control.push("distributions", manual(name="Corrected"))
    assert [command["id"] for _, command in control.commands[-3:]] == [
        "stop:distr_1:1",
        "stop:distr_1:1",
        "resume:distr_1:1",
    ]
    partition, command = control.commands[-1]
    assert (partition, command["distribution"]["version"]) == (1, 2)
    assert control.states["distr_1"] == ("sending", 2, None)
    control.report("resume", "distr_1:1", 1, emitted=3)
    assert control.receipts[-3:] == [("stopped", 1, 4), ("resumed", 2, 4), ("done", 2, 6)]


def test_set_live_again_before_the_stop_is_answered_it_goes_on_when_it_is(control: ControlTask) -> None:
    sending(control)
    control.push("distributions", manual(status="paused"))
    control.push("distributions", manual())
    assert control.states["distr_1"] == ("paused", 2, None)
    for partition in (0, 1):
        control.report("stop", "distr_1:1", partition, emitted=1, remaining=2)
    assert control.command_ids(0) == ["send:distr_1", "stop:distr_1:1", "resume:distr_1:1"]
    assert control.receipts[-2:] == [("stopped", 1, 2), ("resumed", 2, 2)]


def test_a_second_stop_has_a_number_of_its_own_and_an_answer_to_the_first_does_not_count(
    control: ControlTask,
) -> None:
    sending(control)
    for number in (1, 2):
        control.push("distributions", manual(status="paused"))
        if number == 2:
            control.report("stop", "distr_1:1", 0, emitted=1, remaining=2)
            assert control.receipts[-1][0] == "resumed"
        for partition in (0, 1):
            control.report("stop", f"distr_1:{number}", partition, emitted=number, remaining=2 - number + 1)
        control.push("distributions", manual())
    assert control.command_ids(1) == [
        "send:distr_1",
        "stop:distr_1:1",
        "resume:distr_1:1",
        "stop:distr_1:2",
        "resume:distr_1:2",
    ]


def test_a_stop_that_finds_nothing_left_came_too_late(control: ControlTask) -> None:
    sending(control)
    control.push("distributions", manual(status="paused"))
    control.report("send", "distr_1", 0, emitted=3)
    control.report("stop", "distr_1:1", 1, emitted=3, remaining=0)
    assert control.receipts[-2:] == [("too_late", 1, 6), ("done", 0, 6)]
    assert control.states["distr_1"] == ("done", 0, None)


def test_what_is_missing_keeps_it_from_going_on(control: ControlTask) -> None:
    sending(control)
    control.push("distributions", manual(status="paused"))
    for partition in (0, 1):
        control.report("stop", "distr_1:1", partition, emitted=1, remaining=2)
    control.push("distributions", manual(action=PROMOTION))
    assert control.states["distr_1"] == ("blocked", 2, "missing promotion-tiers promo_1")
    control.push("campaigns", campaign())
    assert control.receipts[-1] == ("resumed", 2, 2)
    assert control.commands[-1][1]["action"]["promotion_tier"] == campaign()["promotion_tiers"][0]


def test_deleted_while_sending_it_is_ended_and_canceled_with_the_numbers(control: ControlTask) -> None:
    sending(control)
    control.push("distributions", None, "distr_1")
    assert control.command_ids(0) == ["send:distr_1", "end:distr_1"]
    assert control.states["distr_1"] == ("canceled", 0, None)
    for partition in (0, 1):
        control.report("end", "distr_1", partition, emitted=2, remaining=1)
    assert (control.receipts[-1], control.log[-1]["remaining"]) == (("canceled", 1, 4), 2)
    assert control.states["distr_1"] == ("canceled", 0, None)


def test_deleted_after_a_stop_it_is_ended(control: ControlTask) -> None:
    sending(control)
    control.push("distributions", manual(status="paused"))
    for partition in (0, 1):
        control.report("stop", "distr_1:1", partition, emitted=1, remaining=2)
    control.push("distributions", None, "distr_1")
    for partition in (0, 1):
        control.report("end", "distr_1", partition, emitted=1, remaining=2)
    assert control.receipts[-2:] == [("stopped", 1, 2), ("canceled", 2, 2)]


def over(control: ControlTask, how: str) -> None:
    sending(control)
    if how == "canceled":
        control.push("distributions", None, "distr_1")
        for partition in (0, 1):
            control.report("end", "distr_1", partition, emitted=1, remaining=2)
        return
    for partition in (0, 1):
        control.report("send", "distr_1", partition, emitted=3)
    if how == "deleted":
        control.push("distributions", None, "distr_1")


@pytest.mark.parametrize("how", ["done", "canceled", "deleted"])
@pytest.mark.parametrize("restarted", [False, True])
def test_once_released_it_is_never_sent_again(control: ControlTask, how: str, restarted: bool) -> None:
    over(control, how)
    if restarted:
        control.restart()
    commands, before = list(control.commands), control.statuses
    verdict = control.push("distributions", manual(name="Again"))
    assert (verdict["accepted"], refused(verdict)) == (False, [("$.status", "already_sent", SENT_BEFORE)])
    for status in ("draft", "paused"):
        assert control.push("distributions", manual(status=status))["accepted"]
    control.push("distributions", None, "distr_1")
    assert not control.push("distributions", manual())["accepted"]
    control.wait(2 * HOLD)
    assert (control.commands, control.statuses, control.holds) == (commands, before, {})
    assert before["distr_1"]["state"] == ("canceled" if how == "canceled" else "done")
    assert not any(key.startswith(b"release/") for key, _ in control.stores["control-state"].items())


def test_while_it_is_being_ended_live_is_refused(control: ControlTask) -> None:
    sending(control)
    control.push("distributions", None, "distr_1")
    assert refused(control.push("distributions", manual())) == [("$.status", "already_sent", SENT_BEFORE)]
    assert control.states["distr_1"] == ("canceled", 0, None)


def test_after_a_stop_it_can_go_on_to_its_audience_alone(control: ControlTask) -> None:
    sending(control)
    assert control.push("distributions", manual(audience={"segment_id": "seg_2"}))["accepted"], "an edit, too late"
    control.push("distributions", manual(status="paused"))
    verdict = control.push("distributions", manual(audience={"segment_id": "seg_2"}))
    told = "it was released to segment seg_1 and can only go on there; copy it under a new id"
    assert refused(verdict) == [("$.status", "already_sent", told)]


@pytest.mark.parametrize("stop", [False, True])
def test_once_released_it_cannot_become_automatic(control: ControlTask, stop: bool) -> None:
    sending(control)
    if stop:
        control.push("distributions", manual(status="paused"))
    trigger = {"event": "customer.segment.entered", "segment_id": "seg_1"}
    record = manual(kind="automatic", trigger=trigger, audience=None)
    assert refused(control.push("distributions", record)) == [("$.status", "already_sent", SENT_BEFORE)]
    assert control.push("distributions", record | {"status": "draft"})["accepted"]


def test_what_is_read_again_holds_and_releases_nothing(control: ControlTask) -> None:
    control.push("segments", segment(id="seg_2"))
    records = [
        control.pushed("distributions", manual()),
        control.pushed("distributions", manual(status="paused")),
        control.pushed("distributions", manual(id="distr_2", name="Two")),
        control.pushed("distributions", None, "distr_2"),
        control.pushed("distributions", manual(id="distr_3", name="Three")),
    ]
    control.take(control.slice("distributions", *records))
    control.wait(HOLD)
    for partition in (0, 1):
        control.report("send", "distr_3", partition, emitted=1)
    before = {name: dict(store.items()) for name, store in control.stores.items()}
    written = list(control.commands), control.receipts
    control.restart()
    for record in records:
        verdict = orjson.loads(
            control.take(control.slice("distributions", record)).records["config-verdicts", 0][0][1] or b""
        )
        assert verdict["accepted"]
        control.wait(2 * HOLD)
    assert (control.commands, control.receipts) == written
    assert {name: dict(store.items()) for name, store in control.stores.items()} == before


def test_a_topic_that_was_made_anew_is_no_repetition(control: ControlTask) -> None:
    control.push("distributions", manual(status="draft"))
    control.push("distributions", manual(status="draft"))
    control.wait(MINUTE)
    control.offsets["distributions"] = -1
    control.push("distributions", manual())
    control.wait(HOLD)
    assert control.command_ids(0) == ["send:distr_1"]


def test_a_clock_that_goes_back_releases_nothing_twice_and_nothing_early(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.now -= 60 * MINUTE
    control.wait(60 * MINUTE + HOLD - 1)
    assert control.commands == []
    control.wait(1)
    control.now -= 60 * MINUTE
    control.wait(120 * MINUTE)
    assert control.command_ids(0) == ["send:distr_1"]


def to_gold_with_codes(control: ControlTask, matched: int = 0, **settings: Any) -> None:
    """Hold a distribution of codes to a segment that has so many members in each of two partitions."""
    control.push("campaigns", campaign(**settings))
    control.push("segments", dynamic_segment())
    control.synced("seg_gold", 1, matched)
    control.push("distributions", manual(action=CODES, audience={"segment_id": "seg_gold"}))


def warnings(control: ControlTask) -> dict[str, str | None]:
    return {one["receipt"]: one.get("warning") for one in control.log if "receipt" in one}


def released_with(control: ControlTask) -> dict[str, str | None]:
    """The warnings of the releases, by distribution."""
    return {one["distribution_id"]: one.get("warning") for one in control.log if one.get("receipt") == "released"}


@pytest.mark.parametrize(
    ("free", "warning"), [(13, "not_enough_codes: up to 14 of camp_1 are needed, 13 are free"), (14, None)]
)
def test_a_release_that_may_need_more_codes_than_there_are_is_warned_of(
    control: ControlTask, free: int, warning: str | None
) -> None:
    to_gold_with_codes(control, 7)
    control.codes["camp_1"] = free
    control.restart()
    control.wait(HOLD)
    assert warnings(control) == {"held": None, "released": warning}
    assert [needed for needed in control.looked_for if needed] == [{"camp_1": 14}]
    assert control.statuses["distr_1"]["state"] == "sending"


def test_nobody_is_warned_where_codes_are_made_and_what_nobody_could_count_is_told(control: ControlTask) -> None:
    to_gold_with_codes(control, 7)  # and no database answers
    control.codes["camp_2"] = 0
    control.push("campaigns", campaign(id="camp_2", name="2", type="auto_update"))
    other = {"type": "codes", "campaign_id": "camp_2"}
    control.push("distributions", manual(id="d2", name="2", action=other, audience={"segment_id": "seg_gold"}))
    control.codes["camp_3"] = 0
    control.push("campaigns", campaign(id="camp_3", name="3"))
    upstream = {"type": "codes", "campaign_id": "camp_3"}
    control.push("distributions", manual(id="d3", name="3", action=upstream))  # and one partition does not answer
    control.report("count", "seg_1:2", 0, matched=9)
    control.wait(HOLD)
    assert released_with(control) == {
        "distr_1": "codes_not_counted: up to 14 of camp_1 are needed, how many are free is not known",
        "d2": None,
        "d3": "codes_not_counted: how many of camp_3 are needed is not known",
    }


def test_one_customer_needs_one_code_and_a_new_sync_tells_a_new_size(control: ControlTask) -> None:
    to_gold_with_codes(control, 1)
    control.push("segments", dynamic_segment(filter={"metadata.club": {"conditions": {"$is": ["silver"]}}}))
    control.synced("seg_gold", 2, 4)
    control.push("distributions", manual(id="d2", name="2", action=CODES, audience={"customer": {"id": "cust_1"}}))
    control.codes["camp_1"] = 0
    control.wait(HOLD)
    assert released_with(control) == {
        "distr_1": "not_enough_codes: up to 8 of camp_1 are needed, 0 are free",
        "d2": "not_enough_codes: up to 1 of camp_1 are needed, 0 are free",
    }


def to_members_kept_upstream(control: ControlTask, **fields: Any) -> None:
    """Hold a distribution of codes to a segment that upstream keeps; there are three codes."""
    control.codes["camp_1"] = 3
    control.push("campaigns", campaign())
    control.push("distributions", manual(action=CODES, **fields))


def test_members_are_counted_during_the_hold_where_no_sync_has_just_done_so(control: ControlTask) -> None:
    to_members_kept_upstream(control)
    command = {"id": "count:seg_1:0", "kind": "count", "segment_id": "seg_1"}
    assert control.commands == [(0, command), (1, command)]
    control.restart()
    for partition in range(2):
        control.report("count", "seg_1:0", partition, matched=partition + 1, scanned=5, total=5)
    assert warnings(control) == {"held": None}
    control.now += MINUTE
    control.push("distributions", manual(action=CODES, name="Edited"))
    assert control.command_ids(0) == ["count:seg_1:0", "count:seg_1:1"]
    control.report("count", "seg_1:1", 0, matched=4)
    control.report("count", "seg_1:0", 1, matched=90)  # read again
    control.report("count", "seg_1:1", 1, matched=1)
    control.restart()
    control.wait(HOLD)
    assert released_with(control) == {"distr_1": "not_enough_codes: up to 5 of camp_1 are needed, 3 are free"}


def test_a_segment_that_was_synced_long_ago_is_counted_and_one_that_was_synced_since_is_not(
    control: ControlTask,
) -> None:
    to_gold_with_codes(control, 1)
    control.wait(MINUTE)
    control.codes["camp_1"] = 3
    control.push("distributions", manual(id="d2", name="2", action=CODES, audience={"segment_id": "seg_gold"}))
    assert control.command_ids(0) == ["sync:seg_gold:1", "count:seg_gold:1"]
    control.report("count", "seg_gold:1", 0, matched=4)
    control.push("segments", dynamic_segment(filter={"metadata.club": {"conditions": {"$is": ["silver"]}}}))
    control.report("count", "seg_gold:1", 1, matched=90)  # of those who were members before
    control.synced("seg_gold", 2, 2)
    control.wait(HOLD)
    assert control.command_ids(0)[2] == "sync:seg_gold:2"
    assert set(control.command_ids(0)[3:]) == {"send:distr_1", "send:d2"}
    assert released_with(control)["d2"] == "not_enough_codes: up to 4 of camp_1 are needed, 3 are free"


def test_of_a_segment_that_has_gone_and_come_back_nothing_is_known(control: ControlTask) -> None:
    to_members_kept_upstream(control)
    for partition in range(2):
        control.report("count", "seg_1:0", partition, matched=1)
    control.push("segments", None, "seg_1")
    control.push("segments", segment())
    control.wait(HOLD)
    assert released_with(control) == {"distr_1": "codes_not_counted: how many of camp_1 are needed is not known"}


def test_nobody_is_counted_who_needs_no_code_of_a_pool_or_when_there_is_no_time(control: ControlTask) -> None:
    control.push("distributions", manual())
    control.push("campaigns", campaign(type="auto_update"))
    control.push("distributions", manual(id="d2", name="2", action=CODES))
    control.push("distributions", manual(id="d3", name="3", action=CODES, audience={"customer": {"id": "cust_1"}}))
    assert control.commands == []
    at_once = ControlTask(hold=0)
    at_once.push("segments", segment())
    to_members_kept_upstream(at_once)
    assert at_once.commands == []


def test_codes_are_counted_also_without_a_hold_and_for_an_edit_that_comes_when_it_is_due(control: ControlTask) -> None:
    at_once = ControlTask(hold=0)
    at_once.push("segments", dynamic_segment())
    at_once.synced("seg_gold", 0, 7)
    to_members_kept_upstream(at_once, audience={"segment_id": "seg_gold"})
    at_once.wait()
    assert released_with(at_once) == {"distr_1": "not_enough_codes: up to 14 of camp_1 are needed, 3 are free"}
    to_one = {"audience": {"customer": {"id": "cust_1"}}}
    control.codes["camp_2"] = 0
    control.push("campaigns", campaign(id="camp_2", name="2"))
    control.push("distributions", manual(**to_one))
    control.now += HOLD
    control.push("distributions", manual(**to_one, action={"type": "codes", "campaign_id": "camp_2"}))
    assert released_with(control) == {}
    control.wait()
    assert released_with(control) == {"distr_1": "not_enough_codes: up to 1 of camp_2 are needed, 0 are free"}
