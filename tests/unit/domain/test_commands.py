"""Commands and reports: what is written is what the schemas show, and what is read is what was written."""

import orjson
import pytest
from jsonschema import Draft202012Validator

from streamproc.cli.schemas import FOLDER, schema
from streamproc.domain import commands
from streamproc.domain.commands import Command, Report, decode_report

EXAMPLES = FOLDER / "examples" / "partition-commands" / "valid"
DEFINITION = b'{"kind":"x","id":"distr_1","version":4,"object":{"big":1E9}}'
CARRIED = orjson.loads(DEFINITION)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (commands.sync_command("seg_1", 4, DEFINITION), {"id": "sync:seg_1:4", "kind": "sync", "segment": CARRIED}),
        (commands.drop_command("seg_1", 5), {"id": "drop:seg_1:5", "kind": "drop", "segment_id": "seg_1"}),
        (commands.count_command("seg_1", 5), {"id": "count:seg_1:5", "kind": "count", "segment_id": "seg_1"}),
        (
            commands.send_command("distr_1", DEFINITION, {"campaign": {"id": "c"}}, {"segment_id": "seg_1"}),
            {
                "id": "send:distr_1",
                "kind": "send",
                "distribution": CARRIED,
                "action": {"campaign": {"id": "c"}},
                "segment_id": "seg_1",
            },
        ),
        (
            commands.send_command("distr_1", DEFINITION, {}, {"customer": {"id": "cust_1"}}),
            {
                "id": "send:distr_1",
                "kind": "send",
                "distribution": CARRIED,
                "action": {},
                "customer": {"id": "cust_1"},
            },
        ),
        (commands.stop_command("distr_1", 2), {"id": "stop:distr_1:2", "kind": "stop", "distribution_id": "distr_1"}),
        (
            commands.resume_command("distr_1", 2, DEFINITION, {}),
            {"id": "resume:distr_1:2", "kind": "resume", "distribution": CARRIED, "action": {}},
        ),
        (commands.end_command("distr_1"), {"id": "end:distr_1", "kind": "end", "distribution_id": "distr_1"}),
        (
            commands.backfill_command("distr_1", DEFINITION, {}, "seg_1"),
            {
                "id": "backfill:distr_1",
                "kind": "backfill",
                "distribution": CARRIED,
                "action": {},
                "segment_id": "seg_1",
            },
        ),
        (
            commands.narrowed({"id": "tick:2026-11-24", "kind": "tick", "subject": "2026-11-24", "at": 7}, "cust_1"),
            {
                "id": "tick:2026-11-24:cust_1",
                "kind": "tick",
                "subject": "2026-11-24",
                "at": 7,
                "customer": {"id": "cust_1"},
            },
        ),
    ],
    ids=lambda value: value.id if isinstance(value, Command) else "",
)
def test_a_command_carries_what_it_acts_on(command: Command, expected: dict[str, object]) -> None:
    written = orjson.loads(command.body)
    assert (command.id, written) == (expected["id"], expected)
    Draft202012Validator(schema("partition-commands")).validate(written)


def test_a_definition_goes_into_a_command_as_its_bytes_stand() -> None:
    assert DEFINITION in commands.sync_command("seg_1", 4, DEFINITION).body


def test_each_kind_of_command_has_an_example() -> None:
    shown = {orjson.loads(file.read_bytes())["kind"] for file in EXAMPLES.iterdir()}
    assert shown == commands.KINDS


def test_a_report_is_read_as_it_was_written() -> None:
    report = Report("stop:distr_1:1", "stop", 3, 10, 5, 4, 1, 20, done=True, remaining=7)
    Draft202012Validator(schema("partition-reports")).validate(orjson.loads(report.encode()))
    assert decode_report(report.encode()) == report


def test_what_a_report_has_beside_is_passed_over() -> None:
    record = orjson.loads(Report("sync:seg_1:4", "sync", 0).encode()) | {"seconds": 4}
    assert decode_report(orjson.dumps(record)) == Report("sync:seg_1:4", "sync", 0)
