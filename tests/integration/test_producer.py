"""The producer of a task on a real broker: what becomes visible, what is refused, and what its caller is told."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from weakref import ref

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.structs import ConsumerRecord, TopicPartition

from streamproc.local.kafka import LocalKafka
from streamproc.processing.processor import OutputRecord
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.producer import BATCH_BYTES, TaskProducer, as_fenced
from streamproc.runtime.transaction import TransactionClient
from tests.support.runtime import COPIES, SOURCE, make_topics

pytestmark = pytest.mark.broker

GROUP = "group"
SMALL: list[OutputRecord] = [(b"key", b"value", [("name", b"text")])]
NOW = 1_764_000_000_000


@pytest.fixture
async def topics(kafka: str, topic_prefix: str) -> Kafka:
    """Two topics of two partitions."""
    topics = Kafka(kafka, topic_prefix)
    await make_topics(topics, {SOURCE: 2, COPIES: 2})
    return topics


@pytest.fixture
async def producer(topics: Kafka) -> AsyncIterator[TaskProducer]:
    """A started producer."""
    producer = _producer(topics)
    await producer.start()
    yield producer
    await producer.stop()


async def test_records_and_offsets_are_committed_together(topics: Kafka, producer: TaskProducer) -> None:
    source = TopicPartition(topics.physical(SOURCE), 1)
    await producer.commit([(COPIES, 0, SMALL), (COPIES, 1, SMALL), (SOURCE, 0, SMALL)], {source: 7}, NOW)
    await producer.commit([(COPIES, 0, SMALL)], {}, NOW)
    await producer.commit([], {source: 9}, NOW)
    await producer.commit([], {}, NOW)
    read = await _read(topics, COPIES)
    assert [(record.partition, record.key, record.value) for record in read] == [
        (0, b"key", b"value"),
        (0, b"key", b"value"),
        (1, b"key", b"value"),
    ]
    assert all(record.headers == (("name", b"text"),) and record.timestamp == NOW for record in read)
    assert await _committed(topics, source) == 9


class _Lane(list[OutputRecord]):
    """A list of which it can be seen whether it is still there."""

    __slots__ = ("__weakref__",)


async def test_records_are_let_go_before_they_are_written(
    producer: TaskProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[ref[_Lane]] = []
    alive: list[int] = []
    write = TransactionClient.write

    def lanes() -> Iterator[tuple[str, int, _Lane]]:
        for partition in range(2):
            lane = _Lane(SMALL)
            seen.append(ref(lane))
            yield COPIES, partition, lane
            del lane

    async def writing(client: TransactionClient, batches: Mapping[TopicPartition, bytes]) -> None:
        alive.append(sum(lane() is not None for lane in seen))
        await write(client, batches)

    monkeypatch.setattr(TransactionClient, "write", writing)
    await producer.commit(lanes(), {}, NOW)
    assert (len(seen), alive) == (2, [0])


async def test_a_partition_gets_as_many_batches_as_its_records_need(topics: Kafka, producer: TaskProducer) -> None:
    long: list[OutputRecord] = [(b"%d" % number, b"x" * (BATCH_BYTES // 3), []) for number in range(8)]
    await producer.commit([(COPIES, 0, long), (COPIES, 1, SMALL)], {}, NOW)
    await producer.commit([(COPIES, 0, long)], {}, NOW)
    read = [record.key for record in await _read(topics, COPIES) if record.partition == 0]
    assert read == [b"%d" % number for number in range(8)] * 2


async def test_what_was_aborted_is_not_seen_and_the_next_transaction_goes_well(
    topics: Kafka, producer: TaskProducer
) -> None:
    huge: list[OutputRecord] = [(b"key", b"x" * 9_000_000, [])]
    for _ in range(2):
        with pytest.raises(MessageSizeTooLargeError):
            await producer.commit([(COPIES, 0, SMALL), (COPIES, 1, huge)], {}, NOW)
        await producer.abort()
    await producer.abort()  # also when nothing is open
    await producer.commit([(COPIES, 0, SMALL), (COPIES, 1, SMALL)], {}, NOW)
    assert len(await _read(topics, COPIES)) == 2


async def test_a_fenced_producer_is_told_so_whatever_it_does(topics: Kafka, producer: TaskProducer) -> None:
    source = TopicPartition(topics.physical(SOURCE), 0)
    await producer.commit([(COPIES, 0, SMALL)], {source: 1}, NOW)
    usurper = _producer(topics)
    await usurper.start()
    try:
        with pytest.raises(KafkaError) as of_writes:
            await producer.commit([(COPIES, 0, SMALL)], {}, NOW)
        with pytest.raises(KafkaError) as of_offsets:
            await producer.commit([], {source: 2}, NOW)
        with pytest.raises(KafkaError) as of_abort:
            await producer.abort()
        assert all(as_fenced(told.value) for told in (of_writes, of_offsets, of_abort))
        await usurper.commit([(COPIES, 1, SMALL)], {source: 3}, NOW)
    finally:
        await usurper.stop()
    assert [record.partition for record in await _read(topics, COPIES)] == [0, 1]
    assert await _committed(topics, source) == 3


async def test_what_an_owner_left_open_is_ended_by_the_next_one(topics: Kafka) -> None:
    former = TransactionClient(topics, topics.physical("task"), 60.0)
    identity = await former.start()
    source = TopicPartition(topics.physical(SOURCE), 0)
    await former.commit_offsets(identity, GROUP, {source: 5})
    await former.stop()
    producer = _producer(topics)
    await producer.start()
    try:
        await producer.commit([(COPIES, 0, SMALL)], {}, NOW)
    finally:
        await producer.stop()
    assert await _committed(topics, source) is None


async def test_an_end_that_is_sent_again_is_answered_again(topics: Kafka) -> None:
    """The answer to a commit can be lost; whoever asks again must not learn that the transaction is unknown."""
    client = TransactionClient(topics, topics.physical("task"), 60.0)
    identity = await client.start()
    try:
        source = TopicPartition(topics.physical(SOURCE), 0)
        await client.commit_offsets(identity, GROUP, {source: 5})
        first = await client.end(identity, commits=True)
        assert await client.end(identity, commits=True) == first
        assert (first.producer_id, first.epoch) == (identity.producer_id, identity.epoch + 1)
        with pytest.raises(KafkaError):  # of another answer there can be no talk
            await client.end(identity, commits=False)
    finally:
        await client.stop()
    assert await _committed(topics, source) == 5


async def test_a_batch_of_an_ended_transaction_comes_too_late(topics: Kafka, producer: TaskProducer) -> None:
    """What is still on its way when a transaction is aborted must not arrive in the next one."""
    (late,) = producer._batches(SMALL, NOW)
    await producer.abort()
    await producer.commit([(COPIES, 1, SMALL)], {}, NOW)
    assert producer._client is not None
    with pytest.raises(KafkaError) as told:
        await producer._client.write({TopicPartition(topics.physical(COPIES), 0): late})
    assert as_fenced(told.value)
    assert [record.partition for record in await _read(topics, COPIES)] == [1]


async def test_a_transaction_outlives_a_restart_of_the_broker() -> None:
    with LocalKafka() as broker:
        topics = Kafka(broker.bootstrap, "restart.")
        await make_topics(topics, {SOURCE: 1, COPIES: 1})
        producer = _producer(topics)
        await producer.start()
        source = TopicPartition(topics.physical(SOURCE), 0)
        await producer.commit([(COPIES, 0, SMALL)], {source: 1}, NOW)
        await asyncio.to_thread(broker.stop)
        commit = asyncio.create_task(producer.commit([(COPIES, 0, SMALL)], {source: 2}, NOW))
        await asyncio.sleep(0.5)
        assert not commit.done()
        await asyncio.to_thread(broker.start)
        await asyncio.wait_for(commit, 60)
        await producer.stop()
        assert len(await _read(topics, COPIES)) == 2
        assert await _committed(topics, source) == 2


def _producer(topics: Kafka, name: str = "task") -> TaskProducer:
    return TaskProducer(topics, topics.physical(name), GROUP, 60.0)


async def _read(topics: Kafka, topic: str) -> list[ConsumerRecord]:
    """Read all committed records of a topic, partition by partition."""
    reader: AIOKafkaConsumer = topics.reader()
    await reader.start()
    try:
        partitions = [TopicPartition(topics.physical(topic), number) for number in (0, 1)]
        known = reader._client.cluster.partitions_for_topic
        await reader._client.add_topic(topics.physical(topic))
        partitions = [tp for tp in partitions if tp.partition in (known(tp.topic) or ())]
        reader.assign(partitions)
        ends = await reader.end_offsets(partitions)
        found: list[ConsumerRecord] = []
        while any([await reader.position(tp) < end for tp, end in ends.items()]):
            for records in (await reader.getmany(timeout_ms=100)).values():
                found += records
        return sorted(found, key=lambda record: (record.partition, record.offset))
    finally:
        await reader.stop()


async def _committed(topics: Kafka, source: TopicPartition) -> int | None:
    admin = topics.admin()
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(GROUP, partitions=[source])
    finally:
        await admin.close()
    offset = int(offsets[source].offset)
    return None if offset < 0 else offset
