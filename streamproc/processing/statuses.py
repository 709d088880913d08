"""The status of each distribution, as people see it, and the log of its changes.

The store and topic `distribution-status` has what is true now, `distribution-log` every change of state and every
receipt. A manual distribution whose release is over keeps its status for ever: it is what refuses a second one.
"""

from collections.abc import Iterable
from typing import Any, Literal

import orjson

from streamproc.domain.configuration import Configuration, InForce
from streamproc.domain.events import format_instant
from streamproc.domain.form import ID_LENGTH
from streamproc.domain.holds import Readiness
from streamproc.domain.judge import Verdict
from streamproc.domain.receipts import Receipt
from streamproc.domain.releases import OVER, Release
from streamproc.domain.walks import Parts, total, unfinished
from streamproc.processing.backfills import Backfills
from streamproc.processing.changes import Changes
from streamproc.processing.manual import ManualDistributions, over_version
from streamproc.processing.segment_syncs import SegmentSyncs
from streamproc.topics import Topic

State = Literal["draft", "blocked", "live", "paused", "syncing", "held", "sending", "done", "canceled", "rejected"]
Status = dict[str, Any]

_STATUS = Topic.DISTRIBUTION_STATUS


class Statuses:
    """Writes a distribution's status when it changes; an unchanged one costs a comparison."""

    def __init__(
        self, configuration: Configuration, syncs: SegmentSyncs, manual: ManualDistributions, backfills: Backfills
    ) -> None:
        self._configuration = configuration
        self._syncs = syncs
        self._manual = manual
        self._backfills = backfills

    def show(self, changes: Changes, distribution_id: str, receipts: Iterable[Receipt] = (), version: int = 0) -> None:
        """Show a distribution as it is now; `version` is that of a deletion, for the log."""
        release = self._manual.released(changes, distribution_id)
        if release is None and over_version(changes, distribution_id) is not None:
            return
        in_force = self._configuration.get("distributions", distribution_id)
        status: Status | None = None
        if release is not None:
            status = self._of_release(changes, distribution_id, release, in_force)
        elif in_force is not None:
            status = self._of_one_in_force(changes, in_force)
        self._put(changes, distribution_id, status, receipts, version)
        if release is not None and release.phase in OVER:
            self._manual.forget(changes, distribution_id)

    def show_rejected(self, changes: Changes, verdict: Verdict) -> None:
        """Show a rejected record of which there is no version in force; otherwise the last good one stays in view."""
        if verdict.id is None or verdict.in_force_version is not None or not 0 < len(verdict.id) <= ID_LENGTH:
            return
        known = changes.get(_STATUS, verdict.id.encode())
        if known is not None and orjson.loads(known)["state"] != "rejected":
            return  # of a release that is over, or being ended
        error = verdict.as_json()["errors"][0]
        problem = f"{error['code']} at {error['path']}: {error['message']}"
        status = {"distribution_id": verdict.id, "version": verdict.version, "state": "rejected", "problem": problem}
        self._put(changes, verdict.id, status, (), 0)

    def show_defect(self, changes: Changes, distribution_id: str, problem: str) -> None:
        """Show that a distribution could not be released, and for which reason."""
        known = changes.get(_STATUS, distribution_id.encode())
        if known is not None:
            status = {**orjson.loads(known), "problem": f"unexpected_error: {problem}"}
            self._put(changes, distribution_id, status, (), 0)

    def _of_one_in_force(self, changes: Changes, in_force: InForce) -> Status:
        """Return the status of a distribution that has never been released."""
        record = in_force.record
        status: Status = {"distribution_id": in_force.id, "version": in_force.version, **_state(in_force)}
        if record["kind"] == "automatic":
            causes = self._configuration.causes(record) if in_force.is_live else []
            if causes:
                status |= {"state": "blocked", "problem": "; ".join(causes)}
            backfill = self._backfills.find(changes, in_force.id)
            if backfill is None or backfill.phase in OVER:
                return status
            return status | {"progress": _progress(backfill.parts)}
        held = self._manual.held(changes, in_force.id)
        if held is None:
            return status
        if held.due_at is not None:
            return status | {"state": "held", "due_at": format_instant(held.due_at)}
        return status | self._waiting(changes, record, Readiness(held.waits_for))

    def _of_release(self, changes: Changes, distribution_id: str, release: Release, in_force: InForce | None) -> Status:
        status: Status = {"distribution_id": distribution_id, "version": release.version}
        if release.phase in {"sending", *OVER}:
            status["state"] = release.phase
        elif release.phase == "ending" or in_force is None:
            status["state"] = "canceled"
        else:
            status |= {"version": in_force.version, **_state(in_force)}
            if release.wanted is not None:
                status["state"] = "paused"
                readiness = self._manual.readiness(changes, in_force.record)
                if readiness.waits_for:
                    status |= self._waiting(changes, in_force.record, readiness)
        return status | {"progress": _progress(release.parts), "released_at": format_instant(release.released_at)}

    def _waiting(self, changes: Changes, record: dict[str, Any], readiness: Readiness) -> Status:
        """Return what a manual distribution that is live and not ready shows."""
        told: Status = {"problem": "; ".join(readiness.waits_for)}
        if not readiness.only_syncs:
            return {"state": "blocked", **told}
        sync = self._syncs.progress(changes, record["audience"]["segment_id"])
        return {"state": "syncing", "sync": sync, **told}

    def _put(
        self, changes: Changes, distribution_id: str, status: Status | None, receipts: Iterable[Receipt], version: int
    ) -> None:
        key = distribution_id.encode()
        known = changes.get(_STATUS, key)
        value = None if status is None else orjson.dumps(status)
        receipts = tuple(receipts)
        if value == known and not receipts:
            return
        before = {} if known is None else orjson.loads(known)
        after = {"version": version, "state": None} if status is None else status
        changes.put(_STATUS, key, value)
        if before:
            changes.states[before["state"]] -= 1
        if status is not None:
            changes.states[status["state"]] += 1
        for receipt in receipts:
            _log(changes, distribution_id, after, receipt)
        if not receipts and (before.get("state"), before.get("version")) != (after["state"], after["version"]):
            _log(changes, distribution_id, after, None)


def _state(in_force: InForce) -> Status:
    """Return the state that was pushed, or why it is paused all the same."""
    if in_force.halted is None:
        return {"state": in_force.record["status"]}
    return {"state": "paused", "problem": in_force.halted}


def _progress(parts: Parts) -> dict[str, int]:
    sums = {name: total(parts, name) for name in ("emitted", "undeliverable")}
    return {**sums, "partitions_done": len(parts) - len(unfinished(parts)), "partitions": len(parts)}


def _log(changes: Changes, distribution_id: str, status: Status, receipt: Receipt | None) -> None:
    entry: dict[str, Any] = {"distribution_id": distribution_id, "version": status["version"], "state": status["state"]}
    if receipt is not None:
        entry |= {
            "version": receipt.version,
            "receipt": receipt.kind,
            "emitted": receipt.emitted,
            "undeliverable": receipt.undeliverable,
        }
        if receipt.remaining is not None:
            entry["remaining"] = receipt.remaining
        if receipt.warning is not None:
            entry["warning"] = receipt.warning
        changes.counts["receipts", receipt.kind] += 1
    entry |= {name: status[name] for name in ("due_at", "problem") if name in status}
    changes.write(Topic.DISTRIBUTION_LOG, 0, (distribution_id.encode(), orjson.dumps(entry | {"at": changes.at}), []))
