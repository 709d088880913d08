"""Delivery jobs and decisions: derived ids, causes, whether a channel can go, and the bytes that are written.

Whatever is the same for all events is made once per version of a distribution (`compile_channels`), whatever is the
same for all jobs of an event once per event (`Occurrence`); a job is the join of these fragments.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson
from mypy_extensions import mypyc_attr

from streamproc.domain.catalogue import CHANNELS, Contact
from streamproc.domain.configuration import InForce
from streamproc.domain.events import Event
from streamproc.domain.facts import Facts
from streamproc.domain.fragments import cause_of_event, encode_cause, encode_end, end_of_job
from streamproc.domain.messages import SEPARATOR, Header, Message, derived_id, job_message
from streamproc.domain.templates import Template, compile_template, compile_texts
from streamproc.topics import OUTPUT_LIMIT

# Compiled code looks up a name from a module that is not compiled whenever it uses it; those of its own it has at hand.
_cause_of_event: Final = cause_of_event
_derived_id: Final = derived_id
_end_of_job: Final = end_of_job
_job_message: Final = job_message

Undeliverable = Literal["unsubscribed", "missing_contact", "unknown_customer"]
ActionObjects = Mapping[str, dict[str, Any]]


class JobTooLarge(Exception):
    """A job is larger than its topic takes. The text names the job and holds nothing of the customer."""


@mypyc_attr(acyclic=True, free_list_len=1)
@dataclass(slots=True, init=False)  # the `__init__` that a dataclass makes is not compiled
class Cause:
    """What set jobs off: its id, its JSON, and its time as it was written there."""

    id: str
    body: bytes
    created_at: str

    def __init__(self, id: str, body: bytes, created_at: str) -> None:  # noqa: A002  (as everybody names it)
        self.id = id
        self.body = body
        self.created_at = created_at

    @classmethod
    def of_event(cls, event: Event) -> "Cause":
        """Return the cause of the jobs that an event sets off directly."""
        body = _cause_of_event(event.id, event.type, event.created_text)
        if body is None:
            body = encode_cause(event.id, event.type, event.created_text)
        return Cause(event.id, body, event.created_text)

    @classmethod
    def of_record(cls, topic: str, partition: int, offset: int, created_at: str) -> "Cause":
        """Return the cause of what follows from a record that is no event."""
        place = f"{topic}:{partition}:{offset}"
        return cls(place, orjson.dumps({"record": place}), created_at)

    @classmethod
    def following(cls, body: Mapping[str, Any], change: str, created_at: str) -> "Cause":
        """Return the cause of the jobs that follow from a change which the cause with this JSON has led to.

        Only the nearest change is told: of an earlier one the id of this one was made.
        """
        text = orjson.dumps({**body, "via": change})
        return cls(f"{_id_of(body)}#{change}", text, created_at)


def _id_of(cause: Mapping[str, Any]) -> str:
    """Return the id of what stands first in a chain."""
    for name in ("event_id", "record"):
        if name in cause:
            return str(cause[name])
    name = next(name for name in ("release", "backfill", "tick") if name in cause)
    return f"{name}:{cause[name]}"


@dataclass(slots=True, init=False)
class Attached:
    """What the action of a distribution adds to its jobs: the objects for templates, and their JSON.

    `head` is the part of the jobs themselves that differs from one customer to the next: the code and its publication.
    """

    objects: ActionObjects
    json: bytes
    head: bytes

    def __init__(self, objects: ActionObjects, json: bytes, head: bytes = b"") -> None:
        self.objects = objects
        self.json = json
        self.head = head

    @classmethod
    def same_for_all(cls, objects: ActionObjects) -> "Attached":
        """Return objects that stand in all jobs alike."""
        return Attached(objects, orjson.dumps(objects)) if objects else NOTHING_ATTACHED


NOTHING_ATTACHED: Final = Attached({}, b"{}")


@mypyc_attr(acyclic=True, free_list_len=1)
class Occurrence:
    """One cause meeting one customer: what all jobs that follow have in common, each part made when first needed."""

    __slots__ = (
        "_cause_id",
        "_data",
        "_ends",
        "_payload",
        "cause",
        "cause_header",
        "facts",
        "key",
        "silenced",
    )

    def __init__(self, facts: Facts, cause: Cause) -> None:
        profile = facts.profile
        self.facts = facts
        self.cause = cause
        self._cause_id = cause.id.encode()
        #: Told as an object, as a message is.
        self.cause_header: Any = ("cause-id", self._cause_id)
        self.key = facts.event.key
        #: Channels that the customer has unsubscribed from; true means all of them.
        self.silenced: object = None if profile is None else profile.get("unsubscribed")
        self._ends: dict[Contact | None, bytes | None] = {}
        self._payload: dict[str, Any] | None = None
        self._data: bytes | None = None

    def job_id(self, rest: bytes) -> bytes:
        """Return the id of the job of which `rest` is the distribution's part.

        The distribution's version is no part of it, so an edit cannot send twice.
        """
        return _derived_id(b"job_", self._cause_id, self.key, rest)

    def publication_id(self, rest: bytes) -> bytes:
        """Return the id of the request, and of its publication, of which `rest` is the distribution's part."""
        return _derived_id(b"pub_", self._cause_id, self.key, rest)

    def is_silenced(self, channel: str) -> bool:
        """Tell whether the customer has unsubscribed from a channel."""
        silenced = self.silenced
        return silenced is True or (type(silenced) is list and channel in silenced)

    def end(self, contact: Contact | None) -> bytes | None:
        """Return the end of the jobs that need this contact, customer included; None when the customer lacks it."""
        ends = self._ends
        if contact in ends:
            return ends[contact]
        end = ends[contact] = self._make_end(contact)
        return end

    @property
    def own_payload(self) -> dict[str, Any]:
        """The objects that placeholders read, without those of an action."""
        if self._payload is None:
            self._payload = self.facts.payload()
        return self._payload

    def payload(self, attached: Attached) -> dict[str, Any]:
        """Return the objects that placeholders read, with those of an action."""
        return {**self.own_payload, **attached.objects}

    def data(self, attached: Attached) -> bytes:
        """Return the JSON of all objects of the event and of an action."""
        data, added = self.facts.event.data, attached.objects
        if not data.keys().isdisjoint(added):
            return orjson.dumps({**data, **added})
        if self._data is None:
            self._data = orjson.dumps(data)
        return self._data if not added else b"%b,%b" % (self._data[:-1], attached.json[1:])

    def _make_end(self, contact: Contact | None) -> bytes | None:
        profile = self.facts.profile or {}
        address = None if contact is None else profile.get(contact)
        if contact is not None and (type(address) is not str or not address):
            return None
        customer_id, name, cause = self.facts.event.customer_id, profile.get("name"), self.cause
        end = _end_of_job(customer_id, contact, address, name, cause.body, cause.created_at)
        if end is None:
            end = encode_end(customer_id, contact, address, name, cause.body, cause.created_at)
        return end


