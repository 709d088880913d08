"""What an update means for one customer."""

from collections.abc import Sequence
from datetime import datetime

from streamproc.domain.customers import CustomerState, latest, leave_segment
from streamproc.domain.occasions import tick_cause
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegments
from streamproc.processing.memberships import announce, reevaluate
from streamproc.processing.outgoing import Outgoing
from streamproc.processing.updates import Update


class Bringing:
    """Brings updates to customers; what follows from that goes to `outgoing`."""

    def __init__(self, segments: ComputedSegments, definitions: Definitions, outgoing: Outgoing) -> None:
        self._segments = segments
        self._definitions = definitions
        self._outgoing = outgoing

    def bring(
        self, update: Update, customer_id: str, state: CustomerState, later: Sequence[Update] = ()
    ) -> CustomerState:
        """Return a customer's state with an update; the same object when nothing changes.

        `later` are those that began after it and have not reached this customer either. Syncs and drops are silent:
        nobody enters or leaves by them. Raises `JobTooLarge`.
        """
        now = latest(state.now, update.time)
        if update.kind == "tick":
            return self._on_tick(update, customer_id, state, now, {one.subject for one in later})
        segment = self._segments.get(update.subject)
        if segment is None:
            memberships = leave_segment(state.memberships, update.subject)
        else:
            memberships, _ = reevaluate((segment,), state, customer_id, now)
        return state if memberships is state.memberships else state.with_memberships(memberships)

    def _on_tick(
        self, tick: Update, customer_id: str, state: CustomerState, now: datetime, not_yet: set[str]
    ) -> CustomerState:
        """Decide anew about all that depends on the date, but for segments that took effect after the day began."""
        segments = [one for one in self._segments.affected(()) if one.id not in not_yet]
        memberships, moves = reevaluate(segments, state, customer_id, now)
        if not moves:
            return state
        after = state.with_memberships(memberships).with_time(now)
        announce(moves, after, customer_id, tick_cause(tick.subject, tick.at), self._definitions, self._outgoing)
        return after


def is_concerned(update: Update, before: CustomerState, after: CustomerState) -> bool:
    """Tell whether an update is about this customer: a member of a synced segment, a former one of a dropped one."""
    if update.kind == "tick":
        return after.memberships is not before.memberships
    return update.subject in (after if update.kind == "sync" else before).memberships
