"""A separate, naive count of what has to come out of the sample configuration.

Slow and obvious on purpose, and sharing nothing with what decides in the worker: its own reading of the records,
its own state, its own ids. When both agree over many events, an error would have to be in both.
"""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from streamproc.local.expectations import PROMISES, Situation, instant

MAX_BYTES = 1_048_576
KNOWN_TYPES = frozenset(
    {promise.event for promise in PROMISES}
    | {"customer.created", "customer.updated", "customer.deleted", "customer.order.fulfilled"}
)
SEGMENTS = frozenset({"seg_vip", "seg_readers", "seg_leaving"})
CONTACTS = {
    "email": "email", "mailchimp": "email", "activecampaign": "email", "sms": "phone",
    "braze": "source_id", "klaviyo": "source_id", "batch": "source_id", "intercom": "source_id",
}  # fmt: skip
NOT_PROFILE = frozenset({"summary", "loyalty", "referrals"})


@dataclass(frozen=True, slots=True)
class ExpectedJob:
    """One job that has to come out; `place` is that of its event among all events."""

    customer: str
    distribution: str
    channel: str
    place: int


@dataclass(slots=True)
class KnownCustomer:
    """What the records so far have told of one customer."""

    profile: dict[str, Any] = field(default_factory=dict)
    segments: set[str] = field(default_factory=set)


class BadRecordError(Exception):
    """Raised when a record must become a dead letter; its text is the reason."""


def job_id(cause: str, customer: str, distribution: str, channel: str, index: int) -> str:
    """Derive the id of a job."""
    text = "\x1f".join((cause, customer, distribution, channel, str(index)))
    return "job_" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class Recount:
    """Counts record by record, in the order of the topics: all profiles first, then the events.

    `jobs` by id; `decisions` by customer, distribution, channel, index, reason and cause; `dead_letters` by
    reason, key and SHA-256 of the value.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, ExpectedJob] = {}
        self.decisions: Counter[tuple[str, str, str, int, str, str]] = Counter()
        self.dead_letters: Counter[tuple[str, bytes | None, str]] = Counter()
        self.processed = 0
        self.ignored = 0
        self.duplicates = 0
        self._place = 0
        self._seen: set[str] = set()
        self._customers: dict[str, KnownCustomer] = {}

    def profile(self, key: bytes, value: bytes | None) -> None:
        """Take a record of the topic `customers`."""
        if value is None:
            self._customers.pop(key.decode(), None)
        else:
            self._customer(key.decode()).profile = json.loads(value)

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

    def _process(self, event: dict[str, Any]) -> None:
        identity = event["data"]["customer"]["id"]
        if event["type"] == "customer.deleted":
            self._customers.pop(identity, None)
            return
        customer = self._customer(identity)
        _merge(customer.profile, event["data"]["customer"])
        _move(customer.segments, event)
        situation = Situation(
            event["data"], customer.profile, frozenset(customer.segments), instant(event["created_at"])
        )
        for promise in PROMISES:
            if promise.event == event["type"] and promise.holds(situation):
                for index, channel in enumerate(promise.channels):
                    self._send(event["id"], identity, promise.distribution, channel, index)

    def _send(self, cause: str, identity: str, distribution: str, channel: str, index: int) -> None:
        profile = self._customers[identity].profile
        silenced = profile.get("unsubscribed", [])
        if silenced is True or (silenced and channel in silenced):
            self.decisions[identity, distribution, channel, index, "unsubscribed", cause] += 1
        elif channel in CONTACTS and not profile.get(CONTACTS[channel]):
            self.decisions[identity, distribution, channel, index, "missing_contact", cause] += 1
        else:
            job = ExpectedJob(identity, distribution, channel, self._place)
            self.jobs[job_id(cause, identity, distribution, channel, index)] = job

    def _customer(self, identity: str) -> KnownCustomer:
        return self._customers.setdefault(identity, KnownCustomer())


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


def _merge(profile: dict[str, Any], told: dict[str, Any]) -> None:
    """Overwrite field by field; null leaves things as they are, metadata and address go key by key."""
    for name, value in told.items():
        if value is None or name in NOT_PROFILE:
            continue
        if name in {"metadata", "address"} and isinstance(profile.get(name), dict):
            _merge(profile[name], value)
        else:
            profile[name] = value


def _move(segments: set[str], event: dict[str, Any]) -> None:
    if event["type"] == "customer.segment.entered" and event["data"]["segment"]["id"] in SEGMENTS:
        segments.add(event["data"]["segment"]["id"])
    elif event["type"] == "customer.segment.left":
        segments.discard(event["data"]["segment"]["id"])
