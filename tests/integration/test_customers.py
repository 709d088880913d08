"""`customers` on a real broker: who matches, as the naive evaluator of filters has it."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result

from streamproc.cli import main
from streamproc.domain.configuration import encode_definition
from streamproc.domain.customers import NEW_CUSTOMER, encode_customer
from streamproc.local.shop import Shop, ShopOptions
from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic
from tests.support.configuration import segment
from tests.support.naive_filters import Known, filter_holds
from tests.support.streams import Sent, send

pytestmark = pytest.mark.broker

NOW = datetime(2026, 3, 2, tzinfo=UTC)
FILTERS: tuple[dict[str, Any], ...] = (
    {"metadata.club": {"conditions": {"$in": ["gold", "platinum"]}}},
    {
        "junction": "or",
        "address.country": {"conditions": {"$is": "PL"}},
        "email": {"conditions": {"$has_value": False}},
    },
    {
        "metadata.favourites": {"conditions": {"$contains": "tea", "$count_more": 1}},
        "metadata.member_since": {"conditions": {"$before": "2024-01-01"}},
    },
    {"name": {"conditions": {"$is": "Nobody"}}},
)
SEGMENTS = (
    segment(id="seg_listed", type="static", customers=["cust_new", "cust_twice", "cust_gone", "nobody"]),
    segment(id="seg_named", type="dynamic", filter={"name": {"conditions": {"$is": "New [b]"}}}),
    segment(id="seg_told", type="external"),
)

Profile = dict[str, Any]


@pytest.fixture(scope="module")
def profiles() -> dict[str, Profile]:
    """Who is known in the end."""
    records = Shop(ShopOptions(customers=600)).profiles()
    found = {str(key, "utf-8"): orjson.loads(value) for _, key, value in records if key and value}
    return found | {"cust_new": {"id": "cust_new", "name": "New [b]"}, "cust_twice": {"id": "cust_twice", "name": "2"}}


@pytest.fixture
def brokers(kafka: str, topic_prefix: str, profiles: dict[str, Profile]) -> Kafka:
    """Topics as workers would have left them: old records before new ones, somebody deleted, something aborted."""
    brokers = Kafka(kafka, topic_prefix)
    asyncio.run(_fill(brokers, profiles))
    return brokers


async def _fill(brokers: Kafka, profiles: dict[str, Profile]) -> None:
    await create_topics(brokers.bootstrap, brokers.prefix, 3, 1)
    first = {"cust_twice": {"id": "cust_twice", "name": "Nobody"}, "cust_gone": {"id": "cust_gone", "name": "Nobody"}}
    await send(brokers, Topic.CUSTOMER_STATE, [_state(key, profile) for key, profile in first.items()])
    await send(brokers, Topic.CUSTOMER_STATE, [_state(key, profile) for key, profile in profiles.items()])
    await send(brokers, Topic.CUSTOMER_STATE, [(b"cust_gone", None, [])])
    await _aborted(brokers, [_state(key, {"id": key, "name": "Nobody"}) for key in profiles])
    definitions: list[Sent] = [
        (f"segments/{one['id']}".encode(), encode_definition("segments", one["id"], 0, orjson.dumps(one)), [])
        for one in SEGMENTS
    ]
    await send(brokers, Topic.DEFINITIONS, definitions)


async def _aborted(brokers: Kafka, records: list[Sent]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=brokers.bootstrap, transactional_id=f"{brokers.prefix}aborted")
    await producer.start()
    try:
        await producer.begin_transaction()
        topic = brokers.physical(Topic.CUSTOMER_STATE)
        await asyncio.gather(*[await producer.send(topic, key=key, value=value) for key, value, _ in records])
        await producer.abort_transaction()
    finally:
        await producer.stop()


def _state(key: str, profile: Profile) -> Sent:
    state = replace(NEW_CUSTOMER, profile=profile, now=NOW, memberships=["seg_told"] if key == "cust_new" else [])
    return key.encode(), encode_customer(state), []


def run(brokers: Kafka, *arguments: str) -> Result:
    command = ["customers", *arguments, "--kafka", brokers.bootstrap, "--prefix", brokers.prefix]
    return CliRunner().invoke(main, command, env={}, catch_exceptions=False)


def told(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_those_match_who_would_by_the_naive_evaluator_and_the_sample_is_of_them(
    brokers: Kafka, profiles: dict[str, Profile]
) -> None:
    for asked in FILTERS:
        expected = [key for key, profile in profiles.items() if filter_holds(asked, Known(profile), NOW, UTC)]
        found = told(run(brokers, "--filter", json.dumps(asked), "--json", "--sample", "1000"))
        assert (found["matching"], found["customers"]) == (len(expected), len(profiles))
        assert [one["id"] for one in found["sample"]] == sorted(expected)
        assert [one["name"] for one in found["sample"]] == [profiles[key].get("name") for key in sorted(expected)]
        few = [told(run(brokers, "--filter", json.dumps(asked), "--json", "--sample", "3"))["sample"] for _ in (1, 2)]
        assert few[0] == few[1]
        assert len(few[0]) == min(3, len(expected))
        assert {one["id"] for one in few[0]} <= set(expected)


def test_each_type_of_segment_can_be_asked_about(brokers: Kafka, profiles: dict[str, Profile]) -> None:
    listed = told(run(brokers, "--segment", "seg_listed", "--json"))
    assert [one["id"] for one in listed["sample"]] == ["cust_new", "cust_twice"]
    assert (listed["matching"], listed["unknown"]) == (2, 2)
    external = told(run(brokers, "--segment", "seg_told", "--json"))
    assert [one["id"] for one in external["sample"]] == ["cust_new"]
    shown = run(brokers, "--segment", "seg_named").stdout
    assert [line.rstrip() for line in shown.splitlines()] == [
        f"1 of {len(profiles)} customers match",
        "id        name",
        "cust_new  New [b]",
    ]


def test_a_segment_that_is_not_in_force_is_an_answer_of_no(brokers: Kafka) -> None:
    result = run(brokers, "--segment", "seg_nowhere")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: no segments/seg_nowhere in force\n"


def test_nobody_is_known_where_nothing_has_happened_yet(kafka: str, topic_prefix: str) -> None:
    brokers = Kafka(kafka, topic_prefix)
    asyncio.run(create_topics(kafka, topic_prefix, 8, 1))
    result = run(brokers, "--filter", json.dumps(FILTERS[0]))
    assert (result.exit_code, result.stdout) == (0, "0 of 0 customers match\n")
