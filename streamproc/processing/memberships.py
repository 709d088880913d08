"""Memberships of computed segments: decided anew for one customer, and what follows when one changes.

The same for an event, a profile, a tick and a sync. Who calls says which segments, at what time, and whether the
changes are told to anybody: `reevaluate` only decides, `announce` writes down and lets distributions meet.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import orjson

from streamproc.domain.customers import CustomerState, changed, join_segment, leave_segment
from streamproc.domain.facts import Facts
from streamproc.domain.jobs import Cause, Occurrence
from streamproc.domain.occasions import moved, segment_object
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegment, ComputedSegments
from streamproc.processing.outgoing import Outgoing


@dataclass(slots=True)
class Move:
    """A customer has entered a segment, or left it."""

    segment: ComputedSegment
    has_entered: bool

    @property
    def change(self) -> str:
        """What it is called."""
        return "entered" if self.has_entered else "left"


def concerned(
    segments: ComputedSegments, before: CustomerState | None, after: CustomerState
) -> Iterable[ComputedSegment]:
    """Return the segments to decide anew when a customer's state changes; all of them when it is the first state."""
    return segments if before is None else segments.affected(changed(before, after))


def reevaluate(
    segments: Iterable[ComputedSegment], state: CustomerState, customer_id: str, now: datetime
) -> tuple[list[str], list[Move]]:
    """Decide anew whether a customer belongs to these segments; return its memberships and what has changed.

    The memberships are the very same object when nothing has.
    """
    memberships = state.memberships
    moves: list[Move] = []
    for segment in segments:
        holds = segment.holds(state, customer_id, now)
        if holds is not _is_member(memberships, segment.id):
            memberships = (join_segment if holds else leave_segment)(memberships, segment.id)
            moves.append(Move(segment, holds))
    return memberships, moves


def announce(
    moves: Iterable[Move],
    state: CustomerState,
    customer_id: str,
    cause: Cause,
    definitions: Definitions,
    outgoing: Outgoing,
) -> None:
    """Write changes of membership down, and let them meet the distributions; `cause` is what has led to them.

    `state` is the customer's with the memberships that it now has. Raises `JobTooLarge`.
    """
    for move in moves:
        segment, change = move.segment, move.change
        outgoing.changes.append((change, (customer_id.encode(), _record(move, customer_id, cause), [])))
        following = Cause.following(orjson.loads(cause.body), f"{change}:{segment.id}", cause.created_at)
        occurrence = _occurrence(move, state, customer_id, following)
        for distribution in definitions.match(occurrence.facts):
            distribution.emit(occurrence, outgoing.jobs, outgoing.decisions)


def _occurrence(move: Move, state: CustomerState, customer_id: str, cause: Cause) -> Occurrence:
    segment, at = move.segment, state.now
    assert at is not None
    told = segment_object(segment.id, segment.name)
    event = moved(cause, at, customer_id, state.profile, told, has_entered=move.has_entered)
    return Occurrence(Facts(event, state.profile, state.memberships), cause)


def _record(move: Move, customer_id: str, cause: Cause) -> bytes:
    """Return the value of the record in `segment-changes`."""
    told = {
        "customer_id": customer_id,
        "segment_id": move.segment.id,
        "version": move.segment.version,
        "change": move.change,
        "cause": orjson.Fragment(cause.body),
        "created_at": cause.created_at,
    }
    return orjson.dumps(told)


def _is_member(memberships: list[str], segment_id: str) -> bool:
    place = bisect_left(memberships, segment_id)
    return place < len(memberships) and memberships[place] == segment_id
