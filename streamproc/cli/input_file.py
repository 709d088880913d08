"""Files that a command reads, standard input among them; what cannot be read is told before anything is begun."""

import sys
from typing import IO, Any

import click

#: How standard input is named among files.
STANDARD_INPUT = "-"
CLOSED = "standard input is closed"


class InputFile(click.File):
    """A file of bytes that has to be there."""

    def __init__(self) -> None:
        super().__init__("rb")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> IO[Any]:
        """Open it."""
        if value == STANDARD_INPUT and sys.stdin is None:
            self.fail(CLOSED, param, ctx)
        return super().convert(value, param, ctx)
