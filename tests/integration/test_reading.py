import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streamproc.cli.reading import MissingTopicError, opened, read_to_end
from streamproc.runtime.kafka import Kafka

pytestmark = pytest.mark.broker


async def make_topic(kafka: Kafka, topic: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(kafka.physical(topic), partitions, 1)])
    await admin.close()


async def write(kafka: Kafka, topic: str, values: list[bytes], *, commit: bool, partition: int = 0) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=f"{kafka.prefix}writer")
    await producer.start()
    await producer.begin_transaction()
    for value in values:
        await producer.send_and_wait(kafka.physical(topic), value, key=b"k", partition=partition)
    await (producer.commit_transaction() if commit else producer.abort_transaction())
    await producer.stop()


async def test_reading_ends_behind_transaction_markers_and_leaves_aborted_records_out(
    kafka: str, topic_prefix: str
) -> None:
    brokers = Kafka(kafka, topic_prefix)
    await make_topic(brokers, "decisions", 3)
    await write(brokers, "decisions", [b"1", b"2"], commit=True)
    await write(brokers, "decisions", [b"lost"], commit=False)
    await write(brokers, "decisions", [b"3"], commit=True, partition=2)
    async with asyncio.timeout(20):
        found = [(record.partition, record.value) async for record in read_to_end(brokers, ["decisions"])]
    assert sorted(found) == [(0, b"1"), (0, b"2"), (2, b"3")]


async def test_a_reader_opened_at_the_end_sees_only_what_comes_later(kafka: str, topic_prefix: str) -> None:
    brokers = Kafka(kafka, topic_prefix)
    await make_topic(brokers, "decisions", 1)
    await write(brokers, "decisions", [b"before"], commit=True)
    async with asyncio.timeout(20), opened(brokers, ["decisions"]) as reader:
        # A commit is answered before its marker is written, and until then the end is in front of it.
        assert (await reader.getone()).value == b"before"
    async with asyncio.timeout(20), opened(brokers, ["decisions"], at_end=True) as reader:
        await write(brokers, "decisions", [b"after"], commit=True)
        assert (await reader.getone()).value == b"after"


async def test_a_missing_topic_is_named(kafka: str, topic_prefix: str) -> None:
    with pytest.raises(MissingTopicError, match=f"no topic {topic_prefix}decisions; make the topics"):
        [record async for record in read_to_end(Kafka(kafka, topic_prefix), ["decisions"])]
