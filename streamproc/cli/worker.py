"""`streamproc worker`: one worker process."""

import sys
from typing import Any

import click

from streamproc.cli.examples import examples
from streamproc.errors import SettingsError
from streamproc.settings import load_settings


@click.command(
    epilog=examples(
        "streamproc worker --kafka localhost:9092 --web-port 6066",
        "STREAMPROC_KAFKA=localhost:9092 streamproc worker --time-zone Europe/Warsaw --log-format json",
    )
)
@click.option("--kafka", metavar="HOST:PORT", help="Brokers. [variable STREAMPROC_KAFKA]")
@click.option("--prefix", help="In front of every topic name. [STREAMPROC_PREFIX, default 'streamproc.']")
@click.option("--app-id", help="Consumer group and transactional ids. [STREAMPROC_APP_ID, default 'streamproc']")
@click.option("--time-zone", help="The project's zone. [STREAMPROC_TIME_ZONE, default UTC]")
@click.option("--dead-letter-limit", help="Share of 1,000 inputs in a row that may become dead letters. [default 0.5]")
@click.option("--web-port", help="Port of /metrics, /healthz and /readyz. [STREAMPROC_WEB_PORT, default 6066]")
@click.option("--log-level", help="debug, info, warning or error. [STREAMPROC_LOG_LEVEL, default info]")
@click.option("--log-format", help="console or json. [STREAMPROC_LOG_FORMAT, default console]")
def worker(**given: Any) -> None:
    """Run one worker until SIGTERM or SIGINT.

    Every setting is also a variable STREAMPROC_<NAME>; the README lists them all. Start as many workers as you have
    cores, up to the number of partitions: Kafka shares the work out.

    Exits 0 after a clean stop, 1 after a fatal error (start it again, it restores itself), 2 when settings are wrong.
    """
    try:
        settings = load_settings(given)
        from streamproc.worker import run_worker  # noqa: PLC0415  (Faust takes a second; --help does not need it)

        sys.exit(run_worker(settings))
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"error: {problem}", err=True)
        sys.exit(2)
