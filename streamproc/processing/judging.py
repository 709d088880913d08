"""What becomes of a pushed configuration record: its verdict, what is in force from then on, and whom that concerns."""

from collections.abc import Iterable
from dataclasses import replace

import orjson

from streamproc.domain.configuration import (
    Configuration,
    InForce,
    decode_definition,
    encode_definition,
    pushed_value,
)
from streamproc.domain.judge import EXPECTED_VERSION, SentBefore, Verdict, judge
from streamproc.domain.problems import Problem
from streamproc.domain.receipts import Receipt
from streamproc.domain.releases import OVER
from streamproc.processing.backfills import Backfills
from streamproc.processing.changes import Changes
from streamproc.processing.manual import SENT_BEFORE, ManualDistributions
from streamproc.processing.processor import SourceRecord
from streamproc.processing.read_marks import take_mark
from streamproc.processing.segment_syncs import SegmentSyncs
from streamproc.processing.statuses import Statuses
from streamproc.topics import Topic


class Judging:
    """Judges, and keeps `definitions`. Of what a record brings about everything goes into the changes of its turn."""

    def __init__(
        self,
        configuration: Configuration,
        syncs: SegmentSyncs,
        manual: ManualDistributions,
        backfills: Backfills,
        statuses: Statuses,
    ) -> None:
        self._configuration = configuration
        self._syncs = syncs
        self._manual = manual
        self._backfills = backfills
        self._statuses = statuses

    def take(self, changes: Changes, kind: str, record: SourceRecord) -> None:
        """Judge a record, and do what follows from it."""
        is_new = take_mark(changes, kind, record)
        verdict = judge(
            kind,
            record.key,
            record.value,
            record.offset,
            self._expected_version(kind, record),
            self._configuration,
            self._sent_before(changes, record, is_new=is_new),
        )
        if verdict.accepted:
            verdict = self._accept(changes, verdict, record, is_new=is_new)
        elif kind == Topic.DISTRIBUTIONS:
            self._statuses.show_rejected(changes, verdict)
        _tell(changes, verdict, record)

    def refuse(self, changes: Changes, kind: str, record: SourceRecord, error: Exception) -> None:
        """Answer for a record at which the judge failed; nothing has changed."""
        object_id = None if record.key is None else record.key.decode("utf-8", "replace")
        in_force = None if object_id is None else self._configuration.get(kind, object_id)
        problem = Problem("$", "schema", f"could not be judged: {type(error).__name__}")
        version = None if in_force is None else in_force.version
        _tell(changes, Verdict(kind, object_id, record.offset, False, [problem], in_force_version=version), record)

    def enter(self, changes: Changes, definition: bytes) -> None:
        """Put a segment in force that has been synced."""
        in_force = decode_definition(definition)
        self._refresh(changes, self._put_in_force(changes, in_force.kind, in_force.id, in_force, definition))

    def halt(self, changes: Changes, distribution_id: str, version: int, reason: str) -> None:
        """Pause a distribution until another version of it is pushed; one that is in force no more is left alone.

        A manual one whose release is over cannot be pushed again, so it stays as it is.
        """
        in_force = self._configuration.get("distributions", distribution_id)
        if in_force is None or in_force.version != version or not in_force.is_live:
            return
        if in_force.record["kind"] == "manual" and self._manual.released(changes, distribution_id) is None:
            return
        self._set_halted(changes, in_force, reason)
        paused = in_force.record | {"status": "paused"}
        receipts = self._manual.pushed(changes, distribution_id, version, paused, changes.now)
        self._backfills.pushed(changes, distribution_id, version, paused)
        self._statuses.show(changes, distribution_id, receipts)

    def reported(self, changes: Changes, distribution_id: str, receipts: list[Receipt]) -> None:
        """Show what a report has come to. A release that is over is halted no more: nobody could push it again."""
        in_force = self._configuration.get("distributions", distribution_id)
        release = self._manual.released(changes, distribution_id)
        if in_force is not None and in_force.halted is not None and release is not None and release.phase in OVER:
            self._set_halted(changes, in_force, None)
        self._statuses.show(changes, distribution_id, receipts)

    def _set_halted(self, changes: Changes, in_force: InForce, reason: str | None) -> None:
        definition = changes.get(Topic.DEFINITIONS, f"distributions/{in_force.id}".encode())
        assert definition is not None  # it is in force
        value = encode_definition(in_force.kind, in_force.id, in_force.version, pushed_value(definition), reason)
        self._put_in_force(changes, in_force.kind, in_force.id, replace(in_force, halted=reason), value)

    def _expected_version(self, kind: str, record: SourceRecord) -> bytes | None:
        """Return the text of the header that names the version to replace; of several, the last."""
        object_id = (record.key or b"").decode("utf-8", "replace")
        in_force = self._configuration.get(kind, object_id)
        if in_force is not None and in_force.version == record.offset:
            return None  # read again; it has replaced that version long ago
        expected = [text for name, text in record.headers if name == EXPECTED_VERSION]
        return (expected[-1] or b"") if expected else None

    def _sent_before(self, changes: Changes, record: SourceRecord, *, is_new: bool) -> SentBefore:
        """Return what refuses a second release; not what was taken before the release, when it is read again."""

        def refusal(distribution_id: str, pushed: dict[str, object]) -> str | None:
            released = self._manual.released_version(changes, distribution_id)
            if not is_new and released is not None and record.offset <= released:
                return None
            if pushed["kind"] == "manual" and self._backfills.find(changes, distribution_id) is not None:
                return SENT_BEFORE
            return self._manual.refusal(changes, distribution_id, pushed)

        return refusal

    def _accept(self, changes: Changes, verdict: Verdict, record: SourceRecord, *, is_new: bool) -> Verdict:
        kind, object_id, version = verdict.kind, verdict.id, verdict.version
        assert object_id is not None  # whatever is accepted has an id
        known = self._configuration.get(kind, object_id)
        if not is_new and known is not None and known.version == version:
            return verdict  # read again, and in force already
        in_force = definition = None
        if record.value is not None and verdict.record is not None:
            in_force = InForce(kind, object_id, version, verdict.record)
            definition = encode_definition(kind, object_id, version, record.value)
        if kind == Topic.SEGMENTS and not self._take_segment(changes, record, object_id, in_force, definition, is_new):
            former = self._configuration.get(kind, object_id)
            self._refresh(changes, self._configuration.dependents(kind, object_id))
            return replace(verdict, in_force_version=None if former is None else former.version)
        concerned = self._put_in_force(changes, kind, object_id, in_force, definition)
        receipts: list[Receipt] = []
        if kind == Topic.DISTRIBUTIONS and is_new:
            receipts = self._manual.pushed(changes, object_id, version, verdict.record, record.timestamp)
        if kind == Topic.DISTRIBUTIONS:
            concerned.discard(object_id)
            if is_new:
                self._backfills.pushed(changes, object_id, version, verdict.record)
            if in_force is not None:
                self._backfills.refreshed(changes, in_force)
            self._statuses.show(changes, object_id, receipts, version)
        self._refresh(changes, concerned)
        return verdict

    def _take_segment(
        self,
        changes: Changes,
        record: SourceRecord,
        segment_id: str,
        segment: InForce | None,
        definition: bytes | None,
        is_new: bool,
    ) -> bool:
        """Begin or end the sync of a segment, and tell whether the record takes effect at once."""
        known = self._syncs.known_version(changes, segment_id)
        if not is_new and known is not None and record.offset <= known:
            return False
        if segment is None or definition is None:
            self._syncs.removed(changes, segment_id, record.offset)
            return True
        return self._syncs.pushed(changes, segment, definition, record.timestamp)

    def _put_in_force(
        self, changes: Changes, kind: str, object_id: str, in_force: InForce | None, definition: bytes | None
    ) -> set[str]:
        """Put an object in force, or take it out, and return the distributions that this concerns."""
        former = self._configuration.get(kind, object_id)
        concerned = self._configuration.dependents(kind, object_id)
        changes.on_failure(lambda: self._configuration.apply(kind, object_id, former))
        self._configuration.apply(kind, object_id, in_force)
        changes.put(Topic.DEFINITIONS, f"{kind}/{object_id}".encode(), definition)
        return concerned | self._configuration.dependents(kind, object_id)

    def _refresh(self, changes: Changes, distribution_ids: Iterable[str]) -> None:
        """Look again at distributions of which something that they name has changed."""
        for distribution_id in sorted(distribution_ids):
            distribution = self._configuration.get("distributions", distribution_id)
            if distribution is None:
                continue
            receipts = self._manual.refreshed(changes, distribution)
            self._backfills.refreshed(changes, distribution)
            self._statuses.show(changes, distribution_id, receipts)


def _tell(changes: Changes, verdict: Verdict, record: SourceRecord) -> None:
    """Write the verdict, keyed like the definition; a record's own key goes in as its bytes stand."""
    object_id = record.key if record.key is not None else (verdict.id or "").encode()
    key = f"{verdict.kind}/".encode() + object_id
    changes.write(Topic.CONFIG_VERDICTS, 0, (key, orjson.dumps(verdict.as_json()), []))
    result = "rejected" if not verdict.accepted else "blocked" if verdict.blocked else "accepted"
    changes.counts["verdicts", verdict.kind, result] += 1
