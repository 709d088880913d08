"""A real broker keeps the session: of many partitions those with news are fetched for, and nothing is missed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v11
from aiokafka.structs import TopicPartition

from streamproc.local.kafka import LocalKafka
from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.fetch_sessions import Fetch, fetch_in_sessions
from streamproc.runtime.slices import fetch_slices

pytestmark = pytest.mark.broker

PARTITIONS = 16
TOPIC = "customer-events"
QUIET = ("customers", "publications")
ROUNDS = 30


class Watched:
    """A consumer's client, and how many partitions each fetch named."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.named: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def send(self, node: int, request: Any) -> Any:
        if request.API_KEY == FetchRequest.API_KEY:
            versions = {FetchRequest.API_KEY: (0, Fetch.API_VERSION)}
            told: Any = FetchRequest_v11.decode(BytesIO(request.prepare(versions).encode()))
            self.named.append(sum(len(partitions) for _, partitions in told.topics))
        return await self._client.send(node, request)


@asynccontextmanager
async def reading(bootstrap: str, prefix: str) -> AsyncIterator[tuple[AIOKafkaConsumer, Watched]]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest",
        fetch_max_wait_ms=100, retry_backoff_ms=50,
    )  # fmt: skip
    await consumer.start()
    watched = consumer._client = consumer._fetcher._client = Watched(consumer._client)
    consumer.assign(
        [TopicPartition(prefix + topic, number) for topic in (TOPIC, *QUIET) for number in range(PARTITIONS)]
    )
    try:
        yield consumer, watched
    finally:
        await consumer.stop()


async def write_and_read(
    consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, topic: str, rounds: range
) -> list[tuple[int, bytes]]:
    """Write records to one partition after the other, each once the one before has been read."""
    read: list[tuple[int, bytes]] = []
    for number in rounds:
        await producer.send_and_wait(topic, b"%d" % number, partition=number % PARTITIONS)
        wanted = len(read) + 1
        while len(read) < wanted:
            for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                read += [(tp.partition, record.value) for record in records]
    return read


def expected(rounds: range) -> list[tuple[int, bytes]]:
    return [(number % PARTITIONS, b"%d" % number) for number in rounds]


@pytest.mark.parametrize("in_sessions", [True, False])
async def test_a_fetch_names_what_has_news(kafka: str, topic_prefix: str, in_sessions: bool) -> None:
    await create_topics(kafka, topic_prefix, PARTITIONS, 1)
    async with asyncio.timeout(60), reading(kafka, topic_prefix) as (consumer, watched):
        fetch_slices(consumer)
        if in_sessions:
            fetch_in_sessions(consumer)
        producer = AIOKafkaProducer(bootstrap_servers=kafka)
        await producer.start()
        read = await write_and_read(consumer, producer, topic_prefix + TOPIC, range(ROUNDS))
        await producer.stop()
    assert read == expected(range(ROUNDS))
    assert watched.named[0] == 3 * PARTITIONS
    # The client itself names everything that it has not in hand.
    later = watched.named[-ROUNDS:]
    assert max(later) <= 2 if in_sessions else min(later) >= 3 * PARTITIONS - 1


async def test_nothing_is_missed_when_the_broker_has_forgotten_the_session(topic_prefix: str) -> None:
    with LocalKafka() as broker:
        await create_topics(broker.bootstrap, topic_prefix, PARTITIONS, 1)
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, retry_backoff_ms=50)
        await producer.start()
        async with asyncio.timeout(90), reading(broker.bootstrap, topic_prefix) as (consumer, watched):
            fetch_slices(consumer)
            fetch_in_sessions(consumer)
            topic = topic_prefix + TOPIC
            read = await write_and_read(consumer, producer, topic, range(5))
            before = len(watched.named)
            await asyncio.to_thread(broker.restart)
            read += await write_and_read(consumer, producer, topic, range(5, 10))
        await producer.stop()
    assert read == expected(range(10))
    assert 3 * PARTITIONS in watched.named[before:]
    assert watched.named[-1] <= 2
