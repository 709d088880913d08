"""One chunk of a customer task, record by record.

Order of work for an event: checks, state, segments, then the distributions that match and their jobs. Whatever can
fail comes before the event's first lasting change, so an input that fails leaves nothing behind but its dead letter.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from streamproc.domain.catalogue import FEED_ONLY_EVENTS
from streamproc.domain.commands import Report, read_command
from streamproc.domain.customers import (
    NEW_CUSTOMER,
    CustomerState,
    after_event,
    after_record,
    join_segment,
    leave_segment,
)
from streamproc.domain.depth import is_too_deep
from streamproc.domain.events import (
    CUSTOMER_DELETED,
    PUBLICATION_SUCCEEDED,
    SEGMENT_ENTERED,
    SEGMENT_LEFT,
    Event,
    format_instant,
    instant_of,
    read_event,
)
from streamproc.domain.facts import Facts
from streamproc.domain.jobs import Cause, JobTooLarge, Occurrence
from streamproc.domain.messages import Message
from streamproc.domain.outcomes import (
    DeadLetterReason,
    Duplicate,
    Ignored,
    IgnoredReason,
    OutcomeName,
    Parked,
    Refusal,
    Step,
    outcome_of,
)
from streamproc.domain.profiles import TOO_DEEP, read_customer
from streamproc.domain.publications import read_publication
from streamproc.errors import FatalError
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegments
from streamproc.processing.bringing import Bringing
from streamproc.processing.customer_states import StagedStates
from streamproc.processing.dead_letters import dead_letter, describe
from streamproc.processing.duplicates import StagedIds, hash_id
from streamproc.processing.memberships import Move, announce, concerned, reevaluate
from streamproc.processing.outgoing import Outgoing, write_reports
from streamproc.processing.processor import Output, Slice, SourceRecord
from streamproc.processing.scans import Scans
from streamproc.processing.sender import Sender
from streamproc.processing.sends import SENDING
from streamproc.processing.updates import Update
from streamproc.topics import OUTPUT_LIMIT, Topic

# Compiled code looks up a name from a module that is not compiled whenever it uses it; those of its own it has at hand.
_FEED_ONLY_EVENTS: Final = FEED_ONLY_EVENTS

#: The label of events whose type could not be read or is not known; labels must stay few.
UNKNOWN_TYPE = "unknown"

_NO_MOVES: Final[Sequence[Move]] = ()
_SEGMENT_EVENTS: Final = frozenset({SEGMENT_ENTERED, SEGMENT_LEFT})
# Only these can be refused for what the definitions or the publication's id say.
_ASKED_AGAIN: Final = _SEGMENT_EVENTS | {PUBLICATION_SUCCEEDED}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one input got: `jobs` are (channel, record), `decisions` are (reason, record), in their order.

    A request for a code stands among the jobs, under the name of its topic.
    """

    name: OutcomeName
    reason: DeadLetterReason | IgnoredReason | None
    jobs: list[tuple[str, Message]]
    decisions: list[tuple[str, Message]]


