import orjson
import pytest
from click.testing import CliRunner

from streamproc.cli import main
from streamproc.cli.get import as_text, not_in_force
from streamproc.cli.in_force import ObjectsInForce
from streamproc.processing.processor import Slice
from tests.support.configuration import distribution, dynamic_segment, segment
from tests.support.control import ControlTask

BLOCKED = {"distribution_id": "distr_1", "version": 3, "state": "blocked", "problem": "missing segments seg_1"}


def definition(kind: str, version: int, record: dict[str, object]) -> bytes:
    return orjson.dumps({"kind": kind, "id": record["id"], "version": version, "object": record})


def distributions() -> ObjectsInForce:
    found = ObjectsInForce("distributions")
    found.take("definitions", b"distributions/distr_1", definition("distributions", 3, distribution()))
    found.take("distribution-status", b"distr_1", orjson.dumps(BLOCKED))
    return found


def test_a_distribution_is_shown_with_version_state_and_problem() -> None:
    assert distributions().row("distr_1") == {
        "kind": "distributions",
        "id": "distr_1",
        "version": 3,
        "state": "blocked",
        "problem": "missing segments seg_1",
        "object": distribution(),
    }


def test_another_object_has_a_version_and_no_state() -> None:
    found = ObjectsInForce("segments")
    found.take("definitions", b"segments/a/b", definition("segments", 7, segment(id="a/b")))
    assert found.ids() == ["a/b"]
    assert found.row("a/b") == {"kind": "segments", "id": "a/b", "version": 7, "object": segment(id="a/b")}


def test_the_last_record_counts_and_a_null_takes_an_object_away() -> None:
    found = distributions()
    found.take("definitions", b"distributions/distr_1", definition("distributions", 4, distribution(name="New")))
    assert (found.row("distr_1") or {})["version"] == 4
    found.take("definitions", b"distributions/distr_1", None)
    found.take("distribution-status", b"distr_1", None)
    assert (found.ids(), found.row("distr_1"), found.status("distr_1")) == ([], None, {})


def test_other_kinds_and_records_without_a_key_are_passed_over() -> None:
    found = ObjectsInForce("segments")
    found.take("definitions", b"campaigns/camp_1", b"{}")
    found.take("definitions", None, b"{}")
    assert found.ids() == []


def test_what_is_not_in_force_is_told_with_the_reason_for_which_it_was_rejected() -> None:
    found = ObjectsInForce("distributions")
    assert not_in_force(found, "distr_9") == "no distributions/distr_9 in force"
    rejected = {**BLOCKED, "state": "rejected", "problem": "schema at $.channels: too short"}
    found.take("distribution-status", b"distr_1", orjson.dumps(rejected))
    assert not_in_force(found, "distr_1") == (
        "no distributions/distr_1 in force; rejected: schema at $.channels: too short"
    )


def test_of_a_segment_the_version_is_told_that_is_being_synced_until_it_has_been() -> None:
    task = ControlTask(partitions=1)
    found = ObjectsInForce("segments")

    def look() -> None:
        for topic in ("definitions", "control-state"):
            for key, value in task.stores[topic].items():
                found.take(topic, key, value)

    first = task.pushed("segments", dynamic_segment())
    task.take(Slice("segments", 0, [first]))
    look()
    assert not_in_force(found, "seg_gold") == "no segments/seg_gold in force; version 0 is being synced"
    found.take("control-state", b"pending/seg_gold", None)
    found.take("definitions", b"segments/seg_gold", definition("segments", 0, dynamic_segment()))
    assert (found.row("seg_gold") or {}).keys() == {"kind", "id", "version", "object"}
    changed = task.pushed("segments", dynamic_segment(filter={"metadata.club": {"conditions": {"$is": "tin"}}}))
    task.take(Slice("segments", 0, [changed]))
    look()
    row = found.row("seg_gold") or {}
    assert (row["version"], row["syncing"]) == (0, 1)
    assert as_text(row).splitlines()[:2] == ["segments/seg_gold: version 0", "    version 1 is being synced"]


def test_people_see_a_line_the_problem_and_the_object() -> None:
    row = distributions().row("distr_1") or {}
    assert as_text({**row, "object": {"id": "distr_1"}}).splitlines() == [
        "distributions/distr_1: version 3, blocked",
        "    missing segments seg_1",
        "{",
        '  "id": "distr_1"',
        "}",
    ]


@pytest.mark.parametrize("command", [["get", "triggers"], ["get"], ["get", "distribution-status"]])
def test_a_kind_is_one_of_four(command: list[str]) -> None:
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, result.stdout) == (2, "")


def test_brokers_that_are_not_there_end_it_with_2() -> None:
    result = CliRunner().invoke(main, ["get", "segments", "--kafka", "127.0.0.1:1"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: brokers at 127.0.0.1:1: " in result.stderr
