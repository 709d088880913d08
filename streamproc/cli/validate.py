"""`streamproc validate`: judges configuration files offline, with the judge that the control task uses."""

import sys
from collections import Counter
from pathlib import Path

import click
import orjson

from streamproc.cli.answers import Answer, answer_to, counted
from streamproc.cli.configuration_files import (
    FileRecord,
    NoConfigurationError,
    find_configuration,
    judge_configuration,
)
from streamproc.cli.examples import examples
from streamproc.domain.configuration import Configuration
from streamproc.domain.judge import Verdict


@click.command(
    epilog=examples(
        "streamproc validate shop",
        "streamproc validate shop/distributions/welcome.json --strict",
        "streamproc validate shop --json",
    )
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One verdict a line, with its file and line.")
@click.option("--strict", is_flag=True, help="A blocked distribution is an answer of no, too.")
def validate(path: Path, *, as_json: bool, strict: bool) -> None:
    """Judge the configuration at PATH as the control task would; nothing is sent anywhere.

    PATH is a directory with folders distributions, validation-rules, segments and campaigns, or one of these
    folders, or a file in it. All of the directory is read in each case, so that a file gets the verdict that it
    gets together with the rest.

    Exit status: 0; 1 when a record is rejected (with --strict also when a distribution is blocked); 2 when there is
    nothing to judge.
    """
    render = _as_json if as_json else as_text
    out = click.get_binary_stream("stdout")
    counts: Counter[Answer] = Counter()
    try:
        found = find_configuration(path)
        for record, verdict in judge_configuration(found.directory, Configuration()):
            if found.holds(record.file):
                counts[answer_to(accepted=verdict.accepted, blocked=verdict.blocked)] += 1
                out.write(render(record, verdict))
    except BrokenPipeError:
        raise  # the reader has seen enough; click ends quietly
    except (NoConfigurationError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    if not as_json:
        out.write(f"{counted(counts)}\n".encode())
    out.flush()
    sys.exit(1 if counts["rejected"] or (strict and counts["blocked"]) else 0)


def _as_json(record: FileRecord, verdict: Verdict) -> bytes:
    line = verdict.as_json() | {"file": record.name, "line": record.line}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def as_text(record: FileRecord, verdict: Verdict) -> bytes:
    """Return one line a finding, as compilers write them; nothing for a record without findings."""
    told = verdict.as_json()
    place = f"{record.name}:{record.line}: {told['kind']}/{told['id'] or '?'}"
    lines = [f"{place}: rejected: {one['code']} at {one['path']}: {one['message']}" for one in told["errors"]]
    lines += [f"{place}: warning: {one['code']} at {one['path']}: {one['message']}" for one in told["warnings"]]
    lines += [f"{place}: blocked: {cause}" for cause in told["blocked"]]
    return "".join(f"{line}\n" for line in lines).encode()
