"""`streamproc customers`: who matches, before anything is saved."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import click
import orjson
from rich.table import Table

from streamproc.cli.asked_filter import FilterRefusedError, read_asked_filter
from streamproc.cli.connection import connection_options, reach
from streamproc.cli.customer_search import Belongs, Found, search
from streamproc.cli.examples import examples
from streamproc.cli.get import not_in_force
from streamproc.cli.in_force import read_in_force
from streamproc.cli.tables import cell, console, id_table
from streamproc.cli.time_zone import time_zone_option
from streamproc.clock import now_milliseconds
from streamproc.domain.attributes import compile_attribute
from streamproc.domain.configuration import InForce
from streamproc.domain.customers import CustomerState
from streamproc.domain.problems import Problem
from streamproc.domain.rules import compile_filter
from streamproc.domain.rules.check_filter import filter_attributes
from streamproc.matching.segments import ComputedSegment
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic

_MOST_SHOWN = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of each customer, and which attributes the answer hangs on; `listed` are whom a segment names."""

    belongs: Belongs
    attributes: tuple[str, ...] = ()
    listed: int | None = None
    warnings: Sequence[Problem] = ()


@click.command(
    epilog=examples(
        "streamproc customers --segment seg_vip",
        "streamproc customers --filter shop/segments/gold.json --sample 3",
        """streamproc customers --filter '{"metadata.club": {"conditions": {"$is": "gold"}}}'""",
    )
)
@click.option("--segment", "segment_id", metavar="ID", help="A segment that is in force.")
@click.option(
    "--filter", "asked", metavar="FILE|JSON", help="A filter, or a segment that has one; - is standard input."
)
@click.option(
    "--sample", type=click.IntRange(0, _MOST_SHOWN), default=10, show_default=True, help="How many are shown, at most."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@time_zone_option
@connection_options
def customers(
    *, kafka: Kafka, segment_id: str | None, asked: str | None, sample: int, as_json: bool, zone: ZoneInfo
) -> None:
    """Count the customers who match, and show some of them.

    Asked of everybody who is known, at this moment: the filter of --filter, that of a dynamic --segment, or the list
    of a static one; of an external one those who have entered it. Reads all of the topic customer-state. A sample
    is drawn from all that match, the same each time, and shows what the filter reads of them.

    Exit status: 0; 1 when no such segment is in force; 2 when the filter is refused (with --json: {"errors": [...]}),
    or the brokers or topics are not there.
    """
    if segment_id is not None and asked is None:
        question = _of_segment(kafka, segment_id, zone)
    elif asked is not None and segment_id is None:
        question = _of_filter(asked, zone, as_json=as_json)
    else:
        raise click.UsageError("give --segment or --filter, one of them")
    for one in question.warnings:
        click.echo(f"warning: {one.code} at {one.path}: {one.message}", err=True)
    now = _EPOCH + timedelta(milliseconds=now_milliseconds())
    found = reach(kafka, search(kafka, question.belongs, now, sample))
    if as_json:
        click.echo(orjson.dumps(as_document(question, found)))
        return
    for line in as_lines(question, found):
        click.echo(line)
    if found.sample:
        console().print(_table(question, found))


def _of_filter(asked: str, zone: tzinfo, *, as_json: bool) -> Question:
    try:
        given = read_asked_filter(asked)
    except FilterRefusedError as refused:
        if as_json:
            click.echo(orjson.dumps({"errors": [asdict(problem) for problem in refused.problems]}))
        else:
            click.echo(str(refused), err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    compiled = compile_filter(given.filter, zone)
    return Question(
        lambda state, _, now: compiled.holds(state, now), tuple(filter_attributes(given.filter)), None, given.warnings
    )


def _of_segment(kafka: Kafka, segment_id: str, zone: tzinfo) -> Question:
    in_force = reach(kafka, read_in_force(kafka, Topic.SEGMENTS))
    row = in_force.row(segment_id)
    if row is None:
        told = not_in_force(in_force, segment_id)
        if segment_id in in_force.syncing:
            told += "; until it is, --filter takes it from its file"
        click.echo(f"Error: {told}", err=True)
        sys.exit(1)
    record: dict[str, Any] = row["object"]
    if record["type"] == "external":
        return Question(lambda state, *_: segment_id in state.memberships)
    segment = ComputedSegment(InForce(Topic.SEGMENTS, segment_id, row["version"], record), zone)
    if record["type"] == "static":
        return Question(segment.holds, (), len(set(record["customers"])))
    return Question(segment.holds, tuple(filter_attributes(record["filter"])))


def as_document(question: Question, found: Found) -> dict[str, Any]:
    """Return the answer for machines. `unknown`: those of a static segment of whom nothing is known."""
    document: dict[str, Any] = {"matching": found.matching, "customers": found.customers}
    if question.listed is not None:
        document["unknown"] = question.listed - found.matching
    document["sample"] = [_row(question, customer_id, state) for customer_id, state in found.sample]
    return document | {"warnings": [asdict(problem) for problem in question.warnings]}


def as_lines(question: Question, found: Found) -> list[str]:
    """Return the counts for people."""
    lines = [f"{found.matching:,} of {found.customers:,} customers match"]
    if question.listed is not None and question.listed > found.matching:
        lines.append(f"{question.listed - found.matching:,} more are in its list, and nothing is known of them")
    return lines


def _row(question: Question, customer_id: str, state: CustomerState | None) -> dict[str, Any]:
    """Return one customer of the sample: id, name, and what the filter reads."""
    if state is None:
        return {"id": customer_id, "name": None, "attributes": {}}
    attributes = {path: compile_attribute(path)(state) for path in question.attributes}
    return {"id": customer_id, "name": state.profile.get("name"), "attributes": attributes}


def _table(question: Question, found: Found) -> Table:
    paths = [path for path in question.attributes if path != "name"]
    table = id_table([customer_id for customer_id, _ in found.sample], "id", "name", *paths)
    for customer_id, state in found.sample:
        row = _row(question, customer_id, state)
        told = (row["name"], *(row["attributes"].get(path) for path in paths))
        table.add_row(cell(customer_id), *(cell(_shown(value)) for value in told))
    return table


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
