"""What the judge accepts can be compiled, matched and sent: no accepted record stops a worker."""

from datetime import UTC
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from streamproc.cli.schemas import schema
from streamproc.domain.catalogue import TRIGGERS
from streamproc.domain.configuration import InForce
from streamproc.domain.events import Event, read_event
from streamproc.domain.facts import Facts
from streamproc.domain.jobs import Attached, Cause, Occurrence, compile_channels
from streamproc.domain.messages import Message
from streamproc.matching.definitions import Definitions
from tests.support.codes import CODES, fulfilled, requests_of
from tests.support.configuration import campaign, distribution, judged, segment, validation_rule
from tests.support.ids import publication_id

CODE = "PROMO-ü1 {{x}}"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
PATHS = st.sampled_from(
    [
        "customer.name",
        "order.items.0.price",
        "order",
        "promotion_tier.id",
        "customer.a b",
        "order..x",
        "voucher.code",
        "voucher",
        "publication.id",
        "campaign",
    ]
)
PLACEHOLDERS = PATHS.map("{{{{{}}}}}".format) | PATHS.map("{{{{ {} }}}}".format)
MIXED = st.lists(PLACEHOLDERS | TEXTS | st.sampled_from(['"', "\\", "{", "{{", "}}", ",", ":"]), max_size=4).map(
    "".join
)
DESIGNED = st.dictionaries(TEXTS | st.sampled_from(["a.b", "a", "a.b.c"]), MIXED | JSON, max_size=3).map(
    lambda payload: orjson.dumps(payload).decode()
)
SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "template_id": TEXTS | JSON,
    "url": st.sampled_from(["https://a.example", "http://b.example:80/x?y={{z}}"]) | JSON,
    "event_name": TEXTS | JSON,
    "headers": st.dictionaries(st.sampled_from(["x-a", "b"]), TEXTS, max_size=2) | JSON,
    "payload": DESIGNED | MIXED | PLACEHOLDERS | JSON,
    "raw": st.booleans() | JSON,
    "fields": st.dictionaries(TEXTS, MIXED, max_size=2) | JSON,
}
TYPES = st.sampled_from(["email", "sms", "webhook", "braze", "activecampaign", "batch", "intercom"])
WITH_CODES = st.sampled_from(["klaviyo", "mailchimp", "shopify", "webhook"])


