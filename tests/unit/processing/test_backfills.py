"""Backfills: a distribution that includes current members reaches them once in its life."""

from typing import Any

import pytest

from tests.support.configuration import campaign, distribution, manual, segment
from tests.support.control import ControlTask


def including(*, include: bool = True, **fields: Any) -> dict[str, Any]:
    trigger = {"event": "customer.segment.entered", "segment_id": "seg_1", "include_current_members": include}
    return distribution(trigger=trigger, **fields)


@pytest.fixture
def control() -> ControlTask:
    control = ControlTask()
    control.push("segments", segment())
    return control


def test_the_command_goes_to_every_partition_when_the_distribution_is_first_in_force(control: ControlTask) -> None:
    control.push("distributions", including())
    definition = {"kind": "distributions", "id": "distr_1", "version": 0, "object": including()}
    command = {
        "id": "backfill:distr_1",
        "kind": "backfill",
        "distribution": definition,
        "action": {},
        "segment_id": "seg_1",
    }
    assert control.commands == [(0, command), (1, command)]


@pytest.mark.parametrize("record", [including(include=False), including(status="draft"), including(status="paused")])
def test_nothing_is_sent_for_others(control: ControlTask, record: dict[str, Any]) -> None:
    control.push("distributions", record)
    assert control.commands == []


def test_it_begins_when_nothing_blocks_the_distribution_any_more(control: ControlTask) -> None:
    control.push("distributions", including(action={"type": "promotion", "promotion_tier_id": "promo_1"}))
    assert control.commands == []
    control.push("campaigns", campaign())
    assert control.command_ids(0) == ["backfill:distr_1"]
    assert control.commands[0][1]["action"]["campaign"] == campaign()


def test_it_is_done_once_in_the_life_of_the_id(control: ControlTask) -> None:
    control.push("distributions", including())
    control.report("backfill", "distr_1", 0)
    control.push("distributions", including(name="Edited"))
    control.report("backfill", "distr_1", 1)
    control.restart()
    control.push("distributions", None, "distr_1")
    control.push("distributions", including())
    assert control.command_ids(0) == ["backfill:distr_1"]


def test_it_stops_and_goes_on_with_its_distribution(control: ControlTask) -> None:
    control.push("distributions", including())
    control.push("distributions", including(status="paused"))
    control.report("stop", "distr_1:1", 0, emitted=1, remaining=4)
    control.report("backfill", "distr_1", 1, emitted=2)
    control.push("distributions", including(name="Edited"))
    assert control.command_ids(0) == ["backfill:distr_1", "stop:distr_1:1", "resume:distr_1:1"]
    assert control.command_ids(1) == ["backfill:distr_1", "stop:distr_1:1"]
    assert control.commands[-1][1]["distribution"]["version"] == 2
    control.report("resume", "distr_1:1", 0, emitted=5)
    assert control.statuses["distr_1"] == {"distribution_id": "distr_1", "version": 2, "state": "live"}
    assert control.receipts == []


def test_it_ends_with_the_deletion_of_its_distribution_and_never_begins_again(control: ControlTask) -> None:
    control.push("distributions", including())
    control.push("distributions", None, "distr_1")
    for partition in (0, 1):
        control.report("end", "distr_1", partition, emitted=1, remaining=4)
    control.push("distributions", including())
    assert control.command_ids(0) == ["backfill:distr_1", "end:distr_1"]


def test_an_edit_leaves_it_alone(control: ControlTask) -> None:
    control.push("distributions", including())
    control.push("distributions", including(name="Edited"))
    assert control.command_ids(0) == ["backfill:distr_1"]


def test_whoever_was_reached_by_a_backfill_is_not_reached_by_a_release_of_the_same_id(control: ControlTask) -> None:
    control.push("distributions", including())
    verdict = control.push("distributions", manual())
    assert [error["code"] for error in verdict["errors"]] == ["already_sent"]


def test_the_status_shows_how_far_it_is_until_it_is_done(control: ControlTask) -> None:
    control.push("distributions", including())
    control.report("backfill", "distr_1", 0, emitted=4)
    control.report("backfill", "distr_1", 1, done=False, emitted=2, undeliverable=1)
    assert control.statuses["distr_1"] == {
        "distribution_id": "distr_1",
        "version": 0,
        "state": "live",
        "progress": {"emitted": 6, "undeliverable": 1, "partitions_done": 1, "partitions": 2},
    }
    control.report("backfill", "distr_1", 1, emitted=3)
    assert control.statuses["distr_1"] == {"distribution_id": "distr_1", "version": 0, "state": "live"}
