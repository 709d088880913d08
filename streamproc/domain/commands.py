"""What the control task asks of the customer tasks, and how they answer: ids, bytes, and what the numbers mean.

A command carries whole what it acts on, so that a task needs nothing else to obey it. The commands of one partition
are obeyed in their order. Each is answered, at last by a report with `done`, also where there is nothing to do; a walk
that a `stop` or an `end` breaks off says no more itself.

The numbers of a report are sums, never differences, so a report that is read twice changes nothing. Those of a release
belong to the release, whatever command they answer: what a `resume` reports goes on from what the `send` had come to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import orjson

from streamproc.domain.outcomes import Parked

CommandKind = Literal["sync", "drop", "count", "send", "stop", "resume", "end", "backfill"]
# A tick is never asked for but for one customer, to whom it could not be brought.
KINDS = frozenset({*get_args(CommandKind), "tick"})
#: What is reported: an answer to a command, or that a distribution has asked for codes in vain.
ReportKind = CommandKind | Literal["out_of_codes"]


@dataclass(frozen=True, slots=True)
class Command:
    """One command, as it is written to each partition that it concerns: `id` is the record's key."""

    id: str
    body: bytes


def read_command(value: bytes | None) -> dict[str, Any] | Parked:
    """Check the bytes of a record of `partition-commands` and decode them."""
    try:
        told = orjson.loads(value or b"")
    except orjson.JSONDecodeError as error:
        return Parked("invalid_json", str(error))
    if type(told) is not dict or type(told.get("id")) is not str or told.get("kind") not in KINDS:
        return Parked("invalid_event", "not an object with an id and the kind of a command")
    return told


@dataclass(frozen=True, slots=True)
class Report:
    """How far one partition has come with one command, or what has become of it.

    `scanned` of `total` customers were looked at, `matched` of them are meant. `emitted` counts jobs,
    `undeliverable` channels that could not go. `remaining`, of a stop or an end: customers not reached.
    """

    command_id: str
    kind: ReportKind
    partition: int
    scanned: int = 0
    matched: int = 0
    emitted: int = 0
    undeliverable: int = 0
    total: int = 0
    done: bool = False
    remaining: int = 0

    def encode(self) -> bytes:
        """Return the value of its record in `partition-reports`; the key is the command's id."""
        return orjson.dumps(self)


def decode_report(value: bytes) -> Report:
    """Read a report back; fields that this release does not know are passed over."""
    record = orjson.loads(value)
    return Report(**{name: record[name] for name in Report.__dataclass_fields__ if name in record})


def read_subject(report: Report) -> tuple[str, int]:
    """Read from a report's command whom it is about, and the number behind that: a version, or that of a stop."""
    subject = report.command_id.removeprefix(f"{report.kind}:")
    if report.kind in {"send", "end", "backfill"}:
        return subject, 0
    subject, _, number = subject.rpartition(":")
    return subject, int(number)


def out_of_codes_report(distribution_id: str, version: int, partition: int) -> Report:
    """Tell that this version of a distribution needs a code and there is none; nobody has commanded that."""
    return Report(f"out_of_codes:{distribution_id}:{version}", "out_of_codes", partition, done=True)


def sync_command(segment_id: str, version: int, definition: bytes) -> Command:
    """Look at every customer for a new or changed segment; `definition` is its record as in `definitions`."""
    return _command("sync", f"sync:{segment_id}:{version}", {"segment": orjson.Fragment(definition)})


def drop_command(segment_id: str, version: int) -> Command:
    """Forget a segment that was deleted by the record with this offset."""
    return _command("drop", f"drop:{segment_id}:{version}", {"segment_id": segment_id})


def count_command(segment_id: str, number: int) -> Command:
    """Count the members of a segment; `number` is the version of the distribution for which that is asked."""
    return _command("count", f"count:{segment_id}:{number}", {"segment_id": segment_id})


def send_command(
    distribution_id: str, definition: bytes, action: Mapping[str, Any], audience: dict[str, Any]
) -> Command:
    """Send a manual distribution to its audience, either `segment_id` or `customer`.

    `definition` is its record as in `definitions`; `action` has the objects that its action adds.
    """
    carried = {"distribution": orjson.Fragment(definition), "action": action, **audience}
    return _command("send", f"send:{distribution_id}", carried)


def stop_command(distribution_id: str, number: int) -> Command:
    """Stop sending, keeping the place; `number` counts the stops of this distribution."""
    return _command("stop", f"stop:{distribution_id}:{number}", {"distribution_id": distribution_id})


def resume_command(distribution_id: str, number: int, definition: bytes, action: Mapping[str, Any]) -> Command:
    """Go on after the stop of this number, with the version that is in force now."""
    carried = {"distribution": orjson.Fragment(definition), "action": action}
    return _command("resume", f"resume:{distribution_id}:{number}", carried)


def end_command(distribution_id: str) -> Command:
    """Stop sending for good."""
    return _command("end", f"end:{distribution_id}", {"distribution_id": distribution_id})


def backfill_command(distribution_id: str, definition: bytes, action: Mapping[str, Any], segment_id: str) -> Command:
    """Treat the present members of a segment as having entered it, for this distribution alone."""
    carried = {"distribution": orjson.Fragment(definition), "action": action, "segment_id": segment_id}
    return _command("backfill", f"backfill:{distribution_id}", carried)


def narrowed(told: Mapping[str, Any], customer_id: str) -> Command:
    """Narrow a command to one customer, for whom it could not be obeyed: what `dead-letters` has of it."""
    carried = {name: value for name, value in told.items() if name not in {"id", "kind"}}
    return _command(told["kind"], f"{told['id']}:{customer_id}", carried | {"customer": {"id": customer_id}})


def _command(kind: CommandKind, command_id: str, carried: Mapping[str, Any]) -> Command:
    return Command(command_id, orjson.dumps({"id": command_id, "kind": kind, **carried}))
