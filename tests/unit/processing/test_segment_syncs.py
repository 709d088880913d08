"""Segments in the control task: synced before they enter force, superseded, dropped; and what waits for them."""

from typing import Any

import pytest

from streamproc.processing.processor import Slice
from tests.support.configuration import distribution, manual, segment
from tests.support.control import HOLD, MINUTE, ControlTask


def gold(plan: str = "gold", **fields: Any) -> dict[str, Any]:
    """A segment with a filter."""
    filters = {"metadata.plan": {"conditions": {"$is": [plan]}}}
    return {"id": "seg_1", "name": "Gold", "type": "dynamic", "filter": filters} | fields


def listed(*customers: str) -> dict[str, Any]:
    return {"id": "seg_1", "name": "Testers", "type": "static", "customers": list(customers)}


ENTERED = distribution(trigger={"event": "customer.segment.entered", "segment_id": "seg_1"})


@pytest.fixture
def control() -> ControlTask:
    return ControlTask()


@pytest.mark.parametrize("record", [gold(), listed("cust_1")])
def test_a_computed_segment_enters_force_when_all_partitions_have_looked(
    control: ControlTask, record: dict[str, Any]
) -> None:
    verdict = control.push("segments", record)
    assert (verdict["accepted"], verdict["version"], verdict["in_force_version"]) == (True, 0, None)
    definition = {"kind": "segments", "id": "seg_1", "version": 0, "object": record}
    command = {"id": "sync:seg_1:0", "kind": "sync", "segment": definition}
    assert (control.commands, control.in_force) == ([(0, command), (1, command)], {})
    control.report("sync", "seg_1:0", 0)
    control.report("sync", "seg_1:0", 1, done=False)
    assert control.in_force == {}
    control.report("sync", "seg_1:0", 1)
    assert control.in_force == {"segments/seg_1": 0}


def test_an_external_segment_enters_force_at_once(control: ControlTask) -> None:
    assert control.push("segments", segment())["in_force_version"] == 0
    assert (control.in_force, control.commands) == ({"segments/seg_1": 0}, [])


def test_the_earlier_version_stays_in_force_while_a_changed_one_is_synced(control: ControlTask) -> None:
    control.push("segments", gold())
    control.synced("seg_1", 0)
    control.push("distributions", ENTERED)
    verdict = control.push("segments", gold("silver"))
    assert (verdict["accepted"], verdict["in_force_version"]) == (True, 0)
    assert control.in_force["segments/seg_1"] == 0
    assert control.states["distr_1"] == ("live", 0, None)
    control.synced("seg_1", 1)
    assert control.in_force["segments/seg_1"] == 1


def test_a_later_version_supersedes_a_sync_and_reports_about_that_count_no_more(control: ControlTask) -> None:
    control.push("segments", gold())
    control.report("sync", "seg_1:0", 0)
    control.push("segments", gold("silver"))
    control.synced("seg_1", 0)
    assert control.in_force == {}
    control.synced("seg_1", 1)
    assert control.in_force == {"segments/seg_1": 1}
    assert control.command_ids(0) == ["sync:seg_1:0", "sync:seg_1:1"]


def test_one_that_selects_what_it_did_before_waits_for_no_sync(control: ControlTask) -> None:
    control.push("segments", gold())
    control.synced("seg_1", 0)
    assert control.push("segments", gold())["in_force_version"] == 1
    assert control.push("segments", gold(name="Renamed"))["in_force_version"] == 2
    assert control.in_force == {"segments/seg_1": 2}
    assert control.command_ids(0) == ["sync:seg_1:0", "sync:seg_1:2"], "the partitions use its name"
    control.synced("seg_1", 2)
    assert control.in_force == {"segments/seg_1": 2}


@pytest.mark.parametrize(
    ("before", "after", "syncs"),
    [
        (listed("a", "b"), listed("b", "a", "b"), False),
        (listed("a", "b"), listed("b"), True),
        (gold(filter={"name": {}, "email": {}}), gold(filter={"email": {}, "name": {}}), False),
        (
            gold(filter={"metadata.a": {"conditions": {"$is": [True]}}}),
            gold(filter={"metadata.a": {"conditions": {"$is": [1]}}}),
            True,
        ),
        (listed("a"), gold(), True),
    ],
)
def test_what_a_segment_selects_is_compared_as_json_means_it(
    control: ControlTask, before: dict[str, Any], after: dict[str, Any], syncs: bool
) -> None:
    control.push("segments", before)
    control.synced("seg_1", 0)
    control.push("segments", after)
    assert control.in_force["segments/seg_1"] == (0 if syncs else 1)


def test_the_filter_in_force_syncs_again_when_it_takes_the_place_of_another_one_half_way(control: ControlTask) -> None:
    control.push("segments", gold())
    control.synced("seg_1", 0)
    control.push("segments", gold("silver"))
    control.push("segments", gold())
    assert control.command_ids(0)[-1] == "sync:seg_1:2"
    assert control.in_force == {"segments/seg_1": 0}


def test_a_deleted_segment_is_dropped_everywhere_with_its_sync(control: ControlTask) -> None:
    control.push("segments", gold())
    control.push("segments", None, "seg_1")
    assert control.command_ids(1) == ["sync:seg_1:0", "drop:seg_1:1"]
    control.synced("seg_1", 0)
    control.report("drop", "seg_1:1", 0)
    assert control.in_force == {}
    kept = [key for key, _ in control.stores["control-state"].items() if not key.startswith(b"read/")]
    assert kept == []


