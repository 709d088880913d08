"""What a benchmark finds, and how it is shown."""

import platform
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One line of the result."""

    name: str
    value: float
    unit: str
    conditions: str


def quantile(values: list[float], share: float) -> float:
    """Return the value below which that share of the sorted values lies."""
    return values[min(int(share * len(values)), len(values) - 1)]


def show(figures: Iterable[Figure]) -> None:
    """Print a table."""
    title = f"{platform.machine()}, Python {platform.python_version()}"
    table = Table("figure", "value", "unit", "conditions", title=title)
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:,}", figure.unit, figure.conditions)
    Console().print(table)
