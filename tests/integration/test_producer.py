"""The producer of a task on a real broker: what its caller is told when a transaction ends under it."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, KafkaError
from aiokafka.structs import TopicPartition

from streamproc.processing.processor import OutputRecord
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.producer import TaskProducer, as_fenced
from tests.support.eventually import eventually
from tests.support.runtime import COPIES, SOURCE, make_topics

pytestmark = pytest.mark.broker

SMALL: list[OutputRecord] = [(b"key", b"value", [])]


@pytest.fixture
async def topics(kafka: str, topic_prefix: str) -> Kafka:
    """Two topics of one partition."""
    topics = Kafka(kafka, topic_prefix)
    await make_topics(topics, {SOURCE: 1, COPIES: 1})
    return topics


@pytest.fixture
async def producer(topics: Kafka) -> AsyncIterator[TaskProducer]:
    """A started producer with a transaction begun."""
    producer = TaskProducer(topics, topics.physical("task"), "group", 60.0)
    await producer.start()
    await producer.begin()
    yield producer
    await producer.stop()


async def test_a_write_after_the_producer_was_fenced_says_that_it_was(topics: Kafka, producer: TaskProducer) -> None:
    usurper = AIOKafkaProducer(bootstrap_servers=topics.bootstrap, transactional_id=topics.physical("task"))
    await usurper.start()
    await usurper.stop()
    await producer.write(COPIES, 0, SMALL, 0)
    await eventually(lambda: _has_ended(producer))
    with pytest.raises(KafkaError) as of_write:
        await producer.write(SOURCE, 0, SMALL, 0)
    with pytest.raises(KafkaError) as of_offsets:
        await producer.send_offsets({TopicPartition(topics.physical(SOURCE), 0): 1})
    with pytest.raises(KafkaError) as of_begin:
        await producer.begin()
    assert all(as_fenced(told.value) for told in (of_write, of_offsets, of_begin))
    with pytest.raises(IllegalOperation):  # the client itself does not say why
        await producer._producer.send_offsets_to_transaction({}, "group")


def _has_ended(producer: TaskProducer) -> bool:
    return not producer._producer._txn_manager.is_in_transaction()