class CustomerChunk:
    """All that one chunk has come to so far; thrown away as a whole when the chunk is."""

    def __init__(
        self,
        definitions: Definitions,
        segments: ComputedSegments,
        states: StagedStates,
        ids: StagedIds,
        scans: Scans,
        outcomes: list[Outcome] | None = None,
    ) -> None:
        self.states = states
        self.ids = ids
        self.inputs = 0
        #: The inputs, counted from 0, that became dead letters.
        self.dead: list[tuple[int, DeadLetterReason]] = []
        self._definitions = definitions
        self._segments = segments
        self._scans = scans
        self._updates = scans.updates
        self._outcomes = outcomes
        self._outgoing = Outgoing()
        self._bringing = Bringing(segments, definitions, self._outgoing)
        self._reports: list[Report] = []
        self._parked: list[tuple[Parked, Slice, SourceRecord]] = []
        self._processed: dict[str, int] = {}
        self._counts: Counter[tuple[str, ...]] = Counter()
        # How far the work on the input in hand has come, for its dead letter.
        self._step: Step = "check"
        self._type: str | None = None
        self._partition = 0

    def work(self, piece: Slice) -> None:
        """Decide for each record of a slice; nothing about one of them keeps the others from being worked on."""
        is_events = piece.topic == Topic.CUSTOMER_EVENTS
        decide = self._decider(piece.topic)
        outgoing, outcomes = self._outgoing, self._outcomes
        self._partition = piece.partition
        for record in piece.records:
            mark = outgoing.mark()
            try:
                refusal = decide(record)
            except JobTooLarge as large:
                outgoing.cut(mark)
                refusal = Parked("too_large", str(large), self._step, self._type)
            except (FatalError, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001  (the one place where a defect becomes a dead letter)
                outgoing.cut(mark)
                refusal = Parked("unexpected_error", describe(error), self._step, self._type)
            if refusal is not None:
                self._note(refusal, piece, record, is_events)
            if outcomes is not None:
                jobs, decisions, _ = mark
                outcomes.append(Outcome(*outcome_of(refusal), outgoing.jobs[jobs:], outgoing.decisions[decisions:]))
            self.inputs += 1

    def _decider(self, topic: str) -> Callable[[SourceRecord], Refusal | None]:
        if topic == Topic.CUSTOMER_EVENTS:
            return self._decide_event
        if topic == Topic.CUSTOMERS:
            return self._decide_profile
        return self._decide_publication if topic == Topic.PUBLICATIONS else self._decide_command

    def output(self, partition: int, parked_at: str) -> Output:
        """Put together what follows from the chunk."""
        counts = self._counts
        output = Output(counts=counts)
        self._outgoing.write(output, partition)
        write_reports(output, self._reports)
        for parked, piece, record in self._parked:
            letter = dead_letter(parked, piece.topic, piece.partition, record, parked_at)
            output.lane(Topic.DEAD_LETTERS, partition).append(letter)
        for event_type, count in self._processed.items():
            counts["events", event_type, "processed"] = count
        return output

    def _decide_event(self, record: SourceRecord) -> Refusal | None:
        self._step, self._type = "check", None
        key, value = record.key, record.value
        read = read_event(key, value, self.states.known_words(key))
        if not isinstance(read, Event):
            return read
        event: Event = read  # compiled, its attributes are found at once
        self._type = event.type
        hashed = hash_id(event.id)
        if hashed in self.ids:
            return Duplicate(event.type)
        if event.type in _ASKED_AGAIN:
            refusal = self._ask_again(event)
            if refusal is not None:
                return refusal
        refusal = self._process(event, len(value or b""))
        if refusal is None:
            self.ids.add(hashed)
            self._processed[event.type] = self._processed.get(event.type, 0) + 1
        return refusal

    def _process(self, event: Event, read: int, sender: Sender | None = None) -> Refusal | None:
        """Let an event of so many bytes change its customer, and meet the distributions; a release only its own."""
        self._step = "state"
        key = event.key
        stored = self.states.get(key)
        before = self._up_to_date(key, stored)
        after = self._state_after(event, before)
        if isinstance(after, Parked):
            return after
        moves, size = _NO_MOVES, 0
        if after is not None and after is not before:
            after, moves = self._reevaluated(before, after, event.customer_id)
        if after is not stored:
            size = self._size_after(key, after, moves, read)
            if size > OUTPUT_LIMIT:
                return self._state_too_large(size)
        if sender is not None:
            sender.send(event.customer_id, after, self._outgoing)
        elif after is not None and event.type not in _FEED_ONLY_EVENTS:
            self._emit(event, after, None)
        if after is not None and moves:
            cause = Cause.of_event(event) if sender is None else sender.cause
            announce(moves, after, event.customer_id, cause, self._definitions, self._outgoing)
        # Nothing below this line can fail.
        if after is not stored:
            self.states.put(key, after, size)
        if event.type == SEGMENT_ENTERED and event.segment_id is not None and self._updates.running:
            self._updates.keep(key, event.segment_id)
        return None

    def _up_to_date(self, key: bytes, state: CustomerState | None) -> CustomerState | None:
        """Bring along what the walk of the updates under way has not brought to this customer yet."""
        updates = self._updates
        if state is not None and updates.running:
            pending = updates.pending(key)
            for place, update in enumerate(pending, 1):
                state = self._bringing.bring(update, key.decode(), state, pending[place:])
        return state

    def _in_time(self, state: CustomerState | None, at: datetime) -> CustomerState:
        """Return the state to which something from this time is told; after an update it is told no earlier."""
        if state is None:
            state = NEW_CUSTOMER
        latest = self._updates.latest
        if latest is None or at >= latest or not self._segments.depend_on_date:
            return state
        return state if state.now is not None and state.now >= latest else state.with_time(latest)

    def _ask_again(self, event: Event) -> Refusal | None:
        """Make the checks that need more than the event's form."""
        if event.is_own_publication:
            return Ignored("own_publication", event.type)
        segment_id = event.segment_id if event.type in _SEGMENT_EVENTS else None
        if segment_id is None:
            return None
        # One that this partition has been told of need not be in force for all yet.
        computed = self._segments.get(segment_id)
        kind = self._definitions.segment_type(segment_id) if computed is None else computed.type
        if kind is None or kind == "external":
            return None
        return Parked("segment_is_computed", f"membership of a {kind} segment is decided here", type=event.type)

    def _state_after(self, event: Event, before: CustomerState | None) -> CustomerState | Parked | None:
        """Return the state with what the event says of the customer; the same object when that is nothing new."""
        if event.type == CUSTOMER_DELETED:
            return None
        state = self._in_time(before, event.created_at)
        after = after_event(state, event, keep_time=self._segments.depend_on_date)
        # A customer that is known by its JSON has come with an outline, which nothing nested deep has.
        if event.customer_json is None and after.profile is not state.profile and is_too_deep(after.profile):
            return Parked("invalid_event", TOO_DEEP, self._step, event.type)
        if event.type in _SEGMENT_EVENTS:
            self._step = "segments"
            memberships = self._memberships_after(event, after.memberships)
            if memberships is not after.memberships:
                return after.with_memberships(memberships)
        return after

    def _reevaluated(
        self, before: CustomerState | None, after: CustomerState, customer_id: str
    ) -> tuple[CustomerState, Sequence[Move]]:
        """Decide anew about the computed segments that a change concerns."""
        if not self._segments:
            return after, _NO_MOVES
        self._step = "segments"
        assert after.now is not None
        segments = concerned(self._segments, before, after)
        memberships, moves = reevaluate(segments, after, customer_id, after.now)
        if before is None:
            # Those whom a static segment lists belong to it also while nothing else is known of them.
            moves = [move for move in moves if move.segment.type != "static"]
        return after if memberships is after.memberships else after.with_memberships(memberships), moves

    def _memberships_after(self, event: Event, memberships: list[str]) -> list[str]:
        """Set the membership that upstream tells; a segment that is not in force is not remembered."""
        segment_id = event.segment_id
        if segment_id is None or self._definitions.segment_type(segment_id) is None:
            return memberships
        change = join_segment if event.type == SEGMENT_ENTERED else leave_segment
        return change(memberships, segment_id)

    def _emit(self, event: Event, state: CustomerState | None, cause: Cause | None) -> None:
        """Let the event meet the distributions; without a cause it is itself the cause."""
        self._step = "matching"
        known = state or NEW_CUSTOMER
        facts = Facts(event, None if state is None else state.profile, known.memberships, known.tiers)
        matched = self._definitions.match(facts)
        if not matched:
            return
        self._step = "jobs"
        occurrence = Occurrence(facts, cause or Cause.of_event(event))
        for distribution in matched:
            distribution.emit(occurrence, self._outgoing.jobs, self._outgoing.decisions)

    def _decide_publication(self, record: SourceRecord) -> Refusal | None:
        """Take a record of `publications`: a code was given. It changes nothing and may start distributions."""
        self._step, self._type = "check", None
        event, cause = read_publication(record.value or b"")
        self._emit(event, self.states.get(event.key), cause)
        return None

    def _decide_profile(self, record: SourceRecord) -> Refusal | None:
        """Take a record of `customers`: it replaces the profile and leaves the memberships; null forgets all."""
        self._step, self._type = "check", None
        key = record.key
        if key is None:
            return Parked("wrong_key", "the record has no key")
        stored = self.states.get(key)
        if record.value is None:
            if stored is not None:
                self._up_to_date(key, stored)  # what a day has brought is told before the customer is forgotten
                self.states.put(key, None, 0)
            return None
        told = read_customer(key, record.value)
        if isinstance(told, Parked):
            return told
        self._step = "state"
        at = instant_of(record.timestamp)
        before = self._up_to_date(key, stored)
        after = after_record(self._in_time(before, at), told, at, keep_time=self._segments.depend_on_date)
        moves = _NO_MOVES
        if after is not before:
            after, moves = self._reevaluated(before, after, told["id"])
        if after is stored:
            return None
        size = self._size_after(key, after, moves, len(record.value))
        if size > OUTPUT_LIMIT:
            return self._state_too_large(size)
        if moves:
            cause = Cause.of_record(Topic.CUSTOMERS, self._partition, record.offset, format_instant(record.timestamp))
            announce(moves, after, told["id"], cause, self._definitions, self._outgoing)
        # Nothing below this line can fail.
        self.states.put(key, after, size)
        return None

    def _decide_command(self, record: SourceRecord) -> Refusal | None:
        """Take a record of `partition-commands`: long work is begun, one customer is served at once."""
        self._step, self._type = "check", None
        told = read_command(record.value)
        if isinstance(told, Parked):
            return told
        self._step = "state"
        if "customer" not in told:
            self._reports += self._scans.obey(told, record.timestamp)
            return None
        if told["kind"] not in SENDING:
            return self._bring_to_one(told)
        sending = self._scans.begin_one(told, record.timestamp)
        if sending is None:
            return None
        report = self._scans.nothing(told)  # it is answered, whatever comes of it
        try:
            refusal = self._send_to_one(told["customer"], sending[1], len(record.value or b""))
            if refusal is None:
                report = self._scans.end_one(sending[0], told)
        finally:
            self._reports.append(report)
        return refusal

    def _send_to_one(self, customer: dict[str, Any], sender: Sender, read: int) -> Refusal | None:
        """Send to one customer, who is created or updated first when more than its id is told."""
        event = sender.event(customer["id"], None)
        if len(customer) > 1:
            return self._process(replace(event, outline={**event.outline, "customer": customer}), read, sender)
        key = event.key
        stored = self.states.get(key)
        state = self._up_to_date(key, stored)
        sender.send(event.customer_id, state, self._outgoing)
        if state is not stored:
            self.states.put(key, state, self.states.size_after(key, state, read))
        return None

    def _bring_to_one(self, told: dict[str, Any]) -> Refusal | None:
        """Bring an update to the one customer to whom it could not be brought before."""
        customer_id = told["customer"]["id"]
        key = customer_id.encode()
        before = self._up_to_date(key, self.states.get(key))
        if before is not None:
            update = Update(told["id"], told["kind"], told["subject"], told["at"])
            after = self._bringing.bring(update, customer_id, before)
            self.states.put(key, after, self.states.size_after(key, after, len(update.subject)))
        return None

    def _size_after(self, key: bytes, state: CustomerState | None, moves: Sequence[Move], read: int) -> int:
        """Return at most how many bytes a changed state has, after so many were read."""
        if moves:
            read += sum([len(move.segment.id) for move in moves])
        return self.states.size_after(key, state, read)

    def _state_too_large(self, size: int) -> Parked:
        detail = f"the customer's state would have {size} bytes; at most {OUTPUT_LIMIT} are written"
        return Parked("too_large", detail, self._step, self._type)

    def _note(self, refusal: Refusal, piece: Slice, record: SourceRecord, is_event: bool) -> None:
        name, reason = outcome_of(refusal)
        if is_event:
            self._counts["events", refusal.type or UNKNOWN_TYPE, name] += 1
        if isinstance(refusal, Parked):
            self._parked.append((refusal, piece, record))
            self.dead.append((self.inputs, refusal.reason))
            self._counts["dead_letters", refusal.reason] += 1
        elif reason is not None:
            self._counts["ignored", reason] += 1
