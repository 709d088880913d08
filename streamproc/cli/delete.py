"""`streamproc delete`: takes one object out of force."""

import sys
from typing import Any

import click
import orjson

from streamproc.cli.connection import connection_options, reach
from streamproc.cli.examples import examples
from streamproc.cli.get import not_in_force
from streamproc.cli.in_force import read_in_force
from streamproc.cli.pushing import if_version_option, push_deletion, timeout_option
from streamproc.domain.configuration import KINDS
from streamproc.runtime.kafka import Kafka


@click.command(
    epilog=examples(
        "streamproc delete distributions distr_welcome", "streamproc delete segments seg_vip --if-version 3"
    )
)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("object_id", metavar="ID")
@if_version_option
@timeout_option
@click.option("--json", "as_json", is_flag=True, help="The verdict as JSON.")
@connection_options
def delete(*, kafka: Kafka, kind: str, object_id: str, if_version: int | None, timeout: float, as_json: bool) -> None:
    """Delete the object of this KIND and ID, and wait for the verdict.

    Distributions that refer to it are blocked from then on, until it comes again.

    Exit status: 0; 1 when there is no such object or the deletion is refused; 2 when no worker answers, or the
    brokers or topics are not there.
    """
    verdict = reach(kafka, _delete(kafka, kind, object_id, if_version, timeout))
    if isinstance(verdict, str):
        click.echo(f"Error: {verdict}", err=True)
        sys.exit(1)
    click.echo(orjson.dumps(verdict) if as_json else as_text(verdict))
    sys.exit(0 if verdict["accepted"] else 1)


async def _delete(
    kafka: Kafka, kind: str, object_id: str, if_version: int | None, limit: float
) -> dict[str, Any] | str:
    """Return the verdict, or why there is nothing to delete."""
    found = await read_in_force(kafka, kind)
    # What is not in force can be taken away too: a segment that is being synced for the first time, and the status of
    # a distribution of which everything was rejected.
    if not any(object_id in known for known in (found.definitions, found.statuses, found.syncing)):
        return not_in_force(found, object_id)
    return await push_deletion(kafka, kind, object_id, expected_version=if_version, limit_seconds=limit)


def as_text(verdict: dict[str, Any]) -> str:
    """Return the verdict on a deletion as one line, and one more for each reason against it."""
    answer = "deleted" if verdict["accepted"] else "not deleted"
    lines = [f"{verdict['kind']}/{verdict['id']}: {answer}"]
    return "\n".join([*lines, *(f"    {one['code']} at {one['path']}: {one['message']}" for one in verdict["errors"])])
