"""How commands reach the database of codes: the same option and the same answer to what can go wrong."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar

import click

from streamproc.errors import LedgerUnavailable
from streamproc.settings import ENVIRONMENT_PREFIX, check_postgres

_VARIABLE = ENVIRONMENT_PREFIX + "POSTGRES"

_Answer = TypeVar("_Answer")


def database_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--postgres`, and call it with the `address` that it or the variable names."""

    @click.option("--postgres", metavar="ADDRESS", help=f"postgresql://user:password@host/database; else {_VARIABLE}.")
    @wraps(command)
    def connected(*, postgres: str | None, **rest: Any) -> None:
        address = postgres or os.environ.get(_VARIABLE)
        if not address:
            click.echo(f"Error: no database; give --postgres or set {_VARIABLE}", err=True)
            sys.exit(2)
        try:
            check_postgres(address)
        except ValueError as error:
            click.echo(f"Error: {'--postgres' if postgres else _VARIABLE}: {error}", err=True)
            sys.exit(2)
        command(address=address, **rest)

    return connected


def reach_database(work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """Do what needs the database; when it is not there, say so and exit 2."""
    try:
        return asyncio.run(work)
    except LedgerUnavailable as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
