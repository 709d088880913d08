"""Walks over all customers, as the control task sees them: how far each partition has come, by its reports."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from streamproc.domain.commands import Report

_SUMS = ("scanned", "matched", "emitted", "undeliverable", "total")


@dataclass(frozen=True, slots=True)
class Part:
    """How far one partition has come; the numbers are those of its reports.

    `finished`: there is nothing left. `answered`: it has done the order in hand, where orders follow on each other.
    """

    scanned: int = 0
    matched: int = 0
    emitted: int = 0
    undeliverable: int = 0
    total: int = 0
    remaining: int = 0
    finished: bool = False
    answered: bool = False


Parts = Mapping[int, Part]


@dataclass(frozen=True, slots=True)
class Walk:
    """The walk for one version of an object: a segment is synced, or its members are counted for a distribution."""

    version: int
    parts: Parts

    @property
    def is_finished(self) -> bool:
        """Say whether all partitions are through."""
        return not unfinished(self.parts)

    def encode(self) -> bytes:
        """Return the value of its record in the control task's state."""
        return orjson.dumps({"version": self.version, "parts": encode_parts(self.parts)})


def begin_walk(version: int, partitions: int) -> Walk:
    """Return a walk of which nothing has been heard yet."""
    return Walk(version, {partition: Part() for partition in range(partitions)})


def decode_walk(value: bytes) -> Walk:
    """Read a walk back."""
    told = orjson.loads(value)
    return Walk(told["version"], decode_parts(told["parts"]))


def on_walk_report(walk: Walk, report: Report) -> Walk:
    """Take what a partition reports about a walk."""
    part = walk.parts.get(report.partition)
    if part is None:
        return walk
    return replace(walk, parts={**walk.parts, report.partition: note(part, report, finished=report.done)})


def note(part: Part, report: Report, *, finished: bool) -> Part:
    """Return a part with the numbers of a report.

    They only grow, so of two reports the greater numbers are the later ones, in whatever order they are read.
    """
    sums = {name: max(getattr(part, name), getattr(report, name)) for name in _SUMS}
    return replace(part, finished=part.finished or finished, **sums)


def total(parts: Parts, name: str) -> int:
    """Add up one number of all partitions."""
    return sum(getattr(part, name) for part in parts.values())


def unfinished(parts: Parts) -> tuple[int, ...]:
    """Return the partitions in which something may be left."""
    return tuple(partition for partition, part in parts.items() if not part.finished)


def encode_parts(parts: Parts) -> dict[str, Any]:
    """Return the partitions as JSON has them."""
    return {str(partition): asdict(part) for partition, part in parts.items()}


def decode_parts(told: dict[str, Any]) -> Parts:
    """Read the partitions back."""
    return {int(partition): Part(**part) for partition, part in told.items()}
