"""What a release or a backfill comes to for one customer."""

from collections.abc import Mapping
from typing import Any

from streamproc.domain.customers import CustomerState
from streamproc.domain.events import Event, instant_of
from streamproc.domain.facts import Facts
from streamproc.domain.jobs import Occurrence
from streamproc.domain.occasions import backfill_cause, distribution_object, moved, release_cause, released
from streamproc.domain.profiles import Profile
from streamproc.domain.sending import compile_sending
from streamproc.processing.outgoing import Outgoing
from streamproc.processing.sends import Send, read_carried


class Sender:
    """One version of a distribution, compiled to be sent to one customer after the other.

    `carried` is what its command carries, `segment` what events tell of the segment that a backfill is about.
    """

    def __init__(self, send: Send, carried: Mapping[str, Any], segment: dict[str, str]) -> None:
        distribution, added = read_carried(carried)
        is_backfill = send.kind == "backfill"
        self.cause = (backfill_cause if is_backfill else release_cause)(distribution.id, send.at)
        self._send = send
        self._at = instant_of(send.at)
        self._sending = compile_sending(distribution, added)
        self._channels = len(distribution.record["channels"])
        self._segment = segment if is_backfill else None
        self._distribution = distribution_object(distribution)

    def event(self, customer_id: str, profile: Profile | None) -> Event:
        """Return the event that this is for a customer."""
        if self._segment is None:
            return released(self.cause, self._at, customer_id, profile, self._distribution)
        return moved(self.cause, self._at, customer_id, profile, self._segment, has_entered=True)

    def send(self, customer_id: str, state: CustomerState | None, outgoing: Outgoing) -> None:
        """Send to a customer, None for one without state, and count it. Raises `JobTooLarge`."""
        profile, memberships = (None, []) if state is None else (state.profile, state.memberships)
        facts = Facts(self.event(customer_id, profile), profile, memberships)
        former = len(outgoing.decisions)
        self._sending.emit(Occurrence(facts, self.cause), outgoing.jobs, outgoing.decisions)
        undeliverable = len(outgoing.decisions) - former
        send = self._send
        send.matched += 1
        send.undeliverable += undeliverable
        send.emitted += self._channels - undeliverable
