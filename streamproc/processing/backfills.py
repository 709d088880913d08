"""Backfills: a distribution on `entered` that includes current members reaches them once in its life.

A backfill goes its way as a release does (`domain.releases`), but for the receipts: it stops and goes on with its
distribution. `backfill/` of `control-state` has how far it is, by distribution, and stays for ever, so that nobody is
reached again when the distribution is deleted and pushed anew.
"""

from dataclasses import replace
from typing import Any

from streamproc.domain import releases
from streamproc.domain.commands import Report, read_subject
from streamproc.domain.configuration import Configuration, InForce
from streamproc.domain.releases import OVER, Release, Transition, decode_release
from streamproc.processing.changes import Changes
from streamproc.processing.orders import write_orders
from streamproc.topics import Topic

_STATE = Topic.CONTROL_STATE


class Backfills:
    """Sends the commands when such a distribution can fire for the first time, and takes the reports."""

    def __init__(self, configuration: Configuration, partitions: int) -> None:
        self._configuration = configuration
        self._partitions = tuple(range(partitions))

    def find(self, changes: Changes, distribution_id: str) -> Release | None:
        """Return the one backfill in the life of a distribution."""
        value = changes.get(_STATE, _key(distribution_id))
        return None if value is None else decode_release(value)

    def pushed(self, changes: Changes, distribution_id: str, version: int, record: dict[str, Any] | None) -> None:
        """Take an accepted record of a distribution, None for its deletion: what is under way follows it."""
        backfill = self.find(changes, distribution_id)
        if backfill is None or backfill.phase in OVER:
            return
        if record is None:
            transition = releases.on_removed(backfill, version)
        elif record["status"] == "live" and _includes_members(record):
            is_ready = not self._configuration.causes(record)
            transition = releases.on_live(backfill, version, is_ready=is_ready)
        else:
            transition = releases.on_halt(backfill, version)
        self._take(changes, distribution_id, transition)

    def refreshed(self, changes: Changes, distribution: InForce) -> None:
        """Begin the backfill of a distribution in force, or go on with it, if nothing keeps it from that any more."""
        record = distribution.record
        if not distribution.is_live or not _includes_members(record) or self._configuration.causes(record):
            return
        backfill = self.find(changes, distribution.id)
        if backfill is None:
            segment = f"segment {record['trigger']['segment_id']}"
            transition = releases.begin(distribution.version, changes.now, segment, self._partitions)
            self._take(changes, distribution.id, transition)
        elif backfill.wanted == distribution.version:
            self._take(changes, distribution.id, releases.settle(backfill, is_ready=True))

    def reported(self, changes: Changes, report: Report) -> bool:
        """Take a report, and tell whether it is about a backfill."""
        distribution_id, number = read_subject(report)
        backfill = self.find(changes, distribution_id)
        if backfill is None:
            return False
        if report.kind == "backfill":
            report = replace(report, kind="send")
        in_force = self._configuration.get("distributions", distribution_id)
        is_ready = (
            in_force is not None
            and in_force.version == backfill.wanted
            and not self._configuration.causes(in_force.record)
        )
        self._take(changes, distribution_id, releases.on_report(backfill, report, number, is_ready=is_ready))
        return True

    def _take(self, changes: Changes, distribution_id: str, transition: Transition) -> None:
        backfill = transition.release
        if backfill.phase in OVER:
            backfill = replace(backfill, parts={})  # what stays for ever stays small
        changes.put(_STATE, _key(distribution_id), backfill.encode())
        write_orders(changes, self._configuration, distribution_id, transition.orders)


def _includes_members(record: dict[str, Any]) -> bool:
    return record["kind"] == "automatic" and record["trigger"].get("include_current_members") is True


def _key(distribution_id: str) -> bytes:
    return f"backfill/{distribution_id}".encode()