def channel_of(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """A channel with what it requires, and anything under the names of all settings, its own and surplus ones."""
    required = {"url": "https://a.example", "event_name": "paid"} if kind == "webhook" else {}
    optional = {name: SETTINGS[name] for name in SETTINGS if name not in required}
    return st.fixed_dictionaries({"type": st.just(kind)}, optional=optional).map(required.__or__)


CHANNEL = TYPES.flatmap(channel_of)
ACTIONS = st.sampled_from([{"type": "message"}, {"type": "promotion", "promotion_tier_id": "promo_1"}, CODES])
PUBLICATION = Draft202012Validator(schema("publications"))
JOB = Draft202012Validator(schema("deliveries"))
DECISION = Draft202012Validator(schema("decisions"))


def event_of(kind: str, data: dict[str, Any]) -> Event:
    body = {"id": "evcus_1", "type": kind, "created_at": "2026-11-23T12:00:00Z", "data": data}
    event = read_event(b"cust_1", orjson.dumps(body))
    assert isinstance(event, Event)
    return event


def send(record: dict[str, Any], event: Event) -> tuple[list[tuple[str, Message]], list[tuple[str, Message]]]:
    """Put the distribution in force with all that it may name, and let the event meet it."""
    definitions = Definitions(UTC)
    for kind, one in [
        ("campaigns", campaign()),
        ("segments", segment()),
        ("validation-rules", validation_rule()),
        ("distributions", record),
    ]:
        definitions.put(kind, one["id"], InForce(kind, one["id"], 4, one))
    facts = Facts(event, dict(event.customer), ["seg_1"])
    occurrence = Occurrence(facts, Cause.of_event(event))
    jobs: list[tuple[str, Message]] = []
    decisions: list[tuple[str, Message]] = []
    for matched in definitions.match(facts):
        matched.emit(occurrence, jobs, decisions)
    for request in requests_of(jobs):
        outcome = fulfilled(request, CODE)
        assert outcome.publication is not None
        PUBLICATION.validate(orjson.loads(outcome.publication[1]))
        jobs = outcome.jobs
    return jobs, decisions


@given(channels=st.lists(CHANNEL, min_size=1, max_size=2), action=ACTIONS, name=TEXTS, data=st.booleans())
@settings(max_examples=400)
def test_an_accepted_distribution_gives_each_channel_a_job(
    channels: list[dict[str, Any]], action: dict[str, str], name: str, *, data: bool
) -> None:
    record = distribution(channels=channels, action=action, name=name)
    if not judged("distributions", record).accepted:
        return
    customer = {"id": "cust_1", "email": "a@b.example", "phone": "1", "source_id": "u-1", "name": "Ada"}
    order = {"order": {"items": [{"price": 5}]}} if data else {}
    jobs, decisions = send(record, event_of("customer.order.paid", {"customer": customer} | order))
    assert [channel for channel, _ in jobs] == [channel["type"] for channel in channels]
    assert decisions == []
    for _, (key, value, _headers) in jobs:
        assert key == b"cust_1"
        JOB.validate(orjson.loads(value))


@given(channel=(TYPES | WITH_CODES).flatmap(channel_of), data=st.dictionaries(TEXTS, JSON, max_size=2))
@settings(max_examples=300)
def test_a_job_that_waited_for_its_code_is_the_one_that_would_have_been_made_with_the_code_at_hand(
    channel: dict[str, Any], data: dict[str, Any]
) -> None:
    record = distribution(channels=[channel], action=CODES)
    if not judged("distributions", record).accepted:
        return
    customer = {"id": "cust_1", "email": "a@b.example", "phone": "1", "source_id": "u-1", "name": CODE}
    event = event_of("customer.order.paid", {**data, "customer": customer})
    jobs, _ = send(record, event)
    own_id = publication_id("evcus_1", "cust_1", "distr_1", "camp_1")
    objects = {"campaign": campaign(), "voucher": {"code": CODE}, "publication": {"id": own_id}}
    action = {"type": "codes", "campaign": campaign(), "voucher": {"code": CODE}}
    head = {"action": action, "publication": {"id": own_id}}
    attached = Attached(objects, orjson.dumps(objects), orjson.dumps(head)[1:-1] + b",")
    at_once: list[tuple[str, Message]] = []
    occurrence = Occurrence(Facts(event, dict(event.customer), ["seg_1"]), Cause.of_event(event))
    for one in compile_channels(InForce("distributions", "distr_1", 4, record), attached):
        one.emit(occurrence, attached, at_once, [])
    assert [orjson.loads(value) for _, (_, value, _) in jobs] == [orjson.loads(value) for _, (_, value, _) in at_once]


@given(
    event=st.sampled_from(sorted(TRIGGERS)), kind=TYPES, unsubscribed=st.sampled_from([None, True, ["sms", "batch"]])
)
@settings(max_examples=100)
def test_every_trigger_gives_a_job_or_a_decision(event: str, kind: str, unsubscribed: object) -> None:
    channel = {"type": kind, "url": "https://a.example", "event_name": "paid"}
    selectors = {"segment_id": "seg_1", "campaign_id": "camp_1", "custom_event": "left_review"}
    trigger = {"event": event} | {name: selectors[name] for name in TRIGGERS[event].required}
    record = distribution(trigger=trigger, channels=[channel])
    if not judged("distributions", record).accepted:
        assert kind == "braze"
        return
    data = {
        "customer": {"id": "cust_1", "unsubscribed": unsubscribed},
        "segment": {"id": "seg_1"},
        "campaign": {"id": "camp_1", "name": "Spring"},
        "event_schema": {"name": "left_review"},
        "event": {"type": "left_review"},
    }
    jobs, decisions = send(record, event_of(event, data))
    assert len(jobs) + len(decisions) == 1
    for _, (_key, value, _headers) in jobs:
        JOB.validate(orjson.loads(value))
    for _, (_key, value, _headers) in decisions:
        DECISION.validate(orjson.loads(value))
