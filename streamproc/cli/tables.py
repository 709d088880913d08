"""Tables on standard output: as wide as the terminal, or as they need where there is none."""

import sys
from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PLAIN_WIDTH = 200  # characters; without a terminal nothing needs to be folded


def console() -> Console:
    """Return what prints tables and lines to standard output, none of them coloured by what is in it."""
    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)


def id_table(ids: Iterable[str], *columns: str) -> Table:
    """Return an empty table with room for these ids in its first column: one that is cut cannot be copied."""
    table = Table(*columns, box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    table.columns[0].min_width = max((cell_len(_escaped(one)) for one in ids), default=0)
    return table


def cell(told: str, style: str = "") -> Text:
    """Return a cell that shows a text as it is: nothing in it is markup, and what a terminal would obey is escaped."""
    return Text(_escaped(told), style)


def _escaped(told: str) -> str:
    if told.isprintable():
        return told
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in told)
