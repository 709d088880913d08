"""A separate, naive count of what has to come out of the sample configuration.

Slow and obvious on purpose, and sharing nothing with what decides in the worker: its own reading of the records,
its own state, its own ids. When both agree over many events, an error would have to be in both.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka.partitioner import DefaultPartitioner

from streamproc.local.expectations import (
    COMPUTED_SEGMENTS,
    EXTERNAL_SEGMENTS,
    LATER_SEGMENTS,
    PROMISES,
    STATIC_SEGMENTS,
    Known,
    ManualPromise,
    Situation,
    instant,
)
from streamproc.local.naive_customers import merged, take

Segments = Mapping[str, Callable[[Known], bool]]
"""By id, whom each computed segment consists of."""

MAX_BYTES = 1_048_576
KNOWN_TYPES = frozenset(
    {promise.event for promise in PROMISES}
    | {"customer.created", "customer.updated", "customer.deleted", "customer.order.fulfilled"}
)
CONTACTS = {
    "email": "email", "mailchimp": "email", "activecampaign": "email", "sms": "phone",
    "braze": "source_id", "klaviyo": "source_id", "batch": "source_id", "intercom": "source_id",
}  # fmt: skip
# No condition on what follows from a profile asks for the time.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOT_PROFILE = frozenset({"summary", "loyalty", "referrals"})


@dataclass(frozen=True, slots=True)
class ExpectedJob:
    """One job that has to come out; `place` is that of its event among all events."""

    customer: str
    distribution: str
    channel: str
    place: int


class BadRecordError(Exception):
    """Raised when a record must become a dead letter; its text is the reason."""


def job_id(cause: str, customer: str, distribution: str, channel: str, index: int) -> str:
    """Derive the id of a job."""
    text = "\x1f".join((cause, customer, distribution, channel, str(index)))
    return "job_" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class Recount:
    """Counts record by record, in the order of the topics: all profiles first, then the events.

    `jobs` by id; `decisions` by customer, distribution, channel, index, reason and cause; `changes` of membership by
    customer, segment, entered or left, and cause; `dead_letters` by reason, key and SHA-256 of the value; `receipts`
    by distribution, place in its log, kind, and how many jobs went out and could not. With
    `partitions`, profiles stand in a topic of so many, written to from its beginning by Kafka's own partitioner, and
    the segments that somebody enters by one are told; without, they are not.
    """

    def __init__(self, partitions: int | None = None) -> None:
        self.jobs: dict[str, ExpectedJob] = {}
        self.decisions: Counter[tuple[str, str, str, int, str, str]] = Counter()
        self.changes: Counter[tuple[str, str, str, str]] = Counter()
        self.dead_letters: Counter[tuple[str, bytes | None, str]] = Counter()
        self.receipts: Counter[tuple[str, int, str, int, int]] = Counter()
        self.processed = 0
        self.ignored = 0
        self.duplicates = 0
        self.known: dict[str, Known] = {}
        self._place = 0
        self._seen: set[str] = set()
        self._segments = dict(COMPUTED_SEGMENTS)
        self._partitions = list(range(partitions or 0))
        self._profiles = [0 for _ in self._partitions]

    def profile(self, key: bytes, value: bytes | None) -> None:
        """Take a record of the topic `customers`."""
        cause = self._profile_cause(key)
        identity = key.decode()
        if value is None:
            self.known.pop(identity, None)
            return
        is_new = identity not in self.known
        customer = self.known.setdefault(identity, Known(identity))
        customer.profile = json.loads(value)
        moves = _moves(customer, self._segments, is_new=is_new)
        if cause is not None:
            self._tell(customer, moves, cause, EPOCH)

    def event(self, key: bytes | None, value: bytes) -> None:
        """Take a record of the topic `customer-events`."""
        self._place += 1
        try:
            event = _read(key, value)
        except BadRecordError as bad:
            self.dead_letters[str(bad), key, hashlib.sha256(value).hexdigest()] += 1
            return
        if event is None:
            self.ignored += 1
        elif event["id"] in self._seen:
            self.duplicates += 1
        else:
            self._seen.add(event["id"])
            self.processed += 1
            self._process(event)

    def sync(self, segment: str) -> None:
        """Find the members of a segment that is new; nobody is told of them, only of those who come and go later."""
        belongs = self._segments[segment] = LATER_SEGMENTS[segment]
        for customer in self.known.values():
            if belongs(customer):
                customer.segments.add(segment)

    def end(self, manual: ManualPromise) -> None:
        """Let a manual distribution come to its end: what goes out goes to those who are members now."""
        jobs, decisions = len(self.jobs), self.decisions.total()
        for customer in self.known.values():
            if manual.segment in customer.segments:
                for index, channel in enumerate(manual.channels):
                    self._send(f"release:{manual.distribution}", customer, manual.distribution, channel, index)
        sent, lost = len(self.jobs) - jobs, self.decisions.total() - decisions
        for place, kind in enumerate(manual.receipts):
            sums = (sent, lost) if kind == "done" else (0, 0)
            self.receipts[manual.distribution, place, kind, *sums] += 1

    def _process(self, event: dict[str, Any]) -> None:
        identity, data = event["data"]["customer"]["id"], event["data"]
        if event["type"] == "customer.deleted":
            self.known.pop(identity, None)
            return
        is_new = identity not in self.known
        customer = self.known.setdefault(identity, Known(identity))
        told = {name: value for name, value in data["customer"].items() if name not in NOT_PROFILE}
        customer.profile = merged(customer.profile, told)
        take(customer.counted, event)
        _move(customer.segments, event)
        moves = _moves(customer, self._segments, is_new=is_new)
        now = instant(event["created_at"])
        self._meet(customer, event["type"], data, event["id"], now)
        self._tell(customer, moves, event["id"], now)

    def _tell(self, customer: Known, moves: list[tuple[str, str]], cause: str, now: datetime) -> None:
        """Let the distributions hear who has entered and left."""
        for segment, change in moves:
            self.changes[customer.identity, segment, change, cause] += 1
            told = {"customer": customer.profile, "segment": {"id": segment}}
            self._meet(customer, f"customer.segment.{change}", told, f"{cause}#{change}:{segment}", now)

    def _meet(self, customer: Known, kind: str, data: dict[str, Any], cause: str, now: datetime) -> None:
        tiers = frozenset(tier for tier, _ in customer.counted.tiers.values())
        situation = Situation(data, customer.profile, frozenset(customer.segments), tiers, now)
        for promise in PROMISES:
            if promise.event == kind and promise.holds(situation):
                for index, channel in enumerate(promise.channels):
                    self._send(cause, customer, promise.distribution, channel, index)

    def _send(self, cause: str, customer: Known, distribution: str, channel: str, index: int) -> None:
        identity, profile = customer.identity, customer.profile
        silenced = profile.get("unsubscribed", [])
        if silenced is True or (silenced and channel in silenced):
            self.decisions[identity, distribution, channel, index, "unsubscribed", cause] += 1
        elif channel in CONTACTS and not profile.get(CONTACTS[channel]):
            self.decisions[identity, distribution, channel, index, "missing_contact", cause] += 1
        else:
            job = ExpectedJob(identity, distribution, channel, self._place)
            self.jobs[job_id(cause, identity, distribution, channel, index)] = job

    def _profile_cause(self, key: bytes) -> str | None:
        """Return where the next record of this key stands in the topic `customers`."""
        if not self._partitions:
            return None
        partition = DefaultPartitioner()(key, self._partitions, self._partitions)
        offset, self._profiles[partition] = self._profiles[partition], self._profiles[partition] + 1
        return f"customers:{partition}:{offset}"


def _read(key: bytes | None, value: bytes) -> dict[str, Any] | None:
    """Return the event, or None for one of an unknown type."""
    if len(value) > MAX_BYTES:
        raise BadRecordError("too_large")
    try:
        event = json.loads(value.decode())
    except ValueError:
        raise BadRecordError("invalid_json") from None
    if not isinstance(event, dict) or not _has_form(event):
        raise BadRecordError("invalid_event")
    if event["type"] not in KNOWN_TYPES:
        return None
    customer = event["data"].get("customer")
    if not isinstance(customer, dict) or not isinstance(customer.get("id"), str) or not customer["id"]:
        raise BadRecordError("invalid_event")
    if key is None or key.decode() != customer["id"]:
        raise BadRecordError("wrong_key")
    return event


def _has_form(event: dict[str, Any]) -> bool:
    texts = all(isinstance(event.get(name), str) and event[name] for name in ("id", "type", "created_at"))
    return texts and isinstance(event.get("data"), dict) and _is_instant(event["created_at"])


def _is_instant(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _move(segments: set[str], event: dict[str, Any]) -> None:
    """Believe upstream about the segments that it keeps."""
    if event["type"] == "customer.segment.entered" and event["data"]["segment"]["id"] in EXTERNAL_SEGMENTS:
        segments.add(event["data"]["segment"]["id"])
    elif event["type"] == "customer.segment.left":
        segments.discard(event["data"]["segment"]["id"])


def _moves(customer: Known, segments: Segments, *, is_new: bool) -> list[tuple[str, str]]:
    """Set the other memberships; return what was entered and left, as far as anybody hears of it."""
    moves = []
    for segment, belongs in sorted(segments.items()):
        if belongs(customer) == (segment in customer.segments):
            continue
        customer.segments ^= {segment}
        # Whom a static segment lists has always been in it.
        if not (is_new and segment in STATIC_SEGMENTS):
            moves.append((segment, "entered" if segment in customer.segments else "left"))
    return moves
