"""The segments in force in one partition, each from its command on: kept in `task-state`, compiled in memory.

A segment whose members are found here takes effect partition by partition, before it is in force for all. One that was
dropped leaves its version behind, so that a command which is read again does not bring it back.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from streamproc.domain.configuration import InForce
from streamproc.domain.segments import comparisons, is_computed
from streamproc.matching.segments import ComputedSegments
from streamproc.processing.processor import Store

_PREFIX = b"segments/"


class SegmentsInForce:
    """What `sync` and `drop` commands have said so far. Fills `computed` with those whose members are found here."""

    def __init__(self, store: Store, computed: ComputedSegments) -> None:
        self.computed = computed
        self._store = store
        self._versions: dict[str, int] = {}
        self._comparisons: dict[str, int] = {}
        for key, value in store.items():
            if key.startswith(_PREFIX):
                record = orjson.loads(value)
                self._versions[record["id"]] = record["version"]
                self._compute(record["id"], _in_force(record))

    def is_news(self, segment_id: str, version: int) -> bool:
        """Tell whether this version is later than all that was heard of the segment."""
        return version > self._versions.get(segment_id, -1)

    def put(self, in_force: InForce) -> None:
        """Let a segment take effect."""
        record = {"id": in_force.id, "version": in_force.version, "object": in_force.record}
        self._compute(in_force.id, in_force)
        self._write(in_force.id, in_force.version, record)

    def drop(self, segment_id: str, version: int) -> None:
        """Take a segment out."""
        self._write(segment_id, version, {"id": segment_id, "version": version, "object": None})
        self._compute(segment_id, None)

    def comparisons(self, segment_ids: Iterable[str]) -> int:
        """Return how many it takes, at most, to decide about one customer and these segments."""
        return sum(self._comparisons.get(one, 0) for one in segment_ids)

    def listed(self, segment_id: str) -> list[str]:
        """Return the customers that a static segment lists; none for any other."""
        value = self._store.get(_key(segment_id))
        record = None if value is None else orjson.loads(value)["object"]
        return list(record["customers"]) if record is not None and record["type"] == "static" else []

    def _compute(self, segment_id: str, in_force: InForce | None) -> None:
        self.computed.put(segment_id, in_force)
        self._comparisons.pop(segment_id, None)
        if in_force is not None and is_computed(in_force.record):
            self._comparisons[segment_id] = comparisons(in_force.record)

    def _write(self, segment_id: str, version: int, record: dict[str, Any]) -> None:
        self._store.put(_key(segment_id), orjson.dumps(record))
        self._versions[segment_id] = version


def _in_force(record: dict[str, Any]) -> InForce | None:
    told = record["object"]
    return None if told is None else InForce("segments", record["id"], record["version"], told)


def _key(segment_id: str) -> bytes:
    return _PREFIX + segment_id.encode()
