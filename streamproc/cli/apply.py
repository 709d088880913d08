"""`streamproc apply`: pushes configuration files and shows what became of each record."""

import sys
from collections import Counter
from pathlib import Path

import click
import orjson

from streamproc.cli.answers import counted
from streamproc.cli.configuration_files import (
    FileRecord,
    NoConfigurationError,
    find_configuration,
    read_configuration,
)
from streamproc.cli.connection import connection_options, reach
from streamproc.cli.examples import examples
from streamproc.cli.pushing import Judged, if_version_option, push, timeout_option
from streamproc.runtime.kafka import Kafka


@click.command(
    epilog=examples(
        "streamproc apply shop",
        "streamproc apply shop/distributions/welcome.json --if-version 3",
        "streamproc apply shop --json",
    )
)
@click.argument("path", type=click.Path(path_type=Path))
@if_version_option
@timeout_option
@click.option("--json", "as_json", is_flag=True, help="One verdict a line, with its file and line.")
@connection_options
def apply(*, kafka: Kafka, path: Path, if_version: int | None, timeout: float, as_json: bool) -> None:
    """Push the configuration at PATH and wait for the verdicts.

    PATH is a directory with folders distributions, validation-rules, segments and campaigns, or one of these
    folders, or a file in it. --if-version needs a PATH of one record.

    Exit status: 0; 1 when a record is rejected; 2 when there is nothing to push, or no worker answers.
    """
    try:
        found = find_configuration(path)
        records = [record for record in read_configuration(found.directory) if found.holds(record.file)]
    except (NoConfigurationError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    if if_version is not None and len(records) != 1:
        click.echo(f"Error: --if-version is for one record, and {path} holds {len(records)}", err=True)
        sys.exit(2)
    judged = reach(kafka, _apply(kafka, records, if_version, timeout, as_json=as_json))
    answers = Counter(one.answer for one in judged)
    if not as_json:
        click.echo(counted(answers))
    sys.exit(1 if answers["rejected"] else 0)


async def _apply(
    kafka: Kafka, records: list[FileRecord], if_version: int | None, limit: float, *, as_json: bool
) -> list[Judged]:
    judged = []
    async for one in push(kafka, records, expected_version=if_version, limit_seconds=limit):
        judged.append(one)
        click.echo(_as_json(one) if as_json else as_text(one))
    return judged


def as_text(judged: Judged) -> str:
    """Return the verdict as one line, and one more for each finding."""
    record, verdict = judged.record, judged.verdict
    version = "" if verdict["version"] is None else f", version {verdict['version']}"
    lines = [f"{record.name}:{record.line}: {verdict['kind']}/{verdict['id'] or '?'}: {judged.answer}{version}"]
    lines += [f"    {one['code']} at {one['path']}: {one['message']}" for one in verdict["errors"]]
    lines += [f"    warning: {one['code']} at {one['path']}: {one['message']}" for one in verdict["warnings"]]
    lines += [f"    {cause}" for cause in verdict["blocked"]]
    return "\n".join(lines)


def _as_json(judged: Judged) -> str:
    return orjson.dumps(judged.verdict | {"file": judged.record.name, "line": judged.record.line}).decode()
