"""The host of `streamproc simulate`: a customer task in memory, lines of files in and lines of JSON out.

What decides is the worker's own processor. One task holds all customers, so the window of duplicates is one for the
whole file. A line's key is the customer id that stands in it, so no record has a wrong key; where no customer can be
read the record has no key, and gets the answer that its form gets. Codes are given at once, and a publication comes
back before the next event.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, tzinfo

import orjson

from streamproc.codes.memory import MemoryLedger, make_without_end
from streamproc.domain.code_requests import CodeRequest, Fulfilled
from streamproc.domain.codes import CodeForm
from streamproc.domain.configuration import InForce
from streamproc.domain.events import parse_instant
from streamproc.domain.inputs import read_json
from streamproc.domain.judge import Verdict
from streamproc.domain.messages import Message
from streamproc.domain.outcomes import DeadLetterReason, IgnoredReason
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegments
from streamproc.processing.codes import CodeProcessor
from streamproc.processing.customer_chunk import Outcome
from streamproc.processing.customers import CustomerProcessor
from streamproc.processing.processor import Record, Slice
from streamproc.runtime.store import StateStore
from streamproc.topics import Topic

_PARTITION = 0
_NEVER_STOP = 1.0  # of the inputs may become dead letters


class InForceOffline:
    """What is in force in a simulation: there is no sync, a segment takes effect at once."""

    def __init__(self, zone: tzinfo) -> None:
        self.definitions = Definitions(zone)
        self.segments = ComputedSegments(zone)

    def put(self, verdict: Verdict) -> None:
        """Put an accepted record in force, as the control task would."""
        if verdict.accepted and verdict.id is not None and verdict.record is not None:
            in_force = InForce(verdict.kind, verdict.id, verdict.version, verdict.record)
            self.definitions.put(verdict.kind, verdict.id, in_force)
            if verdict.kind == "segments":
                self.segments.put(verdict.id, in_force)


class Simulation:
    """All customers of one simulation. `now` is the time of the first event, in milliseconds since the epoch."""

    def __init__(self, in_force: InForceOffline) -> None:
        definitions, segments = in_force.definitions, in_force.segments
        self._stores = (StateStore(), StateStore())
        self._processor = CustomerProcessor(
            _PARTITION, *self._stores, definitions, segments, dead_letter_limit=_NEVER_STOP
        )
        # Those who are known from the start enter their segments silently: no distribution is there to hear of it.
        self._silent_processor = CustomerProcessor(
            _PARTITION, *self._stores, Definitions(UTC), segments, dead_letter_limit=_NEVER_STOP
        )
        self._offsets = dict.fromkeys(Topic, 0)
        self._codes = CodeProcessor(_PARTITION, StateStore(), definitions)
        self._ledger = MemoryLedger(make_without_end)
        #: How many events are decided at a time: a publication comes back before the next event.
        self._at_once = 1 if definitions.give_codes else None

    def take_customers(self, values: Sequence[bytes], now: int) -> list[DeadLetterReason | IgnoredReason | None]:
        """Take records of the topic `customers`; tell for each why it was not taken, None where it was."""
        keyed = [(_customer_key(value), value) for value in values]
        outcomes = self._process(Topic.CUSTOMERS, keyed, now, self._silent_processor)
        return [outcome.reason for outcome in outcomes]

    def take_events(self, values: Sequence[bytes], now: int) -> bytes:
        """Take records of the topic `customer-events`; return a line for each, in their order."""
        identified = [_identify(value) for value in values]
        keyed = [(key, value) for (_, key), value in zip(identified, values, strict=True)]
        outcomes: list[Outcome] = []
        step = self._at_once or len(keyed) or 1
        for start in range(0, len(keyed), step):
            decided = self._process(Topic.CUSTOMER_EVENTS, keyed[start : start + step], now)
            outcomes += [self._with_codes(outcome, now) for outcome in decided] if self._at_once else decided
        return b"".join([_line(event_id, outcome) for (event_id, _), outcome in zip(identified, outcomes, strict=True)])

    def _with_codes(self, outcome: Outcome, now: int) -> Outcome:
        """Put the jobs of a request in its place, and what the new publications set off at the end."""
        jobs: list[tuple[str, Message]] = []
        publications: list[Message] = []
        for channel, message in outcome.jobs:
            if channel != Topic.CODE_REQUESTS:
                jobs.append((channel, message))
                continue
            fulfilled = self._give_code(message, now)
            jobs += fulfilled.jobs
            publications += [fulfilled.publication] if fulfilled.publication is not None else []
        decisions = list(outcome.decisions)
        returned = [(key, value) for key, value, _ in publications]
        for following in self._process(Topic.PUBLICATIONS, returned, now) if returned else ():
            jobs += following.jobs
            decisions += following.decisions
        return Outcome(outcome.name, outcome.reason, jobs, decisions)

    def _give_code(self, message: Message, now: int) -> Fulfilled:
        key, value, headers = message
        slices = [Slice(Topic.CODE_REQUESTS, _PARTITION, [Record(0, now, key, value, headers)])]
        # Campaigns that have only what was imported have no end here either.
        form = CodeForm.of(CodeRequest.read(value).campaign)
        wanted = [replace(one, made=form) for one in self._codes.ask(slices, now).wanted]
        self._codes.answer(self._ledger.allocate_now(wanted))
        fulfilled: list[Fulfilled] = []
        self._codes.process(slices, now, fulfilled)
        return fulfilled[0]

    def _process(
        self,
        topic: Topic,
        keyed: Sequence[tuple[bytes | None, bytes]],
        now: int,
        processor: CustomerProcessor | None = None,
    ) -> list[Outcome]:
        outcomes: list[Outcome] = []
        first = self._offsets[topic]
        records = [Record(offset, now, key, value) for offset, (key, value) in enumerate(keyed, first)]
        self._offsets[topic] += len(records)
        (processor or self._processor).process([Slice(topic, _PARTITION, records)], now, outcomes)
        for store in self._stores:
            store.commit()
        return outcomes


def first_time(values: Sequence[bytes]) -> int | None:
    """Return the time of the first event that tells one, in milliseconds since the epoch.

    Whatever comes before it is no event, and changes nothing.
    """
    return next(_times(values), None)


def _times(values: Sequence[bytes]) -> Iterator[int]:
    for value in values:
        body = read_json(value)
        created_at = body.get("created_at") if type(body) is dict else None
        instant = parse_instant(created_at) if type(created_at) is str else None
        if instant is not None:
            yield int(instant.timestamp() * 1000)


def _identify(value: bytes) -> tuple[str | None, bytes | None]:
    """Return an event's id, None where it cannot be read, and the key that its record would have."""
    body = read_json(value)
    if type(body) is not dict:
        return None, None
    event_id, data = body.get("id"), body.get("data")
    customer = data.get("customer") if type(data) is dict else None
    customer_id = customer.get("id") if type(customer) is dict else None
    return (
        event_id if type(event_id) is str else None,
        customer_id.encode() if type(customer_id) is str else None,
    )


def _customer_key(value: bytes) -> bytes:
    """Return the key that a profile's record would have; an empty one where it tells no id, which its form refuses."""
    body = read_json(value)
    customer_id = body.get("id") if type(body) is dict else None
    return customer_id.encode() if type(customer_id) is str else b""


def _line(event_id: str | None, outcome: Outcome) -> bytes:
    """Join the line of one event; jobs and decisions go in as they would go into their topics, byte for byte."""
    return b'{"event_id":%b,"outcome":"%b",%b"jobs":[%b],"decisions":[%b]}\n' % (
        orjson.dumps(event_id),
        outcome.name.encode(),
        b'"reason":"%b",' % outcome.reason.encode() if outcome.reason is not None else b"",
        b",".join([value for _, (_, value, _) in outcome.jobs]),
        b",".join([value for _, (_, value, _) in outcome.decisions]),
    )