@dataclass(slots=True, init=False)
class ChannelJobs:
    """One channel of one version of a distribution: the fixed fragments of its jobs and decisions.

    `render` makes the fragment that differs from event to event: settings with placeholders, a webhook's payload.
    """

    channel: str
    contact: Contact | None
    id_rest: bytes
    fixed: bytes
    render: "Render | None"
    #: A tuple of two, told as a sequence: compiled, it would be made anew for each job else.
    headers: Sequence[Header]
    decision: bytes

    def __init__(
        self,
        channel: str,
        contact: Contact | None,
        id_rest: bytes,
        fixed: bytes,
        render: "Render | None",
        headers: Sequence[Header],
        decision: bytes,
    ) -> None:
        self.channel = channel
        self.contact = contact
        self.id_rest = id_rest
        self.fixed = fixed
        self.render = render
        self.headers = headers
        self.decision = decision

    def emit(
        self,
        occurrence: Occurrence,
        attached: Attached,
        jobs: list[tuple[str, Message]],
        decisions: list[tuple[str, Message]],
    ) -> None:
        """Append the job with its channel, or where the channel cannot go the decision with its reason.

        Raises `JobTooLarge`.
        """
        if occurrence.silenced and occurrence.is_silenced(self.channel):
            decisions.append(self._decide(occurrence, "unsubscribed"))
            return
        end = occurrence.end(self.contact)
        if end is None or occurrence.facts.profile is None:
            known = occurrence.facts.profile is not None
            decisions.append(self._decide(occurrence, "missing_contact" if known else "unknown_customer"))
            return
        own_id = occurrence.job_id(self.id_rest)
        rendered = b"" if self.render is None else self.render(occurrence, own_id, attached)
        message = _job_message(occurrence.key, own_id, self.fixed, rendered, end, self.headers, occurrence.cause_header)
        size = len(message[1])
        if size > OUTPUT_LIMIT:
            name = f"deliveries.{self.channel} of distribution {self.headers[0][1].decode()}"
            raise JobTooLarge(f"the job for {name} would have {size} bytes; at most {OUTPUT_LIMIT} are written")
        job: Any = (self.channel, message)
        jobs.append(job)

    def _decide(self, occurrence: Occurrence, reason: Undeliverable) -> tuple[str, Message]:
        value = b'%b"reason":"%b","cause":%b}' % (self.decision, reason.encode(), occurrence.cause.body)
        return reason, (occurrence.key, value, [])


