"""Steps of long work on a real broker: in time, in turns with the chunks of records, and each exactly once."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from streamproc.clock import now_milliseconds
from streamproc.processing.processor import Output, Slice
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.store import TaskStore
from streamproc.runtime.task import Stores, TaskSpec
from streamproc.runtime.tasks import STEPS_AT_ONCE
from tests.support.eventually import eventually
from tests.support.runtime import (
    COPIES,
    COPY_WORKER_MARKS,
    COUNTS,
    SECOND_SOURCE,
    SOURCE,
    CopyProcessor,
    copy_worker,
    make_copy_topics,
    produce,
    read_partition,
)

pytestmark = COPY_WORKER_MARKS

CURSOR = b"cursor"
SOON_MILLISECONDS = 700
STEPS = 600  # many more than are taken before the records have come


class Walking(CopyProcessor):
    """Copies records, and counts up to `end` beside, one number a step; the cursor is in its store."""

    def __init__(self, counts: TaskStore, end: int) -> None:
        super().__init__(0, counts)
        self._end = end

    @property
    def wake_at(self) -> int | None:  # type: ignore[override]
        return 0 if self._next < self._end else None

    @property
    def _next(self) -> int:
        return int(self._counts.get(CURSOR) or b"0")

    def process(self, slices: Sequence[Slice], now: int) -> Output:
        if slices:
            return super().process(slices, now)
        output = Output()
        output.lane(COPIES, 0).append((CURSOR, b"%d" % self._next, []))
        self._counts.put(CURSOR, b"%d" % (self._next + 1))
        return output


@pytest.fixture
async def topics(kafka: str, topic_prefix: str) -> Kafka:
    """The topics of the copy worker, with one partition."""
    cluster = Kafka(kafka, topic_prefix)
    await make_copy_topics(cluster)
    return cluster


def walking(end: int) -> TaskSpec:
    return TaskSpec("copy", (SOURCE, SECOND_SOURCE), (COUNTS,), lambda _, stores: Walking(stores[COUNTS], end))


async def test_steps_go_on_where_the_last_committed_one_stopped_and_take_turns_with_chunks(topics: Kafka) -> None:
    await produce(topics, SOURCE, [(0, b"record", b"%d" % n) for n in range(100)])
    async with copy_worker(topics, spec=walking(STEPS), chunk_records=1) as first:
        await eventually(lambda: first.heard.steps > 10 and first.heard.records > 10)
    async with copy_worker(topics, spec=walking(STEPS), chunk_records=1) as second:
        await eventually(lambda: first.heard.steps + second.heard.steps == STEPS)
        await eventually(lambda: first.heard.records + second.heard.records == 100)
    lane = await read_partition(topics, COPIES, 0)
    for key, count in ((b"record", 100), (CURSOR, STEPS)):
        assert [int(value or b"") for found, value in lane if found == key] == list(range(count))
    both = [key for key, _ in lane]
    together = both[both.index(b"record") : len(both) - both[::-1].index(b"record")]
    # Neither waits for more than one of the other, but for records that were not there yet after a start.
    pairs = list(pairwise(together))
    assert (b"record", b"record") not in pairs
    assert sum(one == other for one, other in pairs) <= len(pairs) / 2


async def test_a_step_comes_when_its_time_has_come_and_the_processor_is_asked_anew_after_each(topics: Kafka) -> None:
    due: list[int] = []
    taken: list[int] = []

    class Timed(CopyProcessor):
        """Takes one step, some time after the first record."""

        def process(self, slices: Sequence[Slice], now: int) -> Output:
            if slices:
                self.wake_at = now + SOON_MILLISECONDS
                due.append(self.wake_at)
                return super().process(slices, now)
            self.wake_at = None
            taken.append(now)
            return Output()

    spec = TaskSpec("copy", (SOURCE, SECOND_SOURCE), (COUNTS,), lambda _, stores: Timed(0, stores[COUNTS]))
    async with copy_worker(topics, spec=spec) as worker:
        await produce(topics, SOURCE, [(0, b"record", b"1")])
        await eventually(lambda: worker.heard.steps > 0)
        await produce(topics, SOURCE, [(0, b"record", b"2")])
        await eventually(lambda: worker.heard.steps > 1)
        assert len(due) == len(taken) == 2
        assert all(0 <= at - wanted < 3000 for wanted, at in zip(due, taken, strict=True))
        assert now_milliseconds() >= due[-1]


async def test_few_tasks_have_a_step_in_hand_at_once_and_the_others_take_records_meanwhile(
    kafka: str, topic_prefix: str
) -> None:
    partitions = 4
    cluster = Kafka(kafka, topic_prefix)
    await make_copy_topics(cluster, partitions)
    go_on = asyncio.Event()
    begun: list[Walking] = []

    async def prepare(processor: Walking, slices: Sequence[Slice]) -> None:
        if not slices:
            begun.append(processor)
            await go_on.wait()

    def build(_: int, stores: Stores) -> Walking:
        return Walking(stores[COUNTS], 1)

    spec = TaskSpec("copy", (SOURCE, SECOND_SOURCE), (COUNTS,), build, prepare=prepare)
    async with copy_worker(cluster, spec=spec) as worker:
        await eventually(lambda: len(begun) == STEPS_AT_ONCE)
        await produce(cluster, SOURCE, [(partition, b"record", b"1") for partition in range(partitions)])
        await eventually(lambda: worker.heard.records == partitions - STEPS_AT_ONCE)
        assert (len(begun), worker.heard.steps) == (STEPS_AT_ONCE, 0)
        go_on.set()
        await eventually(lambda: (worker.heard.records, worker.heard.steps) == (partitions, partitions))
