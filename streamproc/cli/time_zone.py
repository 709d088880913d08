"""The option that names the project's time zone, for commands that decide as the worker does."""

from collections.abc import Callable
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from streamproc.settings import read_zone

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _zone(_context: click.Context, _parameter: click.Parameter, name: str) -> ZoneInfo:
    try:
        return read_zone(name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def time_zone_option(command: _Command) -> _Command:
    """Give a command `--time-zone`, and call it with that `zone`."""
    return click.option(
        "--time-zone",
        "zone",
        default="UTC",
        envvar="STREAMPROC_TIME_ZONE",
        show_default=True,
        callback=_zone,
        help="The project's zone; else STREAMPROC_TIME_ZONE.",
    )(command)
