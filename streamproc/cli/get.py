"""`streamproc get`: what is in force."""

import sys
from typing import Any

import click
import orjson
from rich.table import Table

from streamproc.cli.connection import connection_options, reach
from streamproc.cli.examples import examples
from streamproc.cli.in_force import ObjectsInForce, read_in_force
from streamproc.cli.tables import cell, console, id_table
from streamproc.domain.configuration import KINDS
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic


@click.command(
    epilog=examples(
        "streamproc get distributions",
        "streamproc get segments seg_vip",
        "streamproc get distributions distr_welcome --json",
    )
)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("object_id", metavar="[ID]", required=False)
@click.option("--json", "as_json", is_flag=True, help="One object a line, as JSON.")
@connection_options
def get(*, kafka: Kafka, kind: str, object_id: str | None, as_json: bool) -> None:
    """Show what is in force of a KIND, or the one object with this ID: version and content.

    Distributions have a state as well: draft, live, paused, or blocked, with what blocks them. What was rejected is
    not in force: the last good version is. Nor is a segment that is being synced, which is told of it by its ID.

    Exit status: 0; 1 when no object of this ID is in force; 2 when the brokers or topics are not there.
    """
    found = reach(kafka, read_in_force(kafka, kind))
    rows = [row for one in (found.ids() if object_id is None else [object_id]) if (row := found.row(one)) is not None]
    if object_id is not None and not rows:
        click.echo(f"Error: {not_in_force(found, object_id)}", err=True)
        sys.exit(1)
    if as_json:
        for row in rows:
            click.echo(orjson.dumps(row))
    elif object_id is None:
        console().print(_table(kind, rows))
    else:
        click.echo(as_text(rows[0]))


def not_in_force(found: ObjectsInForce, object_id: str) -> str:
    """Say that there is no such object, and why: a distribution was rejected, a segment is still being synced."""
    problem, coming = found.status(object_id).get("problem"), found.syncing_version(object_id)
    told = f"no {found.kind}/{object_id} in force"
    if problem:
        return f"{told}; rejected: {problem}"
    return told if coming is None else f"{told}; version {coming} is being synced"


def as_text(row: dict[str, Any]) -> str:
    """Return one object for people: a line with version and state, the problem, the object."""
    state = f", {row['state']}" if "state" in row else ""
    lines = [f"{row['kind']}/{row['id']}: version {row['version']}{state}"]
    if row.get("problem"):
        lines.append(f"    {row['problem']}")
    if "syncing" in row:
        lines.append(f"    version {row['syncing']} is being synced")
    return "\n".join([*lines, orjson.dumps(row["object"], option=orjson.OPT_INDENT_2).decode()])


def _table(kind: str, rows: list[dict[str, Any]]) -> Table:
    columns = ("state", "problem") if kind == Topic.DISTRIBUTIONS else ()
    table = id_table([row["id"] for row in rows], "id", "name", "version", *columns)
    for row in rows:
        told = (row["id"], row["object"]["name"], str(row["version"]), *(row.get(name, "") for name in columns))
        table.add_row(*map(cell, told))
    return table
