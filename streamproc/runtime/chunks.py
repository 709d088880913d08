"""Slices that wait for their task, and the chunk that is made of them."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiokafka.structs import TopicPartition

Done = Callable[[], object]


@dataclass(slots=True)
class Chunk:
    """What one transaction handles."""

    slices: list[tuple[TopicPartition, list[Any]]] = field(default_factory=list)
    #: For each source the offset after its last record: what the transaction commits.
    ends: dict[TopicPartition, int] = field(default_factory=dict)
    records: int = 0
    #: To be called after the commit, for the slices of which this chunk has the end.
    finished: list[Done] = field(default_factory=list)


@dataclass(slots=True)
class _Waiting:
    source: TopicPartition
    records: list[Any]
    done: Done
    taken: int = 0


# Bounds memory where records are large: a slice is what one fetch brings of a partition, bounded in bytes.
MOST_SLICES = 16


class WaitingSlices:
    """A short queue. It never refuses: `has_room` says when to stop fetching, and one fetch more is harmless."""

    def __init__(self, limit: int) -> None:
        self.records = 0
        self._limit = limit
        self._slices: deque[_Waiting] = deque()
        self._changed = asyncio.Event()

    @property
    def has_room(self) -> bool:
        """Say whether fewer records wait than the limit, in few enough slices."""
        return self.records < self._limit and len(self._slices) < MOST_SLICES

    @property
    def has_news(self) -> bool:
        """Say whether `wait` would return at once."""
        return self._changed.is_set()

    def add(self, source: TopicPartition, records: list[Any], done: Done) -> None:
        """Queue a slice."""
        self._slices.append(_Waiting(source, records, done))
        self.records += len(records)
        self._changed.set()

    def wake(self) -> None:
        """Let who waits look for what else there may be to do."""
        self._changed.set()

    async def wait(self, seconds: float | None = None) -> None:
        """Return when something waits, when everything was dropped, when woken, or after so many seconds."""
        if self._changed.is_set():
            return  # a timeout costs more than everything else here
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def take(self, limit: int) -> Chunk | None:
        """Take up to `limit` records, in the order of arrival; a longer slice is taken in parts."""
        chunk = Chunk()
        while self._slices and chunk.records < limit:
            first = self._slices[0]
            records = first.records[first.taken : first.taken + limit - chunk.records]
            first.taken += len(records)
            chunk.slices.append((first.source, records))
            chunk.ends[first.source] = records[-1].offset + 1
            chunk.records += len(records)
            if first.taken == len(first.records):
                chunk.finished.append(first.done)
                self._slices.popleft()
        self.records -= chunk.records
        if not self._slices:
            self._changed.clear()
        return chunk if chunk.records else None

    def drop(self) -> None:
        """Let go of everything; it is fetched again by whoever has the partition next."""
        while self._slices:
            self._slices.popleft().done()
        self.records = 0
        self._changed.set()
