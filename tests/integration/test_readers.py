"""The readers beside the tasks, on a real broker: the gate, the table that it waits for, and the lag."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from streamproc.runtime.gate import Gate
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.lag import LagMonitor
from streamproc.runtime.table import TableReader
from streamproc.runtime.tasks import Tasks
from streamproc.runtime.unread import Unread
from tests.support.eventually import eventually
from tests.support.runtime import (
    COPIES,
    COPY_WORKER_MARKS,
    COUNTS,
    SECOND_SOURCE,
    SOURCE,
    Heard,
    copy_worker,
    make_topics,
    produce,
)
from tests.support.workers import until

pytestmark = COPY_WORKER_MARKS

TABLE = "table"


@dataclass
class HeardLag(Heard):
    """Remembers the latest lag too."""

    lags: dict[TopicPartition, int] = field(default_factory=dict)

    def lag(self, lags: Mapping[TopicPartition, int]) -> None:
        self.lags = dict(lags)


@pytest.fixture
async def topics(kafka: str, topic_prefix: str) -> Kafka:
    """The topics of a copy worker with one task, and a table."""
    cluster = Kafka(kafka, topic_prefix)
    await make_topics(cluster, dict.fromkeys((SOURCE, SECOND_SOURCE, COPIES, COUNTS, TABLE), 1))
    return cluster


async def test_only_what_can_be_read_counts_as_unread(topics: Kafka) -> None:
    unread = Unread(topics, [SOURCE, SECOND_SOURCE])
    writer = AIOKafkaProducer(bootstrap_servers=topics.bootstrap, transactional_id=topics.prefix)
    await writer.start()

    async def is_decided() -> bool:
        """Tell whether the end of each transaction so far is written, which is when it can be read."""
        partition = TopicPartition(topics.physical(SOURCE), 0)
        ends: list[int] = []
        for committed in (False, True):
            reader = topics.reader(committed=committed)
            await reader.start()
            ends.append((await reader.end_offsets([partition]))[partition])
            await reader.stop()
        return ends[0] == ends[1]

    try:
        assert await unread.look({SOURCE: 0, SECOND_SOURCE: 0}) == {}
        async with writer.transaction():
            for value in (b"1", b"2"):
                await writer.send_and_wait(topics.physical(SOURCE), value)
        await until(is_decided, within=10, what="the end of the transaction")
        assert await unread.look({SOURCE: 0, SECOND_SOURCE: 0}) == {SOURCE: 3}
        assert await unread.look({SOURCE: 1, SECOND_SOURCE: 0}) == {SOURCE: 3}
        for _ in range(2):  # behind the last record stands the end of its transaction
            assert await unread.look({SOURCE: 2, SECOND_SOURCE: 0}) == {}
        await writer.begin_transaction()
        await writer.send_and_wait(topics.physical(SOURCE), b"3")
        await writer.abort_transaction()
        await until(is_decided, within=10, what="the end of the transaction")
        assert await unread.look({SOURCE: 2, SECOND_SOURCE: 0}) == {}
    finally:
        await writer.stop()
        await unread.close()


async def test_where_no_broker_is_nothing_is_known_of_what_is_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.runtime.unread.ANSWER_SECONDS", 0.5)
    unread = Unread(Kafka("127.0.0.1:1", "nobody."), [SOURCE])
    assert await unread.look({SOURCE: 0}) is None
    await unread.close()


async def test_the_gate_waits_for_a_transaction_of_which_the_end_is_not_written_yet(topics: Kafka) -> None:
    applied: list[bytes] = []
    table = TableReader(topics, TABLE, lambda key, _: applied.append(key))
    gate = Gate(topics, "nobody", [SOURCE], table, Heard(), 30)
    writer = AIOKafkaProducer(bootstrap_servers=topics.bootstrap, transactional_id=topics.prefix)
    await writer.start()
    reading = asyncio.create_task(table.run())
    try:
        async with writer.transaction():
            await writer.send_and_wait(topics.physical(TABLE), key=b"first", value=b"")
            await table.ready.wait()
            opening = asyncio.create_task(gate.run())
            opened, _ = await asyncio.wait([opening], timeout=1)
            assert (opened, applied) == (set(), [])
        await opening
        assert applied == [b"first"]
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        await writer.stop()


async def test_after_its_timeout_the_gate_still_waits_until_the_table_has_been_read_and_prepared(topics: Kafka) -> None:
    await produce(topics, TABLE, [(0, b"first", b"")])
    applied: list[bytes] = []
    table = TableReader(topics, TABLE, lambda key, _: applied.append(key))
    heard = Heard()
    prepared: list[tuple[bool, list[bytes]]] = []

    def prepare() -> Iterator[None]:
        for _ in range(2):
            prepared.append((gate.is_open, list(applied)))
            yield

    gate = Gate(topics, "nobody", [SOURCE], table, heard, 0.1, prepare)
    opening = asyncio.create_task(gate.run())
    await eventually(lambda: heard.timeouts == 1, what="the timeout")
    assert not gate.is_open
    reading = asyncio.create_task(table.run())
    await opening
    assert (gate.is_open, applied) == (True, [b"first"])
    assert prepared == [(False, [b"first"])] * 2
    reading.cancel()
    await asyncio.wait([reading])


async def test_markers_of_transactions_are_no_lag(topics: Kafka) -> None:
    writer = AIOKafkaProducer(bootstrap_servers=topics.bootstrap, transactional_id=topics.prefix)
    await writer.start()
    try:
        async with writer.transaction():
            await writer.send_and_wait(topics.physical(SOURCE), key=b"a", value=b"1")
    finally:
        await writer.stop()
    async with copy_worker(topics) as worker:
        await eventually(lambda: worker.heard.records == 1, what="the record")
        heard, reader = HeardLag(), topics.reader()
        monitor = LagMonitor(topics, worker.tasks, heard)
        await reader.start()
        try:
            await monitor.measure(reader)
            await monitor.measure(reader)
        finally:
            await reader.stop()
    assert heard.lags == {TopicPartition(topics.physical(topic), 0): 0 for topic in (SOURCE, SECOND_SOURCE)}


async def test_what_stands_behind_a_task_that_stands_still_is_lag_and_what_was_deleted_is_not(topics: Kafka) -> None:
    source, second = (TopicPartition(topics.physical(topic), 0) for topic in (SOURCE, SECOND_SOURCE))
    await produce(topics, SOURCE, [(0, b"a", b"1"), (0, b"a", b"2")])
    await produce(topics, SECOND_SOURCE, [(0, b"a", b"3"), (0, b"a", b"4"), (0, b"a", b"5")])
    admin = AIOKafkaAdminClient(bootstrap_servers=topics.bootstrap)
    await admin.start()
    await admin.delete_records({second: RecordsToDelete(before_offset=2)})
    await admin.close()

    still = SimpleNamespace(positions={source: 1, second: None})
    heard, reader = HeardLag(), topics.reader()
    monitor = LagMonitor(topics, cast("Tasks", SimpleNamespace(owned=[still])), heard)
    await reader.start()
    try:
        await monitor.measure(reader)
        await monitor.measure(reader)
    finally:
        await reader.stop()
    assert heard.lags == {source: 1, second: 1}
