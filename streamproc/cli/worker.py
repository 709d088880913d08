"""`streamproc worker`: one worker process."""

import sys
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import click

from streamproc.cli.examples import examples
from streamproc.errors import SettingsError
from streamproc.settings import ENVIRONMENT_PREFIX, Settings, load_settings

_FLAGS = ("kafka", "prefix", "app_id", "time_zone", "dead_letter_limit", "web_port", "log_level", "log_format")


def _flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the flags of some settings, in their order."""
    for name in reversed(_FLAGS):
        command = _flag(name)(command)
    return command


def _flag(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    field = Settings.model_fields[name]
    told = str(field.description)
    default = "" if field.is_required() else f", default {field.default}"
    return click.option(
        f"--{name.replace('_', '-')}",
        metavar="|".join(get_args(field.annotation)) if get_origin(field.annotation) is Literal else None,
        help=f"{told[0].upper()}{told[1:]}. [{ENVIRONMENT_PREFIX}{name.upper()}{default}]",
    )


@click.command(
    epilog=examples(
        "streamproc worker --kafka localhost:9092 --web-port 6066",
        "STREAMPROC_KAFKA=localhost:9092 streamproc worker --time-zone Europe/Warsaw --log-format json",
    )
)
@_flags
def worker(**given: Any) -> None:
    """Run one worker until SIGTERM or SIGINT.

    Every setting is also a variable STREAMPROC_<NAME>; the README lists them all. Start as many workers as you have
    cores, up to the number of partitions: Kafka shares the work out.

    Exit status: 0 after a clean stop; 1 after a fatal error (start it again, it restores itself); 2 when settings are
    wrong, topics are missing, or the brokers are too old.
    """
    try:
        settings = load_settings(given)
        from streamproc.worker import run_worker  # noqa: PLC0415  (Faust takes a second; --help does not need it)

        sys.exit(run_worker(settings))
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"Error: {problem}", err=True)
        sys.exit(2)
