"""Progress of long work, for people who wait for it at a terminal."""

import sys
from time import monotonic

import click

_PATIENCE_SECONDS = 2.0
_SHOWN_EVERY_SECONDS = 0.5


class Progress:
    """Counts what is done and shows it in one line on standard error, now and then, if it takes long.

    Nobody is told where standard error is no terminal. `total` is how many there are, where that is known.
    """

    def __init__(self, what: str, *, total: int | None = None, is_wanted: bool = True) -> None:
        self._what = what
        self._of = "" if total is None else f"of {total:,} "
        self._is_seen = is_wanted and sys.stderr.isatty()
        self._begun = monotonic()
        self._shown: float | None = None
        self._is_open = False
        self._count = 0

    def add(self, count: int) -> None:
        """Count, and show the count when it is time to."""
        self._count += count
        now = monotonic()
        if self._is_seen and now - (self._shown or self._begun + _PATIENCE_SECONDS) > _SHOWN_EVERY_SECONDS:
            self._shown, self._is_open = now, True
            rate = self._count / (now - self._begun)
            click.echo(f"\r{self._count:,} {self._of}{self._what}, {rate:,.0f}/s ", err=True, nl=False)

    def end(self) -> None:
        """Leave the last count standing in a line of its own; also before something else is said, to go on later."""
        if self._is_open:
            self._is_open = False
            click.echo(err=True)
