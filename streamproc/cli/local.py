"""`streamproc local`: the local broker alone, for as long as a person needs it."""

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from streamproc.cli.examples import examples
from streamproc.errors import LocalBrokerError
from streamproc.local import state
from streamproc.local.jars import has_to_fetch
from streamproc.local.kafka import existing_broker

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _options(command: _Command) -> _Command:
    command = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)
    return click.option(
        "--folder",
        type=click.Path(path_type=Path, file_okay=False),
        help="Where the broker keeps its data: one broker a folder. Default: `local` in the cache folder.",
    )(command)


@click.group(epilog=examples('eval "$(streamproc local up)"', "streamproc local status", "streamproc local down"))
def local() -> None:
    """Start, stop and find a Kafka broker on this machine.

    It goes on after the command, keeps its data in a folder, and listens on 127.0.0.1 only. Kafka itself is fetched
    once into the cache folder (STREAMPROC_CACHE, else ~/.cache/streamproc). STREAMPROC_KAFKA names an existing
    broker instead; then none is started.
    """


@local.command(epilog=examples('eval "$(streamproc local up)"', "streamproc local up --folder build/broker --json"))
@_options
def up(*, folder: Path | None, as_json: bool) -> None:
    """Start the broker unless it runs, and print the variable that leads the other commands to it."""
    try:
        if not existing_broker() and has_to_fetch():
            click.echo("==> fetching Kafka (43 MB, this once)", err=True)
        found, started = state.up(folder or state.default_folder())
    except LocalBrokerError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    if as_json:
        click.echo(orjson.dumps({**asdict(found), "started": started}))
        return
    # To standard error, so that a shell can evaluate what is on standard output.
    click.echo(f"{'started' if started else 'running'}: {_told(found)}", err=True)
    click.echo(f"export STREAMPROC_KAFKA={found.bootstrap}")


@local.command(epilog=examples("streamproc local down", "streamproc local down --folder build/broker"))
@_options
def down(*, folder: Path | None, as_json: bool) -> None:
    """Stop the broker; its data stay in the folder. Nothing running is no error."""
    stopped = state.down(folder or state.default_folder())
    if as_json:
        click.echo(orjson.dumps({"stopped": asdict(stopped) if stopped else None}))
    else:
        click.echo(f"stopped: {_told(stopped)}" if stopped else "nothing runs here")


@local.command(epilog=examples("streamproc local status", "streamproc local status --json"))
@_options
def status(*, folder: Path | None, as_json: bool) -> None:
    """Tell whether a broker answers. Exit status: 0 when it does, 1 when not."""
    found = state.status(folder or state.default_folder())
    if as_json:
        click.echo(orjson.dumps({"running": asdict(found) if found else None}))
    else:
        click.echo(f"running: {_told(found)}" if found else "not running")
    sys.exit(0 if found else 1)


def _told(found: state.LocalState) -> str:
    whose = (
        f"process {found.pid}, data in {found.folder}" if found.pid else "named by STREAMPROC_KAFKA, not started here"
    )
    return f"{found.bootstrap} ({whose})"