def compile_channels(distribution: InForce, attached: Attached) -> tuple[ChannelJobs, ...]:
    """Prepare the channels of a distribution, in their order.

    `attached` is what goes to all customers alike; that of codes is not needed here.
    """
    return tuple(
        _compile_channel(distribution, index, channel, attached.objects)
        for index, channel in enumerate(distribution.record["channels"])
    )


def _compile_channel(
    distribution: InForce, index: int, channel: Mapping[str, Any], added: ActionObjects
) -> ChannelJobs:
    kind, version = channel["type"], distribution.version
    head: dict[str, Any] = {
        "distribution": {"id": distribution.id, "name": distribution.record["name"], "version": version},
        "channel": kind,
        "channel_index": index,
    }
    fixed, render = _compile_settings(distribution.id, channel)
    action = distribution.record["action"]["type"]
    if action == "codes":
        render, fixed = _behind_the_head(fixed, render), b""
    elif "promotion_tier" in added:
        head["action"] = {"type": action, "promotion_tier": added["promotion_tier"]}
    else:
        head["action"] = {"type": action}
    decided = {"distribution_id": distribution.id, "version": version, "channel": kind, "channel_index": index}
    return ChannelJobs(
        channel=kind,
        contact=CHANNELS[kind].contact,
        id_rest=f"{distribution.id}{SEPARATOR}{kind}{SEPARATOR}{index}".encode(),
        fixed=b'",%b,%b' % (orjson.dumps(head)[1:-1], fixed),
        render=render,
        headers=(
            ("distribution-id", distribution.id.encode()),
            ("distribution-version", str(version).encode()),
        ),
        decision=orjson.dumps(decided)[:-1] + b",",
    )


Render = Callable[[Occurrence, bytes, Attached], bytes]


def _compile_settings(distribution_id: str, channel: Mapping[str, Any]) -> tuple[bytes, Render | None]:
    """Return the fragment with a channel's settings and payload: what is fixed of it, and what renders the rest."""
    kind = channel["type"]
    settings = {name: value for name, value in channel.items() if name != "type"}
    if kind == "webhook":
        return _settings(settings), _compile_webhook(distribution_id, channel)
    if "fields" in CHANNELS[kind].templates and isinstance(settings.get("fields"), dict):
        fields = compile_texts(settings.pop("fields"))
        return _compile_fields(settings, fields)
    return _settings(settings), None


def _behind_the_head(fixed: bytes, render: Render | None) -> Render:
    """Put the settings behind the part that differs from one customer to the next."""
    if render is None:
        return lambda _occurrence, _job_id, attached: attached.head + fixed
    return lambda occurrence, own_id, attached: b"%b%b%b" % (attached.head, fixed, render(occurrence, own_id, attached))


def _settings(settings: Mapping[str, Any]) -> bytes:
    return b'"settings":%b,' % orjson.dumps(settings)


def _compile_fields(settings: Mapping[str, Any], fields: Template) -> tuple[bytes, Render | None]:
    """Return the fixed fragment with the settings up to their fields, and what renders the rest."""
    start = b'"settings":%b"fields":' % (orjson.dumps(settings)[:-1] + (b"," if settings else b""))
    if fields.fixed is not None:
        return b"%b%b}," % (start, fields.fixed), None
    return start, lambda occurrence, _job_id, attached: fields.render(occurrence.payload(attached)) + b"},"


def _compile_webhook(distribution_id: str, channel: Mapping[str, Any]) -> Render:
    data = _compile_data(channel.get("payload"))
    if channel.get("raw") is True:
        return lambda occurrence, _job_id, attached: b'"payload":%b,' % data(occurrence, attached)
    source = {"id": distribution_id, "object": "distribution", "target_url": channel["url"]}
    fixed = orjson.dumps({"type": channel["event_name"], "source": source})[1:-1]

    def envelope(occurrence: Occurrence, own_id: bytes, attached: Attached) -> bytes:
        return b'"payload":{"id":"%b",%b,"created_at":%b,"data":%b,"event":%b},' % (
            own_id,
            fixed,
            orjson.dumps(occurrence.cause.created_at),
            data(occurrence, attached),
            occurrence.cause.body,
        )

    return envelope


def _compile_data(designed: str | None) -> Callable[[Occurrence, Attached], bytes]:
    if designed is None:
        return Occurrence.data
    template = compile_template(designed)
    fixed = template.fixed
    if fixed is not None:
        return lambda _occurrence, _attached: fixed
    return lambda occurrence, attached: template.render(occurrence.payload(attached))
