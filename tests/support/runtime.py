"""A worker whose processor copies: the runtime alone, without anything about distributions."""

import asyncio
import contextlib
import gc
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition

from streamproc.agents.handover import add_agent
from streamproc.processing.processor import Output, Slice
from streamproc.runtime.host import Host, build_faust_app
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.restore import read_to_end
from streamproc.runtime.store import TaskStore
from streamproc.runtime.task import TaskOptions, TaskSpec
from streamproc.runtime.tasks import Tasks
from streamproc.runtime.transport import ChunkConsumer

SOURCE = "source"
SECOND_SOURCE = "second-source"
COPIES = "copies"
COUNTS = "counts"
THREAD_LIMIT_SECONDS = 30.0

#: What tests of a worker in their own process are marked with.
COPY_WORKER_MARKS = [
    pytest.mark.broker,
    # Faust leaves sockets and transports of its consumer thread to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class CopyProcessor:
    """Copies each record to `copies` and keeps, by key, how often it was seen."""

    wake_at: int | None = None

    def __init__(self, partition: int, counts: TaskStore) -> None:
        self._partition = partition
        self._counts = counts

    def process(self, slices: Sequence[Slice], now: int) -> Output:  # noqa: ARG002  (the seam)
        output = Output()
        lane = output.lane(COPIES, self._partition)
        for piece in slices:
            for record in piece.records:
                assert record.key is not None
                seen = int(self._counts.get(record.key) or b"0") + 1
                self._counts.put(record.key, str(seen).encode())
                lane.append((record.key, record.value, []))
        return output


@dataclass
class Heard:
    """A listener that remembers."""

    states: dict[tuple[str, int], str] = field(default_factory=dict)
    aborted: list[BaseException] = field(default_factory=list)
    records: int = 0
    steps: int = 0
    assignments: int = 0
    timeouts: int = 0

    def chunk_committed(
        self,
        kind: str,  # noqa: ARG002
        partition: int,  # noqa: ARG002
        *,
        records: int,
        counts: Counter[tuple[str, ...]],  # noqa: ARG002
        seconds: float,  # noqa: ARG002
        transaction_seconds: float,  # noqa: ARG002
        delay_seconds: float,  # noqa: ARG002
    ) -> None:
        self.records += records

    def step_committed(
        self,
        kind: str,  # noqa: ARG002
        partition: int,  # noqa: ARG002
        *,
        counts: Counter[tuple[str, ...]],  # noqa: ARG002
        seconds: float,  # noqa: ARG002
        transaction_seconds: float,  # noqa: ARG002
    ) -> None:
        self.steps += 1

    def measured(self, levels: Mapping[tuple[str, ...], int], observed: Sequence[tuple[str, float]]) -> None: ...

    def transaction_aborted(self, kind: str, partition: int, error: BaseException) -> None:  # noqa: ARG002
        self.aborted.append(error)

    def task_state(self, kind: str, partition: int, state: str) -> None:
        self.states[kind, partition] = state

    def restore_progress(self, kind: str, partition: int, store: str, done: int, total: int) -> None: ...

    def lag(self, lags: Mapping[TopicPartition, int]) -> None: ...

    def brokers_answer(self, *, answer: bool) -> None: ...

    def assigned(self) -> None:
        self.assignments += 1

    def gate_timed_out(self, seconds: float) -> None:  # noqa: ARG002
        self.timeouts += 1


@dataclass(eq=False)
class Worker:
    """A running copy worker."""

    host: Host
    tasks: Tasks
    heard: Heard
    running: "asyncio.Task[bool]"
    stop: asyncio.Event


COPY_SPEC = TaskSpec(
    "copy", (SOURCE, SECOND_SOURCE), (COUNTS,), lambda partition, stores: CopyProcessor(partition, stores[COUNTS])
)


@contextlib.asynccontextmanager
async def copy_worker(kafka: Kafka, *, spec: TaskSpec = COPY_SPEC, chunk_records: int = 500) -> AsyncIterator[Worker]:
    """Run a worker in this event loop; it is stopped cleanly at the end, unless it has ended by itself."""
    host, heard, stop = Host(), Heard(), asyncio.Event()
    options = TaskOptions("copy-app", chunk_records, 0.0, 60.0)
    tasks = Tasks([spec], kafka, options, heard, host.on_fatal)
    app = build_faust_app(
        group_id="copy-app", bootstrap=kafka.bootstrap, credentials=None, session_timeout_seconds=6.0, tasks=tasks
    )
    add_agent(app, "copy", [kafka.physical(topic) for topic in spec.sources], tasks)
    running = asyncio.create_task(host.run(app, tasks, [], stop))
    try:
        yield Worker(host, tasks, heard, running, stop)
    finally:
        if not running.done():
            stop.set()
            await running
        else:
            # A worker process would be gone by now; here its clients share the test's event loop.
            await tasks.stop()
            await app.stop()
        await _thread_ended(tasks)
        # Faust leaves its threads' loops and sockets to the collector; better here than in the middle of another test.
        del app, tasks
        gc.collect()


async def _thread_ended(tasks: Tasks) -> None:
    """Wait for the consumer's thread. After a stop without the brokers, or a crash, nobody else does.

    Its last words go to this event loop: a test that closes the loop before makes them an error in the next one.
    """
    consumer = tasks._consumer
    thread = consumer._thread._thread if isinstance(consumer, ChunkConsumer) else None
    if thread is not None:
        await asyncio.to_thread(thread.join, THREAD_LIMIT_SECONDS)
        assert not thread.is_alive()


async def make_topics(kafka: Kafka, topics: Mapping[str, int], configs: Mapping[str, str] | None = None) -> None:
    """Create topics by logical name with so many partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.create_topics(
            [
                NewTopic(kafka.physical(name), count, 1, topic_configs=dict(configs or {}))
                for name, count in topics.items()
            ]
        )
    finally:
        await admin.close()


async def make_copy_topics(kafka: Kafka, partitions: int = 1) -> None:
    """Create the topics of a copy worker."""
    await make_topics(kafka, dict.fromkeys((SOURCE, SECOND_SOURCE, COPIES, COUNTS), partitions))


async def produce(kafka: Kafka, topic: str, records: Sequence[tuple[int, bytes, bytes | None]]) -> None:
    """Append (partition, key, value) records and wait for all of them."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, linger_ms=5)
    await producer.start()
    try:
        sent = [
            await producer.send(kafka.physical(topic), key=key, value=value, partition=partition)
            for partition, key, value in records
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def read_partition(kafka: Kafka, topic: str, partition: int) -> list[tuple[bytes, bytes | None]]:
    """Every committed record of one partition, in order."""
    found: list[tuple[bytes, bytes | None]] = []
    await read_to_end(kafka, topic, partition, lambda key, value: found.append((key, value)), lambda _, __: None)
    return found
