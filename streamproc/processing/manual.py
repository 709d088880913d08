"""Manual distributions in the control task: each is held, released once in its life, stopped, resumed and ended.

What happens is decided in `domain.holds` and `domain.releases`. Here it meets the stores: `distribution-holds` has the
holds, `control-state` the releases that are under way, and a release that is over is known by its status for ever.
"""

from dataclasses import replace
from typing import Any

import orjson

from streamproc.domain import releases
from streamproc.domain.commands import Report, read_subject
from streamproc.domain.configuration import Configuration, InForce
from streamproc.domain.holds import Hold, Readiness, decode_hold, hold
from streamproc.domain.partitions import partition_of
from streamproc.domain.receipts import Receipt
from streamproc.domain.releases import OVER, Release, Transition, decode_release
from streamproc.processing.changes import Changes
from streamproc.processing.orders import write_orders
from streamproc.processing.segment_syncs import SegmentSyncs
from streamproc.topics import Topic

_HOLDS, _STATE = Topic.DISTRIBUTION_HOLDS, Topic.CONTROL_STATE


class ManualDistributions:
    """Takes what is pushed, reported or due, and returns the receipts for it."""

    def __init__(
        self, configuration: Configuration, syncs: SegmentSyncs, partitions: int, hold_milliseconds: int
    ) -> None:
        self._configuration = configuration
        self._syncs = syncs
        self._partitions = partitions
        self._hold_milliseconds = hold_milliseconds

    def held(self, changes: Changes, distribution_id: str) -> Hold | None:
        """Return the hold of a distribution that waits."""
        value = changes.get(_HOLDS, distribution_id.encode())
        return None if value is None else decode_hold(value)

    def released(self, changes: Changes, distribution_id: str) -> Release | None:
        """Return the release of a distribution, until it is over and its status is written."""
        value = changes.get(_STATE, _key(distribution_id))
        return None if value is None else decode_release(value)

    def forget(self, changes: Changes, distribution_id: str) -> None:
        """Forget a release that is over: from now on its status says so."""
        changes.put(_STATE, _key(distribution_id), None)

    def readiness(self, changes: Changes, record: dict[str, Any]) -> Readiness:
        """Return what this manual distribution would wait for now: also for a changed segment that is being synced."""
        causes = self._configuration.causes(record)
        segment_id = record["audience"].get("segment_id")
        if segment_id is None:
            return Readiness(tuple(causes))
        syncing = f"syncing segments {segment_id}"
        if segment_id in self._configuration.syncing and syncing not in causes:
            causes.append(syncing)
        return Readiness(tuple(causes), self._syncs.synced_at(changes, segment_id))

    def pushed(
        self, changes: Changes, distribution_id: str, version: int, record: dict[str, Any] | None, saved_at: int
    ) -> list[Receipt]:
        """Take an accepted record, None for a deletion. It may be of an automatic distribution, or become one."""
        is_live = record is not None and record["kind"] == "manual" and record["status"] == "live"
        release = self.released(changes, distribution_id)
        if release is not None:
            if record is None:
                transition = releases.on_removed(release, version)
            elif is_live:
                is_ready = not self.readiness(changes, record).waits_for
                transition = releases.on_live(release, version, is_ready=is_ready)
            else:
                transition = releases.on_halt(release, version)
            return self._take(changes, distribution_id, release, transition)
        held = self.held(changes, distribution_id)
        if is_live and record is not None and over_version(changes, distribution_id) is None:
            began_at = saved_at if held is None else held.saved_at
            self._hold(changes, distribution_id, version, began_at, self.readiness(changes, record))
            return [Receipt("held" if held is None else "replaced", version)]
        if held is None:
            return []
        changes.put(_HOLDS, distribution_id.encode(), None)
        return [Receipt("canceled", version)]

    def refreshed(self, changes: Changes, distribution: InForce) -> list[Receipt]:
        """Look again at what a distribution in force waits for."""
        held = self.held(changes, distribution.id)
        if held is not None and held.version == distribution.version:
            readiness = self.readiness(changes, distribution.record)
            self._hold(changes, distribution.id, held.version, held.saved_at, readiness)
        release = self.released(changes, distribution.id)
        if release is None or release.wanted != distribution.version:
            return []
        is_ready = not self.readiness(changes, distribution.record).waits_for
        return self._take(changes, distribution.id, release, releases.settle(release, is_ready=is_ready))

    def codes_needed(self, changes: Changes, distribution_id: str) -> tuple[str, int | None] | None:
        """Return the campaign and how many of its codes a release may need, None if that was never counted.

        None at all: it needs no codes, or its campaign makes them.
        """
        in_force = self._configuration.get("distributions", distribution_id)
        if in_force is None or in_force.record["kind"] != "manual" or in_force.record["action"]["type"] != "codes":
            return None
        campaign = self._configuration.get("campaigns", in_force.record["action"]["campaign_id"])
        if campaign is None or campaign.record["type"] != "static":
            return None
        segment_id = in_force.record["audience"].get("segment_id")
        return campaign.id, 1 if segment_id is None else self._syncs.size(changes, segment_id)

    def due(self, changes: Changes, distribution_id: str, warning: str | None = None) -> list[Receipt]:
        """Release a distribution whose time has come; none, when what is in force is not what is held."""
        held, in_force = self.held(changes, distribution_id), self._configuration.get("distributions", distribution_id)
        if held is None or held.due_at is None or in_force is None or in_force.version != held.version:
            return []
        audience = in_force.record["audience"]
        partitions = tuple(range(self._partitions))
        if audience.get("segment_id") is None:
            partitions = (partition_of(audience["customer"]["id"].encode(), self._partitions),)
        transition = releases.begin(held.version, changes.now, audience_key(audience), partitions)
        transition.receipts = [replace(receipt, warning=warning) for receipt in transition.receipts]
        changes.put(_HOLDS, distribution_id.encode(), None)
        changes.observed.append(("hold_lateness", max(changes.now - held.due_at, 0) / 1000))
        return self._take(changes, distribution_id, None, transition)

    def reported(self, changes: Changes, report: Report) -> list[Receipt]:
        """Take a report about a release."""
        distribution_id, number = read_subject(report)
        release = self.released(changes, distribution_id)
        if release is None:
            return []
        in_force = self._configuration.get("distributions", distribution_id)
        is_ready = (
            in_force is not None
            and in_force.version == release.wanted
            and not self.readiness(changes, in_force.record).waits_for
        )
        transition = releases.on_report(release, report, number, is_ready=is_ready)
        return self._take(changes, distribution_id, release, transition)

    def released_version(self, changes: Changes, distribution_id: str) -> int | None:
        """Return the version of a distribution's release, whether it is under way or over."""
        release = self.released(changes, distribution_id)
        return over_version(changes, distribution_id) if release is None else release.version

    def refusal(self, changes: Changes, distribution_id: str, record: dict[str, Any]) -> str | None:
        """Say why a distribution may not be set live (again), None if it may. Asked for records that are live."""
        release = self.released(changes, distribution_id)
        if release is None:
            return None if over_version(changes, distribution_id) is None else SENT_BEFORE
        if release.phase in OVER or release.phase == "ending" or record["kind"] != "manual":
            return SENT_BEFORE
        if release.phase != "sending" and audience_key(record["audience"]) != release.audience:
            return f"it was released to {release.audience} and can only go on there; copy it under a new id"
        return None

    def _hold(self, changes: Changes, distribution_id: str, version: int, saved_at: int, readiness: Readiness) -> None:
        former = self.held(changes, distribution_id)
        held = hold(version, saved_at, readiness, self._hold_milliseconds)
        changes.put(_HOLDS, distribution_id.encode(), held.encode(distribution_id))
        if former is None or (former.version, former.due_at) != (held.version, held.due_at):
            self._have_counted(changes, distribution_id, held, readiness)

    def _have_counted(self, changes: Changes, distribution_id: str, held: Hold, readiness: Readiness) -> None:
        """Have the members counted of whom each needs a code: while there is time, and no sync has just done so."""
        needed = self.codes_needed(changes, distribution_id)
        if needed is None or held.due_at is None or held.due_at <= changes.now:
            return
        in_force = self._configuration.get("distributions", distribution_id)
        segment_id = None if in_force is None else in_force.record["audience"].get("segment_id")
        is_new = needed[1] is not None and (readiness.synced_at or 0) >= held.saved_at
        if segment_id is not None and not is_new:
            self._syncs.count(changes, segment_id, held.version)

    def _take(
        self, changes: Changes, distribution_id: str, before: Release | None, transition: Transition
    ) -> list[Receipt]:
        if transition.release != before:
            changes.put(_STATE, _key(distribution_id), transition.release.encode())
        write_orders(changes, self._configuration, distribution_id, transition.orders)
        return transition.receipts


SENT_BEFORE = "it was released before, and a distribution is released once in its life; copy it under a new id"


def audience_key(audience: dict[str, Any]) -> str:
    """Name whom an audience addresses."""
    segment_id = audience.get("segment_id")
    return f"segment {segment_id}" if segment_id is not None else f"customer {audience['customer']['id']}"


def over_version(changes: Changes, distribution_id: str) -> int | None:
    """Return the version of a distribution's release that is over, None if there is none."""
    value = changes.get(Topic.DISTRIBUTION_STATUS, distribution_id.encode())
    if value is None:
        return None
    status = orjson.loads(value)
    version: int = status["version"]
    return version if status["state"] in OVER else None


def _key(distribution_id: str) -> bytes:
    return f"release/{distribution_id}".encode()
