"""Waiting for the demo's worker: until it has read, committed and counted what it was given."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient

from streamproc.cli.demo.worker import Worker
from streamproc.cli.in_force import read_in_force
from streamproc.cli.reading import opened
from streamproc.errors import StreamprocError
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.offsets import committed_offsets
from streamproc.topics import Topic

_LIMIT_SECONDS = 120
_POLL_SECONDS = 0.05


class DemoFailedError(StreamprocError):
    """The demo could not come to a verdict."""


async def all_committed(kafka: Kafka, app_id: str, topic: Topic) -> None:
    """Return when the worker has committed everything that stands in a topic."""
    async with opened(kafka, [topic]) as reader, _admin(kafka) as admin:
        partitions = sorted(reader.assignment())

        async def done() -> bool:
            ends = await reader.end_offsets(partitions)
            committed = await committed_offsets(admin, app_id, partitions)
            return all((committed[partition] or 0) >= ends[partition] for partition in partitions)

        await until(done, f"the worker has not got through {topic}")


async def definitions_read(kafka: Kafka, worker: Worker) -> None:
    """Return when the worker decides by the whole configuration: its table follows the verdicts by a moment."""
    async with opened(kafka, [Topic.DEFINITIONS]) as reader:
        (end,) = (await reader.end_offsets(list(reader.assignment()))).values()

    async def done() -> bool:
        position = (await worker.metric("streamproc_table_position", "table")).get(Topic.DEFINITIONS, 0)
        return bool(position >= end)

    await until(done, "the worker has not read the definitions")


async def segments_synced(kafka: Kafka, segments: Collection[str]) -> None:
    """Return when these segments are in force: with profiles that come earlier, who enters would depend on the time."""

    async def done() -> bool:
        return set(segments) <= set((await read_in_force(kafka, Topic.SEGMENTS)).ids())

    await until(done, "not all segments have been synced")


async def events_counted(worker: Worker, events: int) -> dict[str, int]:
    """Return the worker's own count of events by outcome, when it has counted so many; it follows the commit."""
    counted: dict[str, int] = {}

    async def done() -> bool:
        found = await worker.metric("streamproc_events_total", "outcome")
        counted.update({outcome: int(number) for outcome, number in found.items()})
        return sum(counted.values()) >= events

    await until(done, "the worker has not counted the events")
    return counted


@asynccontextmanager
async def _admin(kafka: Kafka) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = kafka.admin()
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def until(done: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    """Return when it is done. Raises `DemoFailedError`, saying what is the case otherwise."""
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            while not await done():  # noqa: ASYNC110  (what is waited for happens in another process)
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise DemoFailedError(f"{otherwise} after {_LIMIT_SECONDS} s") from None