def test_deleting_an_external_segment_drops_nothing(control: ControlTask) -> None:
    control.push("segments", segment())
    control.push("segments", None, "seg_1")
    assert (control.in_force, control.commands) == ({}, [])


def test_a_computed_segment_that_upstream_keeps_from_now_on_is_dropped_and_enters_at_once(
    control: ControlTask,
) -> None:
    control.push("segments", gold())
    control.synced("seg_1", 0)
    control.push("segments", segment())
    assert control.command_ids(0) == ["sync:seg_1:0", "drop:seg_1:1"]
    assert control.in_force == {"segments/seg_1": 1}


def test_a_segment_that_upstream_kept_and_that_is_computed_from_now_on_is_synced(control: ControlTask) -> None:
    control.push("segments", segment())
    control.push("segments", gold())
    assert (control.in_force, control.command_ids(0)) == ({"segments/seg_1": 0}, ["sync:seg_1:1"])


def test_an_automatic_distribution_is_blocked_until_its_segment_is_known(control: ControlTask) -> None:
    control.push("distributions", ENTERED)
    seen = [control.states["distr_1"]]
    control.push("segments", gold())
    seen.append(control.states["distr_1"])
    control.synced("seg_1", 0)
    seen.append(control.states["distr_1"])
    assert seen == [
        ("blocked", 0, "missing segments seg_1"),
        ("blocked", 0, "syncing segments seg_1"),
        ("live", 0, None),
    ]


def test_a_verdict_names_the_sync_that_is_waited_for(control: ControlTask) -> None:
    control.push("segments", gold())
    assert control.push("distributions", ENTERED)["blocked"] == ["syncing segments seg_1"]


def test_the_hold_counts_from_the_end_of_the_sync_and_the_status_shows_how_far_that_is(control: ControlTask) -> None:
    control.push("segments", gold())
    control.push("distributions", manual())
    control.wait(9 * MINUTE)
    control.report("sync", "seg_1:0", 0, done=False, scanned=5, total=8)
    control.report("sync", "seg_1:0", 1, scanned=4, total=4)
    assert control.statuses["distr_1"] == {
        "distribution_id": "distr_1",
        "version": 0,
        "state": "syncing",
        "sync": {"segment_id": "seg_1", "scanned": 9, "total": 12, "partitions_done": 1, "partitions": 2},
        "problem": "syncing segments seg_1",
    }
    control.wait(9 * MINUTE)
    control.report("sync", "seg_1:0", 0, scanned=8, total=8)
    assert control.holds["distr_1"]["due_at"] == control.now + HOLD
    control.wait(HOLD - 1)
    assert len(control.commands) == 2
    control.wait(1)
    assert control.command_ids(0) == ["sync:seg_1:0", "send:distr_1"]


def test_a_segment_that_changes_during_the_hold_moves_the_due_time_behind_its_sync(control: ControlTask) -> None:
    control.push("segments", gold())
    control.synced("seg_1", 0)
    control.push("distributions", manual())
    control.wait(9 * MINUTE)
    control.push("segments", gold("silver"))
    assert control.states["distr_1"] == ("syncing", 0, "syncing segments seg_1")
    control.wait(2 * MINUTE)
    control.synced("seg_1", 1)
    assert control.holds["distr_1"]["due_at"] == control.now + HOLD


def test_a_segment_that_is_only_renamed_during_the_hold_does_not(control: ControlTask) -> None:
    control.push("segments", gold())
    control.synced("seg_1", 0)
    control.wait(MINUTE)
    control.push("distributions", manual())
    due_at = control.holds["distr_1"]["due_at"]
    control.wait(MINUTE)
    control.push("segments", gold(name="Renamed"))
    assert control.holds["distr_1"]["due_at"] == due_at == control.now - MINUTE + HOLD


def test_an_edit_to_another_segment_counts_from_the_later_of_saving_and_that_ones_sync(control: ControlTask) -> None:
    control.push("segments", gold(id="seg_2"))
    control.push("segments", segment())
    control.push("distributions", manual())
    saved_at = control.now
    control.wait(5 * MINUTE)
    control.synced("seg_2", 0)
    synced_at = control.now
    control.wait(MINUTE)
    control.push("distributions", manual(audience={"segment_id": "seg_2"}))
    moved = control.holds["distr_1"]["due_at"]
    control.push("distributions", manual())
    assert (moved, control.holds["distr_1"]["due_at"]) == (synced_at + HOLD, saved_at + HOLD)


def test_a_sync_goes_on_after_a_restart(control: ControlTask) -> None:
    control.push("segments", gold(note=1e15))
    control.push("distributions", manual())
    control.report("sync", "seg_1:0", 0)
    control.restart()
    assert control.push("distributions", manual(id="distr_2", name="Two"))["blocked"] == ["syncing segments seg_1"]
    control.report("sync", "seg_1:0", 1)
    assert control.in_force["segments/seg_1"] == 0
    assert control.states["distr_1"][0] == "held"


def test_segments_that_are_read_again_are_not_synced_again(control: ControlTask) -> None:
    records = [
        control.pushed("segments", gold()),
        control.pushed("segments", gold("silver")),
        control.pushed("segments", None, "seg_1"),
        control.pushed("segments", gold("silver")),
        control.pushed("segments", segment(id="seg_2")),
    ]
    control.take(Slice("segments", 0, records))
    control.synced("seg_1", 3)
    control.push("distributions", manual())
    commands, before = list(control.commands), (control.in_force, control.statuses)
    control.restart()
    for record in records:
        control.take(Slice("segments", 0, [record]))
    assert (control.commands, (control.in_force, control.statuses)) == (commands, before)
