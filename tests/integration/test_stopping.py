"""Stopping a worker on a real broker."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer

from streamproc.errors import TaskFenced
from streamproc.local.kafka import LocalKafka
from streamproc.processing.processor import Output, Slice
from streamproc.runtime.host import LEAVE_SECONDS
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.task import TaskSpec
from tests.support.eventually import eventually
from tests.support.runtime import (
    COPY_SPEC,
    COPY_WORKER_MARKS,
    COUNTS,
    SECOND_SOURCE,
    SOURCE,
    CopyProcessor,
    Worker,
    copy_worker,
    make_copy_topics,
    produce,
)

pytestmark = COPY_WORKER_MARKS


async def test_a_chunk_that_fails_for_good_while_the_worker_stops_is_no_clean_stop(
    kafka: str, topic_prefix: str
) -> None:
    topics = Kafka(kafka, topic_prefix)
    await make_copy_topics(topics)
    workers: list[Worker] = []

    class Stopping(CopyProcessor):
        """Tells the worker to stop while its chunk is in hand."""

        def process(self, slices: Sequence[Slice], now: int) -> Output:
            workers[0].stop.set()
            return super().process(slices, now)

    spec = TaskSpec("copy", (SOURCE, SECOND_SOURCE), (COUNTS,), lambda _, stores: Stopping(0, stores[COUNTS]))
    async with copy_worker(topics, spec=spec) as worker:
        workers.append(worker)
        await eventually(lambda: bool(worker.tasks.owned) and worker.tasks.ready)
        usurper = AIOKafkaProducer(bootstrap_servers=topics.bootstrap, transactional_id="copy-app.copy.0")
        await usurper.start()
        await usurper.stop()
        await produce(topics, SOURCE, [(0, b"key", b"1")])
        with pytest.raises(TaskFenced):
            await asyncio.wait_for(worker.running, 30)


async def test_a_task_that_does_not_hear_of_its_end_the_first_time_does_not_hold_the_stop_up(
    kafka: str, topic_prefix: str
) -> None:
    """A client that was just being stopped in the task has taken the cancellation for its own."""
    topics = Kafka(kafka, topic_prefix)
    await make_copy_topics(topics)
    unheard: list[asyncio.CancelledError] = []

    async def deaf() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as cancelled:
            unheard.append(cancelled)

    async with copy_worker(topics, spec=replace(COPY_SPEC, gate=deaf)) as worker:
        await eventually(lambda: "waiting" in worker.heard.states.values())
        worker.stop.set()
        assert await asyncio.wait_for(worker.running, LEAVE_SECONDS / 2)
        assert unheard


# A worker process would be gone by then; here Faust's consumer thread is cut off by the end of the test's event loop.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_stop_while_the_broker_is_away_is_a_clean_one_and_ends_in_time() -> None:
    with LocalKafka() as broker:
        topics = Kafka(broker.bootstrap, "stopping.")
        await make_copy_topics(topics)
        async with copy_worker(topics) as worker:
            await eventually(lambda: bool(worker.tasks.owned) and worker.tasks.ready)
            broker.kill()
            worker.stop.set()
            ended, _ = await asyncio.wait([worker.running], timeout=28)
            assert ended == {worker.running}
            assert worker.running.exception() is None
            await asyncio.to_thread(broker.start)  # so that what is left of the worker's clients can be let go
