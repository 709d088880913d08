"""Reads topics as commands need them: without a group, committed records only, to their end or following live.

The end is told by position: a transaction's marker takes an offset too, so the last record seen need not be the one
before the end.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streamproc.errors import StreamprocError
from streamproc.processing.processor import SourceRecord
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.offsets import committed_offsets

_POLL_MILLISECONDS = 100
_FETCH_BYTES = 4 * 1024 * 1024


class Consumed(SourceRecord, Protocol):
    """A record as the client gives it; `topic` is the physical name."""

    @property
    def topic(self) -> str: ...  # noqa: D102
    @property
    def partition(self) -> int: ...  # noqa: D102


class MissingTopicError(StreamprocError):
    """A topic that is to be read does not exist."""

    def __init__(self, topics: list[str]) -> None:
        super().__init__(f"no topic {', '.join(topics)}; make the topics with `streamproc topics create`")


@asynccontextmanager
async def opened(kafka: Kafka, topics: Sequence[str], *, at_end: bool = False) -> AsyncIterator[AIOKafkaConsumer]:
    """Give a reader that stands at the beginning (or end) of all partitions of these logical topics.

    Raises `MissingTopicError`.
    """
    partitions = await partitions_of(kafka, topics)
    async with assigned(kafka, partitions) as reader:
        if at_end:
            for partition, offset in (await reader.end_offsets(partitions)).items():
                reader.seek(partition, offset)
        else:
            await reader.seek_to_beginning(*partitions)
        yield reader


@asynccontextmanager
async def assigned(
    kafka: Kafka, partitions: Sequence[TopicPartition], fetch_bytes: int = _FETCH_BYTES
) -> AsyncIterator[AIOKafkaConsumer]:
    """Give a reader of these partitions; whoever asks for it says where to begin."""
    reader = kafka.reader(max_partition_fetch_bytes=fetch_bytes, fetch_max_wait_ms=_POLL_MILLISECONDS)
    await reader.start()
    try:
        reader.assign(partitions)
        yield reader
    finally:
        await reader.stop()


async def follow(reader: AIOKafkaConsumer) -> AsyncIterator[list[Consumed]]:
    """Yield what has come, without end; an empty list about every tenth of a second when nothing has."""
    while True:
        fetched = await reader.getmany(timeout_ms=_POLL_MILLISECONDS)
        yield [record for records in fetched.values() for record in records]


async def read_to_end(kafka: Kafka, topics: Sequence[str], group_id: str | None = None) -> AsyncIterator[Consumed]:
    """Yield every record that stands in these logical topics now; each partition's in order.

    With a group only what it has not committed.
    """
    async with opened(kafka, topics) as reader:
        if group_id is not None:
            await _seek_to_committed(kafka, reader, group_id)
        ends = await reader.end_offsets(list(reader.assignment()))
        async for records in _up_to(reader, ends):
            for record in records:
                if record.offset < ends[TopicPartition(record.topic, record.partition)]:
                    yield record


async def catch_up(reader: AIOKafkaConsumer) -> AsyncIterator[list[Consumed]]:
    """Yield what stands in the reader's partitions now, and maybe some of what has come since; `follow` goes on."""
    async for records in _up_to(reader, await reader.end_offsets(list(reader.assignment()))):
        yield records


async def _up_to(reader: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> AsyncIterator[list[Consumed]]:
    while waiting := [tp for tp, end in ends.items() if await reader.position(tp) < end]:
        fetched = await reader.getmany(*waiting, timeout_ms=_POLL_MILLISECONDS)
        yield [record for records in fetched.values() for record in records]


async def _seek_to_committed(kafka: Kafka, reader: AIOKafkaConsumer, group_id: str) -> None:
    partitions = list(reader.assignment())
    admin = kafka.admin()
    try:
        await admin.start()
        committed = await committed_offsets(admin, group_id, partitions)
    finally:
        await admin.close()
    for partition, begin in (await reader.beginning_offsets(partitions)).items():
        reader.seek(partition, max(committed[partition] or 0, begin))


async def partitions_of(kafka: Kafka, topics: Sequence[str]) -> list[TopicPartition]:
    """Return all partitions of these logical topics. Raises `MissingTopicError`."""
    names = [kafka.physical(topic) for topic in topics]
    admin = kafka.admin()
    try:
        await admin.start()
        described = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics(names)}
    finally:
        await admin.close()
    if missing := [name for name in names if not described.get(name)]:
        raise MissingTopicError(missing)
    return [TopicPartition(name, partition["partition"]) for name in names for partition in described[name]]
