"""What an update means for one customer."""

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

    def bring(self, update: Update, customer_id: str, state: CustomerState) -> CustomerState:
        """Return a customer's state with an update; the same object when nothing changes.

        Syncs and drops are silent: nobody enters or leaves by them. Raises `JobTooLarge`.
        """
        now = latest(state.now, update.time)
        if update.kind == "tick":
            memberships, moves = reevaluate(self._segments.affected(()), state, customer_id, now)
            if not moves:
                return state
            after = state.with_memberships(memberships).with_time(now)
            cause = tick_cause(update.subject, update.at)
            announce(moves, after, customer_id, cause, self._definitions, self._outgoing)
            return after
        segment = self._segments.get(update.subject)
        if segment is None:
            memberships = leave_segment(state.memberships, update.subject)
        else:
            memberships, _ = reevaluate((segment,), state, customer_id, now)
        return state if memberships is state.memberships else state.with_memberships(memberships)


def is_concerned(update: Update, before: CustomerState, after: CustomerState) -> bool:
    """Tell whether an update is about this customer: a member of a synced segment, a former one of a dropped one."""
    if update.kind == "tick":
        return after.memberships is not before.memberships
    return update.subject in (after if update.kind == "sync" else before).memberships
