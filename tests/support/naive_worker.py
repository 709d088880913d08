"""The control of the crash test: the plain way to do it, produce and then commit, without transactions or changelog.

A process like `streamproc worker`: the same variables, the same pages, the same processor deciding. What differs is
what the runtime is for: a plain consumer group, a producer without transactions, state in memory, and offsets
committed after the jobs were acknowledged.
"""

import asyncio
import signal
from collections.abc import Sequence
from datetime import UTC
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streamproc.clock import now_milliseconds
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegments
from streamproc.operations.health import Health
from streamproc.operations.metrics import Metrics
from streamproc.operations.web import served_pages
from streamproc.processing.customers import CustomerProcessor
from streamproc.processing.processor import Output, Slice
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.restore import read_to_end
from streamproc.runtime.store import StateStore
from streamproc.settings import Settings, load_settings
from streamproc.topics import Topic

POLL_MILLISECONDS = 100
REQUEST_BYTES = 4 * 1024 * 1024


class PlainTask:
    """One partition: the real processor over stores that nobody writes down."""

    def __init__(self, partition: int, definitions: Definitions) -> None:
        self._stores = (StateStore(), StateStore())
        self._processor = CustomerProcessor(
            partition, *self._stores, definitions, ComputedSegments(UTC), dead_letter_limit=1
        )

    def process(self, slices: Sequence[Slice]) -> Output:
        """Decide, and merge at once what was staged."""
        output = self._processor.process(slices, now_milliseconds())
        for store in self._stores:
            store.commit()
        return output


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells the pages when the group has answered."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None: ...

    def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        self._health.assigned = True
        print("assigned", sorted(assigned), flush=True)


async def work(settings: Settings, metrics: Metrics, health: Health) -> None:
    """Take, decide, produce, commit, again; until cancelled."""
    kafka = Kafka(settings.kafka, settings.prefix)
    definitions = Definitions(ZoneInfo(settings.time_zone))
    await read_to_end(kafka, Topic.DEFINITIONS, 0, definitions.apply, lambda _, __: None)
    health.tables_read = True
    tasks: dict[int, PlainTask] = {}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap,
        group_id=settings.app_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=int(settings.session_timeout * 1000),
        heartbeat_interval_ms=int(settings.session_timeout * 250),
    )
    sources = [kafka.physical(Topic.CUSTOMER_EVENTS), kafka.physical(Topic.CUSTOMERS)]
    consumer.subscribe(sources, listener=Assignment(health))
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, max_request_size=REQUEST_BYTES)
    await producer.start()
    await consumer.start()
    try:
        while True:
            fetched = await consumer.getmany(timeout_ms=POLL_MILLISECONDS, max_records=settings.chunk_records)
            for tp, records in fetched.items():
                task = tasks.setdefault(tp.partition, PlainTask(tp.partition, definitions))
                output = task.process([Slice(kafka.logical(tp.topic), tp.partition, records)])
                await produce(kafka, producer, output)
                await commit(consumer, {tp: records[-1].offset + 1})
                metrics.commits.labels("customer").inc()
    finally:
        await consumer.stop()
        await producer.stop()


async def produce(kafka: Kafka, producer: AIOKafkaProducer, output: Output) -> None:
    """Send everything and wait for the acknowledgements."""
    sent = [
        await producer.send(kafka.physical(topic), value, key=key, partition=partition, headers=headers)
        for (topic, partition), records in output.records.items()
        for key, value, headers in records
    ]
    await asyncio.gather(*sent)


async def commit(consumer: Any, offsets: dict[TopicPartition, int]) -> None:
    """Commit; what a rebalance has made void is somebody else's now."""
    try:
        await consumer.commit(offsets)
    except KafkaError as error:
        print(f"not committed: {error!r}", flush=True)


async def main() -> None:
    """Work, with pages, until SIGTERM."""
    settings = load_settings({})
    metrics, health = Metrics(), Health(started_at=monotonic())
    async with served_pages(settings.web_host, settings.web_port, metrics, health, monotonic):
        working = asyncio.create_task(work(settings, metrics, health))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
        await asyncio.wait([working])
        if not working.cancelled():
            working.result()


if __name__ == "__main__":
    asyncio.run(main())
