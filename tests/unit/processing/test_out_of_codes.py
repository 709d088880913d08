"""A distribution that finds no code is paused by the control task, until another version of it is live."""

from typing import Any

import orjson
import pytest

from streamproc.domain.configuration import decode_definition
from tests.support.configuration import campaign, distribution, manual, segment
from tests.support.control import HOLD, ControlTask

CODES = {"type": "codes", "campaign_id": "camp_1"}
PAUSED: tuple[str, int, str | None] = ("paused", 0, "out_of_codes")


@pytest.fixture
def control() -> ControlTask:
    control = ControlTask()
    control.push("campaigns", campaign())
    control.push("segments", segment())
    return control


def definition(control: ControlTask) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(control.stores["definitions"].get(b"distributions/distr_1") or b"")
    return told


def test_it_is_paused_for_all_workers_and_its_status_says_why(control: ControlTask) -> None:
    record = distribution(action=CODES, note='},"object":')
    control.push("distributions", record)
    control.report("out_of_codes", "distr_1:0", 1)
    assert control.states["distr_1"] == PAUSED
    assert definition(control) == {
        "kind": "distributions",
        "id": "distr_1",
        "version": 0,
        "halted": "out_of_codes",
        "object": record,
    }
    read = decode_definition(control.stores["definitions"].get(b"distributions/distr_1") or b"")
    assert (read.record, read.halted, read.is_live) == (record, "out_of_codes", False)
    assert control.log[-1]["problem"] == "out_of_codes"


def test_it_stays_paused_over_a_restart_and_when_it_is_read_again(control: ControlTask) -> None:
    record = control.pushed("distributions", distribution(action=CODES))
    control.take(control.slice("distributions", record))
    control.report("out_of_codes", "distr_1:0", 1)
    control.restart()
    control.take(control.slice("distributions", record))
    control.push("campaigns", campaign(name="Other"))
    assert control.states["distr_1"] == PAUSED


def test_the_next_live_version_lets_it_go_on_and_a_report_about_the_last_one_does_not_stop_that(
    control: ControlTask,
) -> None:
    control.push("distributions", distribution(action=CODES))
    control.report("out_of_codes", "distr_1:0", 0)
    control.push("distributions", distribution(action=CODES))
    control.report("out_of_codes", "distr_1:0", 1)
    assert control.states["distr_1"] == ("live", 1, None)
    assert "halted" not in definition(control)


@pytest.mark.parametrize("status", ["draft", "paused"])
def test_one_that_is_not_live_stays_as_it_is(control: ControlTask, status: str) -> None:
    control.push("distributions", distribution(action=CODES, status=status))
    control.report("out_of_codes", "distr_1:0", 1)
    control.report("out_of_codes", "distr_9:0", 1)
    assert control.states["distr_1"] == (status, 0, None)


def test_a_release_is_stopped_and_resumed(control: ControlTask) -> None:
    control.push("distributions", manual(action=CODES))
    control.wait(HOLD)
    send = next(command for _, command in control.commands if command["kind"] == "send")
    assert send["action"] == {"campaign": campaign()}
    control.report("out_of_codes", "distr_1:0", 1)
    for partition in (0, 1):
        control.report("stop", "distr_1:1", partition, emitted=1, remaining=2)
    seen = control.states["distr_1"]
    control.push("distributions", manual(action=CODES))
    assert (seen, control.states["distr_1"]) == (PAUSED, ("sending", 1, None))
    assert control.receipts == [("held", 0, 0), ("released", 0, 0), ("stopped", 0, 2), ("resumed", 1, 2)]


def test_a_release_that_is_over_is_halted_no_more_so_that_its_requests_can_go_on(control: ControlTask) -> None:
    control.push("distributions", manual(action=CODES))
    control.wait(HOLD)
    control.report("send", "distr_1", 0, emitted=1)
    control.report("out_of_codes", "distr_1:0", 1)
    assert definition(control)["halted"] == "out_of_codes"
    control.report("stop", "distr_1:1", 1, emitted=1, remaining=0)
    assert control.states["distr_1"] == ("done", 0, None)
    assert "halted" not in definition(control)
    control.report("out_of_codes", "distr_1:0", 1)
    assert "halted" not in definition(control)
