"""Shows the demo as it goes: a live table on a terminal, plain lines elsewhere, nothing for `--json`."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from streamproc.runtime.cancelling import cancel_and_wait

_TERMINAL_SECONDS = 0.25
_PLAIN_SECONDS = 1.0
_BAR_CELLS = 8  # both tables have to fit beside each other into 80 columns

Counts = Callable[[], tuple[str, Counter[str], Counter[str]]]


class Display:
    """Where the demo tells what it does."""

    def __init__(self, console: Console, *, silent: bool) -> None:
        self._console = console
        self._silent = silent

    def say(self, text: str) -> None:
        """Tell one thing, for good."""
        if not self._silent:
            self._console.print(Text(text), soft_wrap=True)

    def show(self, table: Table) -> None:
        """Show a table, for good."""
        if not self._silent:
            self._console.print(table)

    @asynccontextmanager
    async def live(self, counts: Counts) -> AsyncIterator[None]:
        """Show moving numbers while the block runs: a headline, jobs by channel, jobs by distribution."""
        if self._silent:
            yield
            return
        shown = asyncio.create_task(self._on_terminal(counts) if self._console.is_terminal else self._plainly(counts))
        try:
            yield
        finally:
            await cancel_and_wait(shown)

    async def _on_terminal(self, counts: Counts) -> None:
        with Live(console=self._console, auto_refresh=False) as live:
            try:
                while True:
                    live.update(_panel(*counts()), refresh=True)
                    await asyncio.sleep(_TERMINAL_SECONDS)
            finally:
                live.update(_panel(*counts()), refresh=True)

    async def _plainly(self, counts: Counts) -> None:
        try:
            while True:
                await asyncio.sleep(_PLAIN_SECONDS)
                self.say(counts()[0])
        finally:
            headline, channels, distributions = counts()
            self.say(headline)
            for title, numbers in (("by channel", channels), ("by distribution", distributions)):
                self.say(f"    {title}: " + ", ".join(f"{name} {count:,}" for name, count in numbers.most_common()))


def _panel(headline: str, channels: Counter[str], distributions: Counter[str]) -> Group:
    columns = Table.grid(padding=(0, 3))
    columns.add_row(_bars("channel", channels), _bars("distribution", distributions))
    return Group(Text(headline, style="bold"), columns)


def _bars(title: str, numbers: Counter[str]) -> Table:
    table = Table(title, "jobs", "", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    table.columns[1].justify = "right"
    most = max(numbers.values(), default=1)
    for name, count in sorted(numbers.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{count:,}", Text("█" * max(1, round(_BAR_CELLS * count / most)), style="green"))
    return table
