"""`streamproc status`: the distributions with their state, as the control task tells it."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import get_args

import click
import orjson
from rich.console import Console
from rich.live import Live

from streamproc.cli.connection import connection_options, reach
from streamproc.cli.examples import examples
from streamproc.cli.reading import Consumed, catch_up, follow, opened, read_to_end
from streamproc.cli.status_overview import SOURCES, Overview, Row, Wait, line, most_moving, table
from streamproc.cli.tables import console
from streamproc.clock import now_milliseconds
from streamproc.domain.events import instant_of
from streamproc.processing.statuses import State
from streamproc.runtime.kafka import Kafka

#: Shows all rows, or those that have changed, each time that they did.
_Show = Callable[[list[Row], list[Row]], None]

_HEADING_LINES = 2  # the table's first line, and the prompt's
# What a verdict has just told can be read a moment later in the other topics of its transaction.
_PATIENCE_SECONDS = 2.0


@click.command(
    epilog=examples(
        "streamproc status",
        "streamproc status distr_welcome --json",
        "streamproc status --watch",
        "streamproc status distr_sale --until done",
    )
)
@click.argument("identity", metavar="[ID]", required=False)
@click.option("--json", "as_json", is_flag=True, help="One distribution a line, as JSON.")
@click.option("--watch", is_flag=True, help="Go on and show each change, until Ctrl-C.")
@click.option(
    "--until",
    "until",
    metavar="STATE",
    multiple=True,
    type=click.Choice(get_args(State)),
    help="Go on and show each change of this ID until it comes to this state, or to its end; "
    "may be given several times.",
)
@connection_options
def status(*, kafka: Kafka, identity: str | None, as_json: bool, watch: bool, until: tuple[str, ...]) -> None:
    """Show the distributions, or the one with this ID: version, state, progress, and what is wrong.

    With --watch the time left of a hold, the progress of a sync and what has been sent are kept up to date; where
    the output is no terminal, each change is a line.

    Exit status: 0; 1 when no distribution has this ID, or it cannot come to a state of --until any more; 2 when the
    brokers or topics are not there.
    """
    if until and identity is None:
        raise click.UsageError("--until needs the ID of a distribution")
    try:
        if watch or until:
            problem = reach(kafka, _watch(kafka, identity, frozenset(until), as_json=as_json))
            if problem is not None:
                click.echo(f"Error: {problem}", err=True)
                sys.exit(1)
            return
        overview = reach(kafka, _read(kafka))
    except KeyboardInterrupt:
        sys.exit(0)
    rows = overview.rows(identity)
    if as_json:
        for row in rows:
            click.echo(orjson.dumps(row))
    elif rows or identity is None:
        console().print(table(rows, _now()))
    if identity is not None and not rows:
        click.echo(f"Error: {_unknown(identity)}", err=True)
        sys.exit(1)


async def _read(kafka: Kafka) -> Overview:
    overview = Overview()
    async for record in read_to_end(kafka, SOURCES):
        overview.take(kafka.logical(record.topic), record.key, record.value)
    return overview


async def _watch(kafka: Kafka, identity: str | None, until: frozenset[str], *, as_json: bool) -> str | None:
    """Show each change, without states to wait for until Ctrl-C; return why none of them can be reached any more."""
    overview = Overview()
    wait = None if identity is None else Wait(identity, until)

    def take(records: list[Consumed]) -> list[Row]:
        """Return the row of each distribution that a record is about, as it is after that."""
        about = (overview.take(kafka.logical(record.topic), record.key, record.value) for record in records)
        return [overview.row(one) for one in about if one is not None and identity in {None, one}]

    clock = asyncio.get_running_loop()
    async with opened(kafka, SOURCES) as reader:
        latest: dict[str, Row] = {}
        # What the topic still tells of earlier states has not just happened.
        async for records in catch_up(reader):
            latest |= {row["distribution_id"]: row for row in take(records)}
        patient_until = clock.time() + _PATIENCE_SECONDS
        with _lines(as_json=as_json) if as_json or not sys.stdout.isatty() else _display() as show:
            changed = [latest[one] for one in sorted(latest)]
            show(overview.rows(identity), changed)
            async for records in follow(reader):
                if wait is not None and wait.is_over(changed):
                    return wait.problem
                if wait is not None and not wait.is_known and clock.time() > patient_until:
                    return _unknown(wait.identity)
                changed = take(records)
                show(overview.rows(identity), changed)
    raise AssertionError  # what is followed has no end


def _unknown(identity: str | None) -> str:
    return f"no distribution {identity}"


@contextmanager
def _lines(*, as_json: bool) -> Iterator[_Show]:
    """Print one line for each distribution that has changed in what can be seen."""
    known: dict[str, Row] = {}

    def show(_: list[Row], changed: list[Row]) -> None:
        for row in changed:
            before = known.get(row["distribution_id"], {"state": None})
            known[row["distribution_id"]] = row
            if row != before and (row["state"], before["state"]) != (None, None):
                click.echo(orjson.dumps(row) if as_json else line(row))

    yield show


@contextmanager
def _display() -> Iterator[_Show]:
    """Keep a table on the terminal, the time that is left included."""
    terminal = Console()
    with Live(console=terminal, auto_refresh=False) as live:

        def show(rows: list[Row], _: list[Row]) -> None:
            room = max(1, terminal.height - _HEADING_LINES - 1)
            seen = most_moving(rows, room)
            live.update(table(seen, _now(), len(rows) - len(seen)), refresh=True)

        yield show


def _now() -> datetime:
    return instant_of(now_milliseconds())
