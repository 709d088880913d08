"""`streamproc simulate`: what the worker would decide about the events of a file, offline."""

import os
import sys
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from streamproc.cli.configuration_files import judge_configuration
from streamproc.cli.examples import examples
from streamproc.cli.input_file import InputFile
from streamproc.cli.json_lines import is_blank, read_lines
from streamproc.cli.progress import Progress
from streamproc.cli.simulation import InForceOffline, Simulation, first_time
from streamproc.cli.time_zone import time_zone_option
from streamproc.cli.validate import as_text
from streamproc.domain.configuration import Configuration


@click.command(
    epilog=examples(
        "streamproc simulate --config shop --events events.jsonl",
        "streamproc simulate --config shop --customers customers.jsonl --events - < events.jsonl | head",
    )
)
@click.option(
    "--config",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Configuration, as for `streamproc validate`.",
)
@click.option("--events", type=InputFile(), required=True, help="One event a line; - for standard input.")
@click.option("--customers", type=InputFile(), help="One profile a line, known before the first event.")
@time_zone_option
def simulate(*, directory: Path, events: BufferedReader, customers: BufferedReader | None, zone: ZoneInfo) -> None:
    """Tell for each event what the worker would do about it: one JSON line an event, in their order.

    {"event_id", "outcome": "processed" | "ignored" | "duplicate" | "dead_letter", "reason"?, "jobs", "decisions"}

    Needs no brokers. Customers' state builds up from the files as it would live; those of --customers have entered
    their segments before the first event, silently, and segments take effect at once. A record's key is the customer id
    in it. "event_id" is null where it cannot be read. Blank lines are passed over. Rejected configuration records,
    blocked distributions and profiles that cannot be read are named on standard error, and the rest runs.

    Exit status: 0; 2 when a file is not there or cannot be read.
    """
    if events is customers:
        raise click.UsageError("standard input can be read once: as --events or as --customers")
    out = click.get_binary_stream("stdout")
    try:
        simulation = Simulation(_in_force(directory, zone))
        # People who see the lines themselves need nothing else.
        progress = Progress("events", is_wanted=not sys.stdout.isatty())
        for lines, count in _decided(simulation, events, customers):
            out.write(lines)
            out.flush()
            progress.add(count)
        progress.end()
    except BrokenPipeError:
        # The reader has seen enough. What is still to be flushed at the end has to go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


def _in_force(directory: Path, zone: ZoneInfo) -> InForceOffline:
    """Put in force what is good in the directory, and name what is not, or does not fire."""
    in_force = InForceOffline(zone)
    records = 0
    for record, verdict in judge_configuration(directory, Configuration()):
        records += 1
        in_force.put(verdict)
        if verdict.errors or verdict.blocked:
            click.echo(as_text(record, verdict), err=True, nl=False)
    if not records:
        click.echo(f"{directory}: no configuration in it, so nothing will match", err=True)
    return in_force


def _decided(
    simulation: Simulation, events: BufferedReader, customers: BufferedReader | None
) -> Iterator[tuple[bytes, int]]:
    """Yield the lines to print, and of how many events they are."""
    now: int | None = None
    for lines in read_lines(events):
        values = [line for line in lines if not is_blank(line)]
        if now is None:
            now = first_time(values)
            if now is not None and customers is not None:
                _load(simulation, customers, now)
        yield simulation.take_events(values, now or 0), len(values)


def _load(simulation: Simulation, customers: BufferedReader, now: int) -> None:
    line = 0
    for lines in read_lines(customers):
        numbered = [(number, value) for number, value in enumerate(lines, line + 1) if not is_blank(value)]
        line += len(lines)
        reasons = simulation.take_customers([value for _, value in numbered], now)
        for (number, _), reason in zip(numbered, reasons, strict=True):
            if reason is not None:
                click.echo(f"{customers.name}:{number}: not a customer: {reason}", err=True)
