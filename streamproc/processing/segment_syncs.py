"""Syncs: a new or changed computed segment is looked at by every partition before it enters `definitions`.

Until then its earlier version, if there is one, stays in force. What is kept in `control-state`, by segment:
`pending/` the definition that will enter, as its bytes will stand there; `sync/` how far the partitions have come;
`since/` when the segment in force became known, from which holds count; `size/` how many members its latest sync or
count has met; `count/` how far the partitions have come with that.
"""

from typing import Any

import orjson

from streamproc.domain.commands import Report, count_command, drop_command, read_subject, sync_command
from streamproc.domain.configuration import Configuration, InForce
from streamproc.domain.segments import is_computed, selection
from streamproc.domain.walks import Walk, begin_walk, decode_walk, on_walk_report, total, unfinished
from streamproc.processing.changes import Changes
from streamproc.processing.processor import Store
from streamproc.topics import Topic

_STATE = Topic.CONTROL_STATE
_PENDING = b"pending/"
_KIND = "segments"


class SegmentSyncs:
    """Runs the syncs, and keeps `Configuration.syncing` true."""

    def __init__(self, configuration: Configuration, state: Store, partitions: int) -> None:
        self._configuration = configuration
        self._partitions = partitions
        configuration.syncing.update(
            one for one in map(pending_id, (key for key, _ in state.items())) if one is not None
        )

    def known_version(self, changes: Changes, segment_id: str) -> int | None:
        """Return the latest accepted version of a segment, whether it is in force or still being synced."""
        walk = self._walk(changes, segment_id)
        in_force = self._configuration.get(_KIND, segment_id)
        return walk.version if walk is not None else in_force.version if in_force is not None else None

    def synced_at(self, changes: Changes, segment_id: str) -> int | None:
        """Return since when the segment in force has been known, in milliseconds."""
        value = changes.get(_STATE, _key("since", segment_id))
        return None if value is None else int(value)

    def size(self, changes: Changes, segment_id: str) -> int | None:
        """Return how many customers the segment in force had when it was synced or counted last; None: it never was."""
        value = changes.get(_STATE, _key("size", segment_id))
        return None if value is None else int(value)

    def count(self, changes: Changes, segment_id: str, number: int) -> None:
        """Have the members of a segment counted; `number` tells this count from others."""
        changes.put(_STATE, _key("count", segment_id), begin_walk(number, self._partitions).encode())
        changes.command(count_command(segment_id, number), range(self._partitions))

    def counted(self, changes: Changes, report: Report) -> None:
        """Take a report about a count. One that was begun before the segment changed, or before another, is nothing."""
        segment_id, number = read_subject(report)
        value = changes.get(_STATE, _key("count", segment_id))
        walk = None if value is None else decode_walk(value)
        if walk is None or walk.version != number:
            return
        walk = on_walk_report(walk, report)
        changes.put(_STATE, _key("count", segment_id), None if walk.is_finished else walk.encode())
        if walk.is_finished:
            changes.put(_STATE, _key("size", segment_id), b"%d" % total(walk.parts, "matched"))

    def progress(self, changes: Changes, segment_id: str) -> dict[str, Any] | None:
        """Return how far a sync has come, as a status shows it."""
        walk = self._walk(changes, segment_id)
        if walk is None:
            return None
        done = len(walk.parts) - len(unfinished(walk.parts))
        sums = {name: total(walk.parts, name) for name in ("scanned", "total")}
        return {"segment_id": segment_id, **sums, "partitions_done": done, "partitions": len(walk.parts)}

    def pushed(self, changes: Changes, segment: InForce, definition: bytes, timestamp: int) -> bool:
        """Take an accepted segment, and tell whether it enters at once; if not, its sync begins.

        Nothing waits for one that consists of whom the version in force consists; the partitions only hear of it.
        """
        former = self._configuration.get(_KIND, segment.id)
        was_computed = former is not None and is_computed(former.record)
        is_pending = segment.id in self._configuration.syncing
        if not is_computed(segment.record):
            if is_pending or was_computed:
                self._forget(changes, segment.id, segment.version)
            if former is None or was_computed:
                changes.put(_STATE, _key("since", segment.id), b"%d" % timestamp)
            return True
        command = sync_command(segment.id, segment.version, definition)
        if former is not None and was_computed and not is_pending and _selects_the_same(former, segment):
            if _text(former.record) != _text(segment.record):  # its name, which the partitions use
                changes.command(command, range(self._partitions))
            return True
        changes.put(_STATE, _key("count", segment.id), None)
        changes.put(_STATE, _key("pending", segment.id), definition)
        changes.put(_STATE, _key("sync", segment.id), begin_walk(segment.version, self._partitions).encode())
        self._set_syncing(changes, segment.id, syncing=True)
        changes.command(command, range(self._partitions))
        return False

    def removed(self, changes: Changes, segment_id: str, version: int) -> None:
        """Take the deletion of a segment."""
        former = self._configuration.get(_KIND, segment_id)
        is_pending = segment_id in self._configuration.syncing
        if is_pending or (former is not None and is_computed(former.record)):
            self._forget(changes, segment_id, version)
        for part in ("since", "size", "count"):
            changes.put(_STATE, _key(part, segment_id), None)

    def reported(self, changes: Changes, report: Report, timestamp: int) -> tuple[str | None, bytes | None]:
        """Take a report; return the segment that it concerns, and the definition that enters force now, if one does.

        A report about a sync that a later version has superseded concerns none.
        """
        segment_id, version = read_subject(report)
        walk = self._walk(changes, segment_id)
        if walk is None or walk.version != version:
            return None, None
        walk = on_walk_report(walk, report)
        if not walk.is_finished:
            changes.put(_STATE, _key("sync", segment_id), walk.encode())
            return segment_id, None
        definition = changes.get(_STATE, _key("pending", segment_id))
        self._end(changes, segment_id)
        changes.put(_STATE, _key("since", segment_id), b"%d" % timestamp)
        changes.put(_STATE, _key("size", segment_id), b"%d" % total(walk.parts, "matched"))
        return segment_id, definition

    def _forget(self, changes: Changes, segment_id: str, version: int) -> None:
        self._end(changes, segment_id)
        for part in ("size", "count"):
            changes.put(_STATE, _key(part, segment_id), None)
        changes.command(drop_command(segment_id, version), range(self._partitions))

    def _end(self, changes: Changes, segment_id: str) -> None:
        changes.put(_STATE, _key("pending", segment_id), None)
        changes.put(_STATE, _key("sync", segment_id), None)
        self._set_syncing(changes, segment_id, syncing=False)

    def _set_syncing(self, changes: Changes, segment_id: str, *, syncing: bool) -> None:
        known = self._configuration.syncing
        if (segment_id in known) == syncing:
            return
        (known.add if syncing else known.discard)(segment_id)
        changes.on_failure(lambda: (known.discard if syncing else known.add)(segment_id))

    def _walk(self, changes: Changes, segment_id: str) -> Walk | None:
        value = changes.get(_STATE, _key("sync", segment_id))
        return None if value is None else decode_walk(value)


def pending_id(key: bytes) -> str | None:
    """Return the id of the segment that is being synced, if this is the key in `control-state` that says so."""
    return key.removeprefix(_PENDING).decode() if key.startswith(_PENDING) else None


def _selects_the_same(one: InForce, other: InForce) -> bool:
    return selection(one.record) == selection(other.record)


def _text(record: dict[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


def _key(part: str, segment_id: str) -> bytes:
    return f"{part}/{segment_id}".encode()
