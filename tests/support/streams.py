"""Records into and out of real topics, with the things that tests look at: keys, values, headers, offsets."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import TopicPartition

from streamproc.cli.reading import Consumed, read_to_end
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.offsets import committed_offsets
from streamproc.topics import TOPICS, Topic
from tests.support.workers import WorkerProcess, until

REQUEST_BYTES = 3 * 1024 * 1024
FETCH_BYTES = 4 * 1024 * 1024

# As soon as there is anything to gain; a segment ends with the first record after so many milliseconds.
COMPACT_AT_ONCE = {"segment.ms": "500", "min.cleanable.dirty.ratio": "0.001"}

Sent = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Key, value, headers."""


async def send(kafka: Kafka, topic: str, records: Iterable[Sent], partition: int | None = None) -> list[int]:
    """Append records in their order, wait for all of them, and return their offsets."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap, enable_idempotence=True, max_request_size=REQUEST_BYTES
    )
    await producer.start()
    try:
        sent = [
            await producer.send(kafka.physical(topic), key=key, value=value, headers=headers, partition=partition)
            for key, value, headers in records
        ]
        return [record.offset for record in await asyncio.gather(*sent)]
    finally:
        await producer.stop()


async def send_json(kafka: Kafka, topic: str, *objects: dict[str, Any], key: str | None = None) -> list[int]:
    """Append objects under their own ids, or under this key."""
    records: list[Sent] = [(str(key or one["id"]).encode(), orjson.dumps(one), []) for one in objects]
    return await send(kafka, topic, records)


async def read(kafka: Kafka, *topics: str) -> list[Consumed]:
    """Every committed record that stands in these topics now; each partition's in order."""
    return [record async for record in read_to_end(kafka, topics)]


async def read_json(kafka: Kafka, *topics: str) -> list[dict[str, Any]]:
    """The values of `read`."""
    return [orjson.loads(record.value or b"null") for record in await read(kafka, *topics)]


async def table(kafka: Kafka, topic: str) -> dict[str, Any]:
    """The latest value by key; null values are left out."""
    latest = {record.key: record.value for record in await read(kafka, topic)}
    return {(key or b"").decode(): orjson.loads(value) for key, value in latest.items() if value is not None}


async def read_uncommitted(kafka: Kafka, topics: Sequence[str]) -> AsyncIterator[Consumed]:
    """Yield everything written to these topics up to now, what was aborted included."""
    async with reader(kafka, "read_uncommitted") as consumer:
        written = await _ends(consumer, kafka, topics)
        consumer.assign(list(written))
        await consumer.seek_to_beginning(*written)
        while waiting := [tp for tp, end in written.items() if await consumer.position(tp) < end]:
            for records in (await consumer.getmany(*waiting, timeout_ms=100)).values():
                for record in records:
                    yield record


async def ends(kafka: Kafka, topics: Sequence[str]) -> dict[TopicPartition, int]:
    """The ends of all partitions, up to where it is decided what is committed."""
    async with reader(kafka) as committed:
        return await _ends(committed, kafka, topics)


@asynccontextmanager
async def reader(kafka: Kafka, isolation: str = "read_committed") -> AsyncIterator[AIOKafkaConsumer]:
    """A reader without a group. With `read_uncommitted` it sees what is open or aborted too, and the real ends."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap,
        group_id=None,
        isolation_level=isolation,
        max_partition_fetch_bytes=FETCH_BYTES,
        retry_backoff_ms=10,  # what it waits for the metadata of each topic
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _ends(consumer: AIOKafkaConsumer, kafka: Kafka, topics: Sequence[str]) -> dict[TopicPartition, int]:
    names = [kafka.physical(topic) for topic in topics]
    admin = kafka.admin()
    await admin.start()
    try:
        described = await admin.describe_topics(names)
    finally:
        await admin.close()
    partitions = [TopicPartition(one["topic"], part["partition"]) for one in described for part in one["partitions"]]
    return dict(await consumer.end_offsets(partitions))


async def all_committed(kafka: Kafka, app_id: str, *topics: str, within: float = 60.0) -> float:
    """Return the seconds until the application has committed everything that stood in these topics."""
    stood = {tp: end for tp, end in (await ends(kafka, topics)).items() if end}
    behind: dict[str, int] = {}
    admin = kafka.admin()
    await admin.start()
    try:

        async def reached() -> bool:
            committed = await committed_offsets(admin, app_id, list(stood)) if stood else {}
            behind.clear()
            behind.update(
                (f"{tp.topic}-{tp.partition}", end - at)
                for tp, end in stood.items()
                if (at := committed[tp] or 0) < end
            )
            return not behind

        try:
            return await until(reached, within=within, what=f"everything in {', '.join(topics)} committed")
        except AssertionError as error:
            raise AssertionError(f"{error}; so many records are not: {behind}") from error
    finally:
        await admin.close()


async def table_read(kafka: Kafka, worker: WorkerProcess, topic: Topic, within: float = 60.0) -> None:
    """Wait until a worker decides by all that stands in a topic that it keeps as a table."""
    (end,) = (await ends(kafka, [topic])).values()

    async def reached() -> bool:
        return await worker.metric("streamproc_table_position", table=topic) >= end

    await until(reached, within=within, what=f"everything in {topic} read by {worker}")


async def configure(kafka: Kafka, topic: Topic, settings: Mapping[str, str]) -> None:
    """Change a topic's settings, over those that it has to have."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        wanted = {**TOPICS[topic].configuration(), **settings}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, kafka.physical(topic), wanted)])
    finally:
        await admin.close()
