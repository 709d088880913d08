"""`streamproc local`: the local broker and database alone, for as long as a person needs them."""

import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click
import orjson

from streamproc.cli.examples import examples
from streamproc.errors import LocalBrokerError, LocalPostgresError
from streamproc.local import state
from streamproc.local.jars import has_to_fetch
from streamproc.local.kafka import existing_broker

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _options(command: _Command) -> _Command:
    command = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)
    return click.option(
        "--folder",
        type=click.Path(path_type=Path, file_okay=False),
        help="Where they keep their data: one of each a folder. Default: `local` in the cache folder.",
    )(command)


@click.group(epilog=examples('eval "$(streamproc local up)"', "streamproc local status", "streamproc local down"))
def local() -> None:
    """Start, stop and find a Kafka broker and a PostgreSQL on this machine.

    They go on after the command, keep their data in a folder, and listen on 127.0.0.1 only. Kafka itself is fetched
    once into the cache folder (STREAMPROC_CACHE, else ~/.cache/streamproc). STREAMPROC_KAFKA names an existing
    broker instead, STREAMPROC_POSTGRES an existing database; then none is started.
    """


@local.command(epilog=examples('eval "$(streamproc local up)"', "streamproc local up --folder build/broker --json"))
@_options
def up(*, folder: Path | None, as_json: bool) -> None:
    """Start both unless they run, and print the variables that lead the other commands to them."""
    try:
        if not existing_broker() and has_to_fetch():
            click.echo("==> fetching Kafka (43 MB, this once)", err=True)
        found, started = state.up(folder or state.default_folder())
    except (LocalBrokerError, LocalPostgresError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    if as_json:
        click.echo(orjson.dumps({**asdict(found), "started": started}))
        return
    # To standard error, so that a shell can evaluate what is on standard output.
    for line in _told(found):
        click.echo(f"{'started' if started else 'running'}: {line}", err=True)
    click.echo(f"export STREAMPROC_KAFKA={shlex.quote(found.bootstrap or '')}")
    click.echo(f"export STREAMPROC_POSTGRES={shlex.quote(found.postgres or '')}")


@local.command(epilog=examples("streamproc local down", "streamproc local down --folder build/broker"))
@_options
def down(*, folder: Path | None, as_json: bool) -> None:
    """Stop both; their data stay in the folder. Nothing running is no error."""
    stopped = state.down(folder or state.default_folder())
    if as_json:
        click.echo(orjson.dumps({"stopped": asdict(stopped) if stopped else None}))
    else:
        for line in _told(stopped) if stopped else ():
            click.echo(f"stopped: {line}")
        if stopped is None:
            click.echo("nothing runs here")


@local.command(epilog=examples("streamproc local status", "streamproc local status --json"))
@_options
def status(*, folder: Path | None, as_json: bool) -> None:
    """Tell which of them answers. Exit status: 0 when both do, 1 when not."""
    found = state.status(folder or state.default_folder())
    if as_json:
        click.echo(orjson.dumps({"running": asdict(found) if found else None}))
    else:
        for line in _told(found) if found else ():
            click.echo(f"running: {line}")
        if found is None or not found.is_whole:
            click.echo("not running" if found is None else "not running: the other one")
    sys.exit(0 if found and found.is_whole else 1)


def _told(found: state.LocalState) -> Iterator[str]:
    """Say where each is, without what an address has in it that is secret."""
    for name, address, pid, variable in (
        ("Kafka", found.bootstrap, found.pid, "STREAMPROC_KAFKA"),
        ("PostgreSQL", _without_password(found.postgres), found.postgres_pid, "STREAMPROC_POSTGRES"),
    ):
        if address:
            whose = f"process {pid}, data in {found.folder}" if pid else f"named by {variable}, not started here"
            yield f"{name} at {address} ({whose})"


def _without_password(address: str | None) -> str | None:
    if address is None:
        return None
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", "@")).geturl()
