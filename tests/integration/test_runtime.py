"""The runtime on a real broker: exactly once, co-partitioned, restored, fenced; with a processor that only copies."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import chain

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import TopicPartition

from streamproc.errors import FatalError, TaskFenced
from streamproc.processing.processor import Output, Slice
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.slices import FetchedSlice
from streamproc.runtime.store import TaskStore
from streamproc.runtime.task import TaskSpec
from streamproc.runtime.transport import ChunkConsumer
from tests.support.eventually import eventually
from tests.support.runtime import (
    COPIES,
    COPY_SPEC,
    COPY_WORKER_MARKS,
    COUNTS,
    SECOND_SOURCE,
    SOURCE,
    CopyProcessor,
    Worker,
    copy_worker,
    make_copy_topics,
    make_topics,
    produce,
    read_partition,
)

pytestmark = COPY_WORKER_MARKS

PARTITIONS = 6


@pytest.fixture
async def topics(kafka: str, topic_prefix: str) -> Kafka:
    """The topics of the copy worker, under a prefix of their own."""
    cluster = Kafka(kafka, topic_prefix)
    await make_copy_topics(cluster, PARTITIONS)
    return cluster


def numbered(first: int, count: int) -> list[tuple[int, bytes, bytes | None]]:
    return [(n % PARTITIONS, b"key-%d" % (n % 50), b"%d" % n) for n in range(first, first + count)]


async def copied(kafka: Kafka) -> list[int]:
    lanes = [await read_partition(kafka, COPIES, partition) for partition in range(PARTITIONS)]
    return [int(value or b"") for lane in lanes for _, value in lane]


async def counted(kafka: Kafka) -> int:
    lanes = [await read_partition(kafka, COUNTS, partition) for partition in range(PARTITIONS)]
    return sum(int(value or b"0") for lane in lanes for value in dict(lane).values())


async def done(*workers: Worker, records: int) -> None:
    def reached() -> bool:
        for worker in workers:
            if worker.running.done():
                worker.running.result()
        return sum(worker.heard.records for worker in workers) >= records

    await eventually(reached, within=60, what=f"{records} records")


async def test_each_record_is_copied_once_in_order_and_a_second_worker_goes_on_where_the_first_stopped(
    topics: Kafka,
) -> None:
    await produce(topics, SOURCE, numbered(0, 3000))
    async with copy_worker(topics) as first:
        await done(first, records=3000)
    await produce(topics, SOURCE, numbered(3000, 500))
    async with copy_worker(topics) as second:
        await done(second, records=500)
    assert sorted(await copied(topics)) == list(range(3500))
    for partition in range(PARTITIONS):
        lane = [int(value or b"") for _, value in await read_partition(topics, COPIES, partition)]
        assert lane == sorted(lane)
    assert await counted(topics) == 3500


async def test_with_one_two_and_three_workers_a_task_has_all_its_sources_and_every_partition_one_owner(
    topics: Kafka,
) -> None:
    await produce(topics, SOURCE, numbered(0, 1000))
    async with AsyncExitStack() as stack:
        workers: list[Worker] = []
        for _ in range(3):
            workers.append(await stack.enter_async_context(copy_worker(topics)))

            def settled() -> bool:
                shares = [[task.partition for task in worker.tasks.owned] for worker in workers]
                return (
                    all(shares)
                    and sorted(chain.from_iterable(shares)) == list(range(PARTITIONS))
                    and all(worker.tasks.ready for worker in workers)
                )

            await eventually(settled, within=60, what="one owner for every partition")
            for worker in workers:
                for task in worker.tasks.owned:
                    assert {tp.partition for tp in task.sources} == {task.partition}
                    assert set(task.sources.values()) == {SOURCE, SECOND_SOURCE}
        await produce(topics, SECOND_SOURCE, numbered(1000, 1000))
        await done(*workers, records=2000)
    assert sorted(await copied(topics)) == list(range(2000))


async def test_a_worker_that_gets_no_partition_knows_it_and_takes_over_later(kafka: str, topic_prefix: str) -> None:
    cluster = Kafka(kafka, topic_prefix)
    await make_copy_topics(cluster, 1)
    async with AsyncExitStack() as one, AsyncExitStack() as other:
        workers = {await stack.enter_async_context(copy_worker(cluster)): stack for stack in (one, other)}

        def settled() -> bool:
            return owned(*workers) == 1 and all(worker.heard.assignments for worker in workers)

        await eventually(settled, within=60, what="an assignment for each")
        spare, owner = sorted(workers, key=owned)
        assert spare.tasks.ready
        await workers[owner].aclose()
        await eventually(lambda: owned(spare) == 1, within=60, what="the other one's partition")
        await produce(cluster, SOURCE, [(0, b"key", b"%d" % n) for n in range(100)])
        await done(spare, records=100)


def owned(*workers: Worker) -> int:
    return sum(len(worker.tasks.owned) for worker in workers)


async def test_records_flow_on_through_workers_that_come_and_go(topics: Kafka) -> None:
    async with copy_worker(topics) as steady:
        sending = asyncio.create_task(send_slowly(topics, 4000))
        for _ in range(2):
            async with copy_worker(topics) as passing:
                await eventually(lambda: bool(passing.tasks.owned), within=60, what="a share of the tasks")
        await sending
        await eventually_copied(topics, 4000, steady)
    assert sorted(await copied(topics)) == list(range(4000))
    assert await counted(topics) == 4000


async def send_slowly(kafka: Kafka, count: int) -> None:
    for first in range(0, count, 200):
        await produce(kafka, SOURCE, numbered(first, 200))


async def eventually_copied(kafka: Kafka, count: int, worker: Worker) -> None:
    while len(await copied(kafka)) < count:
        assert not worker.running.done(), "the worker ended"
        await asyncio.sleep(0.1)


async def test_an_assignment_made_while_the_brokers_told_of_no_topics_is_made_again_at_once(
    topics: Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    async with copy_worker(topics) as worker:
        await produce(topics, SOURCE, numbered(0, 100))
        await done(worker, records=100)
        consumer = worker.tasks._consumer
        assert isinstance(consumer, ChunkConsumer)
        thread = consumer._thread

        client = thread._ensure_consumer()
        cluster = client._client.cluster
        told = cluster.update_metadata

        async def begin_anew_knowing_nothing() -> None:
            cluster._partitions = {}
            cluster.update_metadata = lambda _: None
            client._coordinator.request_rejoin()

        await thread.call_thread(begin_anew_knowing_nothing)
        await eventually(lambda: "Ignoring missing topic" in caplog.text and not client.assignment())
        cluster.update_metadata = told
        await produce(topics, SOURCE, numbered(100, 100))
        await done(worker, records=200)
    assert sorted(await copied(topics)) == list(range(200))


async def test_a_task_that_another_owner_has_fenced_ends_the_worker_and_writes_nothing(topics: Kafka) -> None:
    async with copy_worker(topics) as worker:
        await eventually(lambda: bool(worker.tasks.owned) and worker.tasks.ready)
        usurper = AIOKafkaProducer(bootstrap_servers=topics.bootstrap, transactional_id="copy-app.copy.0")
        await usurper.start()
        await usurper.stop()
        await produce(topics, SOURCE, [(0, b"key", b"1")])
        with pytest.raises(TaskFenced):
            await asyncio.wait_for(worker.running, 30)
    assert await copied(topics) == []


async def test_an_unknown_exception_of_the_processor_ends_the_worker_and_commits_nothing(topics: Kafka) -> None:
    class Defect(Exception):
        pass

    class Broken:
        wake_at = None

        def process(self, slices: Sequence[Slice], now: int) -> Output:  # noqa: ARG002
            raise Defect

    await produce(topics, SOURCE, numbered(0, 10))
    spec = TaskSpec("copy", (SOURCE, SECOND_SOURCE), (COUNTS,), lambda _, __: Broken())
    async with copy_worker(topics, spec=spec) as worker:
        with pytest.raises(Defect):
            await asyncio.wait_for(worker.running, 30)
    async with copy_worker(topics) as healthy:
        await done(healthy, records=10)
    assert sorted(await copied(topics)) == list(range(10))


async def test_an_abortable_error_is_rolled_back_and_the_chunk_done_again_while_other_partitions_go_on(
    topics: Kafka,
) -> None:
    """The real thing: a record that the output topic refuses until its limit is raised."""
    await limit_record_size(topics, COPIES, 2000)
    await produce(topics, SOURCE, [(0, b"key", b"1"), (0, b"key", b"2" * 5000), (1, b"other", b"3")])
    async with copy_worker(topics) as worker:
        await eventually(lambda: len(worker.heard.aborted) > 0 and worker.heard.records == 1, within=30)
        assert await read_partition(topics, COPIES, 0) == []
        assert await read_partition(topics, COPIES, 1) == [(b"other", b"3")]
        await limit_record_size(topics, COPIES, 1_000_000)
        await done(worker, records=3)
    assert await read_partition(topics, COPIES, 0) == [(b"key", b"1"), (b"key", b"2" * 5000)]
    assert dict(await read_partition(topics, COUNTS, 0)) == {b"key": b"2"}


async def limit_record_size(kafka: Kafka, topic: str, size: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, kafka.physical(topic), {"max.message.bytes": str(size)})
        await admin.alter_configs([resource])
    finally:
        await admin.close()


async def test_a_worker_whose_topics_are_not_co_partitioned_ends_with_a_reason(kafka: str, topic_prefix: str) -> None:
    cluster = Kafka(kafka, topic_prefix)
    await make_topics(cluster, {SOURCE: 4, SECOND_SOURCE: 2, COPIES: 4, COUNTS: 4})
    async with copy_worker(cluster) as worker:
        with pytest.raises(FatalError, match="same number of partitions"):
            await asyncio.wait_for(worker.running, 30)


async def test_a_store_is_restored_past_compaction_gaps_and_a_transaction_marker_at_the_end(
    kafka: str, topic_prefix: str
) -> None:
    cluster = Kafka(kafka, topic_prefix)
    await make_topics(cluster, dict.fromkeys((SOURCE, SECOND_SOURCE, COPIES), PARTITIONS))
    compacting = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
    await make_topics(cluster, {COUNTS: PARTITIONS}, compacting)
    expected: Counter[bytes] = Counter()
    total = 0
    for _ in range(6):
        records = numbered(total, 400)
        await produce(cluster, SOURCE, records)
        expected.update(key for _, key, _ in records)
        total += 400
        async with copy_worker(cluster, chunk_records=50) as worker:
            await done(worker, records=400)
    async with copy_worker(cluster) as last:
        await eventually(lambda: len(last.tasks.owned) == PARTITIONS and last.tasks.ready)
        restored: Counter[bytes] = Counter()
        for task in last.tasks.owned:
            store: TaskStore = task._stores[COUNTS]
            restored.update({key: int(value) for key, value in store.items()})
    assert restored == expected


async def test_of_a_transactional_source_only_what_was_committed_is_copied(topics: Kafka) -> None:
    upstream = AIOKafkaProducer(bootstrap_servers=topics.bootstrap, transactional_id="upstream")
    await upstream.start()
    try:
        for first, good in ((0, True), (100, False), (200, True), (300, False)):
            await upstream.begin_transaction()
            for partition, key, value in numbered(first, 100):
                await upstream.send(topics.physical(SOURCE), key=key, value=value, partition=partition)
            await (upstream.commit_transaction() if good else upstream.abort_transaction())
    finally:
        await upstream.stop()
    await produce(topics, SOURCE, numbered(400, 100))
    async with copy_worker(topics, chunk_records=30) as worker:
        await done(worker, records=300)
    assert sorted(await copied(topics)) == [*range(100), *range(200, 300), *range(400, 500)]


async def test_a_worker_goes_on_in_the_middle_of_a_fetched_batch(topics: Kafka) -> None:
    """The committed offset lies inside a batch, which is fetched again whole."""

    class Once:
        """Copies one chunk; the next one ends the worker."""

        wake_at = None

        def __init__(self, partition: int, counts: TaskStore) -> None:
            self._copy = CopyProcessor(partition, counts)
            self._chunks = 0

        def process(self, slices: Sequence[Slice], now: int) -> Output:
            self._chunks += 1
            if self._chunks > 1:
                raise FatalError("enough")
            return self._copy.process(slices, now)

    await produce(topics, SOURCE, [(0, b"key", b"%d" % n) for n in range(100)])
    spec = TaskSpec("copy", (SOURCE, SECOND_SOURCE), (COUNTS,), lambda p, stores: Once(p, stores[COUNTS]))
    for _ in range(3):
        async with copy_worker(topics, spec=spec, chunk_records=7) as worker:
            with pytest.raises(FatalError, match="enough"):
                await asyncio.wait_for(worker.running, 30)
    assert [int(value or b"") for _, value in await read_partition(topics, COPIES, 0)] == list(range(21))


async def test_a_slice_lost_on_its_way_to_the_task_ends_the_worker_and_its_records_come_again(
    topics: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with copy_worker(topics) as worker:
        await eventually(lambda: bool(worker.tasks.owned) and worker.tasks.ready)
        deliver = worker.tasks.deliver

        def lose(_: TopicPartition, __: FetchedSlice, finished: Callable[[], object]) -> None:
            monkeypatch.setattr(worker.tasks, "deliver", deliver)
            finished()

        monkeypatch.setattr(worker.tasks, "deliver", lose)
        await produce(topics, SOURCE, [(0, b"key", b"1")])
        await eventually(lambda: worker.tasks.deliver != lose)
        await produce(topics, SOURCE, [(0, b"key", b"2")])
        with pytest.raises(FatalError, match="had to come next"):
            await asyncio.wait_for(worker.running, 30)
    async with copy_worker(topics) as healthy:
        await done(healthy, records=2)
    assert [value for _, value in await read_partition(topics, COPIES, 0)] == [b"1", b"2"]


async def test_a_kind_of_task_that_takes_long_for_a_record_gets_chunks_of_its_own_size(topics: Kafka) -> None:
    sizes: list[int] = []

    class Counted(CopyProcessor):
        """Notes how much it is given at once."""

        def process(self, slices: Sequence[Slice], now: int) -> Output:
            sizes.append(sum(len(piece.records) for piece in slices))
            return super().process(slices, now)

    await produce(topics, SOURCE, [(0, b"key", b"%d" % number) for number in range(100)])
    spec = replace(COPY_SPEC, build=lambda _, stores: Counted(0, stores[COUNTS]), chunk_records=7)
    async with copy_worker(topics, spec=spec) as worker:
        await done(worker, records=100)
    assert (max(sizes), sum(sizes)) == (7, 100)
    assert len(await read_partition(topics, COPIES, 0)) == 100
