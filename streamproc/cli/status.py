"""`streamproc status`: the distributions with their state, as the control task tells it."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import click
import orjson
from rich.console import Console
from rich.live import Live
from rich.table import Table

from streamproc.cli.connection import connection_options, reach
from streamproc.cli.examples import examples
from streamproc.cli.reading import Consumed, follow, opened, read_to_end
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic

_TOPICS = (Topic.DISTRIBUTION_STATUS, Topic.DEFINITIONS)
_STATE_STYLES = {"live": "green", "blocked": "red", "paused": "yellow", "draft": "dim"}
_PLAIN_WIDTH = 200  # characters; without a terminal nothing needs to be folded
_OF_DISTRIBUTIONS = b"distributions/"


@dataclass(slots=True)
class Overview:
    """What the two topics have told so far: the latest status and name of each distribution, by id."""

    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def take(self, topic: str, key: bytes | None, value: bytes | None) -> bool:
        """Take a record of a logical topic, and tell whether it was about a distribution."""
        if key is None:
            return False
        if topic == Topic.DISTRIBUTION_STATUS:
            _put(self.statuses, key.decode(), value and orjson.loads(value))
        elif key.startswith(_OF_DISTRIBUTIONS):
            identity = key.removeprefix(_OF_DISTRIBUTIONS).decode()
            _put(self.names, identity, value and orjson.loads(value)["object"].get("name", ""))
        else:
            return False
        return True

    def rows(self, asked: str | None) -> list[dict[str, Any]]:
        """Return one row a distribution, by id: the status record with the name in it."""
        return [
            {"distribution_id": identity, "name": self.names.get(identity), **status}
            for identity, status in sorted(self.statuses.items())
            if asked in {None, identity}
        ]


@click.command(
    epilog=examples("streamproc status", "streamproc status distr_welcome --json", "streamproc status --watch")
)
@click.argument("identity", metavar="[ID]", required=False)
@click.option("--json", "as_json", is_flag=True, help="One distribution a line, as JSON.")
@click.option("--watch", is_flag=True, help="Go on and show each change, until Ctrl-C.")
@connection_options
def status(*, kafka: Kafka, identity: str | None, as_json: bool, watch: bool) -> None:
    """Show the distributions, or the one with this ID: version, state, and what is wrong.

    Exit status: 0; 1 when no distribution has this ID; 2 when the brokers or topics are not there.
    """
    try:
        if watch:
            reach(kafka, _watch(kafka, identity, as_json=as_json))
        overview = reach(kafka, _read(kafka))
    except KeyboardInterrupt:
        sys.exit(0)
    rows = overview.rows(identity)
    if as_json:
        _print_lines(rows)
    elif rows or identity is None:
        Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH).print(_table(rows))
    if identity is not None and not rows:
        click.echo(f"Error: no distribution {identity}", err=True)
        sys.exit(1)


async def _read(kafka: Kafka) -> Overview:
    overview = Overview()
    async for record in read_to_end(kafka, _TOPICS):
        overview.take(kafka.logical(record.topic), record.key, record.value)
    return overview


async def _watch(kafka: Kafka, identity: str | None, *, as_json: bool) -> None:
    overview = Overview()
    async with opened(kafka, _TOPICS) as reader:
        if as_json:
            shown: list[dict[str, Any]] = []
            async for records in follow(reader):
                if _take_all(overview, kafka, records):
                    rows = overview.rows(identity)
                    _print_lines(row for row in rows if row not in shown)
                    shown = rows
        with Live(_table([]), console=Console(), refresh_per_second=4) as live:
            async for records in follow(reader):
                if _take_all(overview, kafka, records):
                    live.update(_table(overview.rows(identity)))


def _take_all(overview: Overview, kafka: Kafka, records: list[Consumed]) -> bool:
    taken = [overview.take(kafka.logical(record.topic), record.key, record.value) for record in records]
    return any(taken)


def _print_lines(rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        click.echo(orjson.dumps(row))


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table("distribution", "name", "version", "state", "problem", box=None, pad_edge=False)
    # An id that is cut cannot be copied.
    table.columns[0].no_wrap = True
    table.columns[0].min_width = max((len(row["distribution_id"]) for row in rows), default=0)
    for row in rows:
        state = str(row.get("state"))
        style = _STATE_STYLES.get(state, "")
        problem = row.get("problem")
        table.add_row(
            row["distribution_id"],
            row["name"] or "",
            str(row.get("version", "")),
            f"[{style}]{state}[/]" if style else state,
            problem if isinstance(problem, str) else orjson.dumps(problem).decode() if problem else "",
        )
    return table


def _put(where: dict[str, Any], key: str, value: Any) -> None:
    if value is None:
        where.pop(key, None)
    else:
        where[key] = value
