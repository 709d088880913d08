"""One task: a kind and a partition, its producer, its stores, its processor and the slices that wait for it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from time import perf_counter
from typing import Any, Protocol

import structlog
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import TopicPartition

from streamproc.clock import now_milliseconds
from streamproc.errors import FatalError
from streamproc.processing.processor import Headers, Output, Processor, Slice
from streamproc.runtime.chunks import Chunk, WaitingSlices
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.listener import Listener
from streamproc.runtime.patience import patiently
from streamproc.runtime.producer import Lane, TaskProducer, as_fenced
from streamproc.runtime.restore import read_to_end
from streamproc.runtime.slices import FetchedSlice
from streamproc.runtime.store import StateStore, TaskStore
from streamproc.runtime.turns import Turn, Turns

log = structlog.get_logger(__name__)

BACKOFF_SECONDS = 0.1
BACKOFF_LIMIT_SECONDS = 5.0
# How long a rebalance waits for the chunk in hand. If that is not enough the brokers do not answer, and the next
# owner's fence ends the transaction.
SUSPEND_SECONDS = 10.0

SEEK_AGAIN_SECONDS = 0.05
# The machine's clock can be moved while a task waits for a time: it is looked at again after so long.
CLOCK_SECONDS = 0.5
NO_HEADERS: Headers = []

Stores = Mapping[str, TaskStore]


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What tasks of one kind are made of. Topics are logical names; a store is named after its changelog topic."""

    kind: str
    sources: tuple[str, ...]
    stores: tuple[str, ...]
    build: Callable[[int, Stores], Processor]
    #: Awaited before the first chunk, by tasks that need tables read to their end.
    gate: Callable[[], Awaitable[None]] | None = None
    #: Awaited before each chunk or step is decided: gets the processor what it needs from elsewhere. It may take any
    #: time and fail in no way; a rebalance does not wait for it.
    prepare: Callable[[Any, Sequence[Slice]], Awaitable[None]] | None = None
    #: Records in one chunk at most, where deciding one takes long: no other task of the worker gets on meanwhile.
    chunk_records: int | None = None


def in_memory(_name: str, _partition: int) -> TaskStore:
    """Make a store in memory."""
    return StateStore()


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """Names, sizes and times that all tasks share; `make_store` makes a store by its name and partition."""

    group_id: str
    chunk_records: int
    linger_seconds: float
    transaction_timeout_seconds: float
    make_store: Callable[[str, int], TaskStore] = in_memory


class TaskState(StrEnum):
    """Where a task is in its life."""

    STARTING = "starting"
    RESTORING = "restoring"
    WAITING = "waiting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class GroupConsumer(Protocol):
    """What a task needs of the group: what is committed, and to move the consumer there."""

    async def committed(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int | None]:
        """Return the committed offsets; None where there is none."""

    async def seek(self, positions: Mapping[TopicPartition, int | None]) -> None:
        """Move the consumer; None is the beginning. Raises IllegalStateError if a partition is not assigned."""


class Task:
    """Steps 2 to 10 of the protocol (see the package) for one partition.

    Chunks of records and steps of long work take turns, so that neither waits for more than one of the other.
    """

    def __init__(
        self,
        spec: TaskSpec,
        partition: int,
        kafka: Kafka,
        options: TaskOptions,
        group: GroupConsumer,
        listener: Listener,
        turns: Turns,
    ) -> None:
        self.spec = spec
        self.partition = partition
        self.sources = {TopicPartition(kafka.physical(topic), partition): topic for topic in spec.sources}
        self.state = TaskState.STARTING
        self._kafka = kafka
        self._options = options
        self._chunk_records = min(options.chunk_records, spec.chunk_records or options.chunk_records)
        self._group = group
        self._listener = listener
        self._turns = turns
        #: Asked for while long work is due.
        self._turn: Turn | None = None
        self._producer = TaskProducer(
            kafka,
            transactional_id=f"{options.group_id}.{spec.kind}.{partition}",
            group_id=options.group_id,
            transaction_timeout_seconds=options.transaction_timeout_seconds,
        )
        self._stores: Stores = {name: options.make_store(name, partition) for name in spec.stores}
        self._processor: Processor | None = None
        self.positions: dict[TopicPartition, int | None] = {}
        #: By source, from where the next slice has to be.
        self._accepted: dict[TopicPartition, int | None] = {}
        self._waiting = WaitingSlices(limit=2 * self._chunk_records)
        self._assigned = asyncio.Event()
        self._assigned.set()
        #: Counts what the group has said, so that a seek from before its last word is not taken for one after it.
        self._assignments = 0
        self._idle = asyncio.Event()
        self._idle.set()
        #: Set while the task is suspended: what only prepares is not waited for.
        self._leaving = asyncio.Event()

    @property
    def name(self) -> str:
        """Kind and partition, for people."""
        return f"{self.spec.kind}.{self.partition}"

    @property
    def has_room(self) -> bool:
        """Say whether another slice may be fetched for this task."""
        return self.state is TaskState.RUNNING and self._waiting.has_room

    def accept(self, source: TopicPartition, records: FetchedSlice, done: Callable[[], object]) -> None:
        """Take a fetched slice; `done` is called once its last record is committed, or when the slice is dropped.

        Raises `FatalError` when a slice before this one was lost on its way here: a restart fetches it again.
        """
        if self.state is not TaskState.RUNNING:
            done()
            return
        self._check_place(source, records)
        self._accepted[source] = records.end
        self._waiting.add(source, records, done)

    def _check_place(self, source: TopicPartition, records: FetchedSlice) -> None:
        expected = self._accepted[source]
        if records.start == expected or (expected is None and records.moved):
            return
        if expected is not None and records.start > expected and records.moved:
            # Nothing on this side moves the consumer forward: the broker has deleted what came next.
            log.error("records_deleted_unread", source=source.topic, partition=source.partition,
                      first=expected, last=records.start - 1)  # fmt: skip
            return
        raise FatalError(
            f"task {self.name} got {source.topic} from offset {records.start}, "
            f"and {expected or 'its beginning'} had to come next"
        )

    async def run(self) -> None:
        """Make the task ready, then do chunk after chunk; ends only by an exception or by being cancelled."""
        await self._fence_and_restore()
        while True:
            await self._open()
            try:
                while self.state is TaskState.RUNNING:
                    await self._until_needed()
                    await self._next_chunk()
                    await self._next_step()
            finally:
                self._give_turn_back()

    async def suspend(self) -> None:
        """Finish the chunk in hand, drop what waits, and wait to be resumed or closed."""
        self._assigned.clear()
        self._leaving.set()
        if self.state is TaskState.RUNNING:
            self._become(TaskState.SUSPENDED)
        self._waiting.drop()
        try:
            await asyncio.wait_for(self._idle.wait(), SUSPEND_SECONDS)
        except TimeoutError:
            log.warning("chunk_not_finished_in_time", task=self.name, seconds=SUSPEND_SECONDS)

    def resume(self) -> None:
        """Go on where the task was: its partitions have come back to this worker.

        Each assignment leaves the consumer at a position of its own choice, so the task seeks also if it runs.
        """
        self._assignments += 1
        if self.state is TaskState.RUNNING:
            self._become(TaskState.SUSPENDED)
            self._waiting.drop()
        self._leaving.clear()
        self._assigned.set()

    async def close(self) -> None:
        """Let the connections go; call it when `run` has ended."""
        self._waiting.drop()
        self._become(TaskState.CLOSED)
        for store in self._stores.values():
            store.close()
        await self._producer.stop()

    async def _fence_and_restore(self) -> None:
        self._become(TaskState.STARTING)
        await patiently(f"fencing task {self.name}", self._producer.start)
        self.positions = await patiently(
            f"reading the committed offsets of task {self.name}", lambda: self._group.committed(list(self.sources))
        )
        self._become(TaskState.RESTORING)
        for name, store in self._stores.items():
            await self._restore(name, store)
        if self.spec.gate is not None:
            self._become(TaskState.WAITING)
            await self.spec.gate()
        self._processor = self.spec.build(self.partition, self._stores)

    async def _restore(self, name: str, store: TaskStore) -> None:
        def progress(done: int, total: int) -> None:
            self._listener.restore_progress(self.spec.kind, self.partition, name, done, total)

        async def read() -> int:
            store.clear()
            records = await read_to_end(self._kafka, name, self.partition, store.restore, progress)
            for _ in store.put_in_order():
                await asyncio.sleep(0)
            return records

        started = perf_counter()
        records = await patiently(f"restoring {name} of task {self.name}", read)
        log.info(
            "store_restored", task=self.name, store=name, records=records, keys=len(store),
            seconds=round(perf_counter() - started, 3),
        )  # fmt: skip

    async def _open(self) -> None:
        """Move the consumer to where this task stands and let its partitions through."""
        while True:
            await self._assigned.wait()
            assignment = self._assignments
            try:
                await self._group.seek(self.positions)
            except IllegalStateError:
                # The next rebalance has already begun; it ends in a resume, or in this task being closed.
                await asyncio.sleep(SEEK_AGAIN_SECONDS)
                continue
            if self._assigned.is_set() and assignment == self._assignments:
                self._accepted = dict(self.positions)
                self._become(TaskState.RUNNING)
                return

    def _is_due(self) -> bool:
        """Tell whether the processor wants a step of long work now."""
        return self._until_due() == 0

    def _until_due(self) -> float | None:
        """Return after how many seconds to look whether a step is due, 0 when one is; None: not by the clock."""
        assert self._processor is not None
        wake_at = self._processor.wake_at
        if wake_at is None:
            return None
        return min(max(wake_at - now_milliseconds(), 0) / 1000, CLOCK_SECONDS)

    async def _until_needed(self) -> None:
        """Return when slices wait or were dropped, or when it is this task's turn for a step that is due."""
        while True:
            seconds = self._until_due()
            if seconds == 0 and self._turn is None:
                self._turn = self._turns.ask(self._waiting.wake)
            if self._waiting.has_news or self._has_turn:
                return
            await self._waiting.wait(None if seconds == 0 else seconds)

    @property
    def _has_turn(self) -> bool:
        return self._turn is not None and self._turn.is_granted

    def _give_turn_back(self) -> None:
        if self._turn is not None:
            self._turns.give_back(self._turn)
            self._turn = None

    async def _next_step(self) -> None:
        """Do a step of long work, if it is due and this task's turn."""
        if self.state is TaskState.RUNNING and self._has_turn:
            if self._is_due():
                await self._take_in_hand(Chunk())
            self._give_turn_back()

    async def _next_chunk(self) -> None:
        """Do what waits, if anything does."""
        is_short = 0 < self._waiting.records < self._chunk_records
        # With long work at hand its next step is company enough.
        if self._options.linger_seconds and is_short and not self._is_due():
            await asyncio.sleep(self._options.linger_seconds)
        chunk = self._waiting.take(self._chunk_records)
        if chunk is not None:
            await self._take_in_hand(chunk)

    async def _take_in_hand(self, chunk: Chunk) -> None:
        """Do a chunk, or a step if it is empty. A rebalance waits for it."""
        self._idle.clear()
        try:
            await self._do(chunk)
        finally:
            # Also after a fatal error: to Faust this says "no longer in hand", and commits nothing.
            for done in chunk.finished:
                done()
            self._idle.set()

    async def _do(self, chunk: Chunk) -> None:
        slices = [Slice(self.sources[source], self.partition, records) for source, records in chunk.slices]
        backoff = BACKOFF_SECONDS
        started = perf_counter()
        while True:
            if not await self._prepare(slices):
                return
            try:
                now = now_milliseconds()
                assert self._processor is not None
                output = self._processor.process(slices, now)
                decided = perf_counter()
                await self._commit(output, chunk, now)
                break
            except KafkaError as error:
                await self._roll_back(error)
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, BACKOFF_LIMIT_SECONDS)
        ended = perf_counter()
        for store in self._stores.values():
            store.commit()
        self.positions.update(chunk.ends)
        if output.levels or output.observed:
            self._listener.measured(output.levels, output.observed)
        seconds = {"seconds": ended - started, "transaction_seconds": ended - decided}
        if not slices:
            self._listener.step_committed(self.spec.kind, self.partition, counts=output.counts, **seconds)
            return
        self._listener.chunk_committed(
            self.spec.kind, self.partition, records=chunk.records, counts=output.counts,
            delay_seconds=(now - slices[0].records[0].timestamp) / 1000 + (ended - decided), **seconds,
        )  # fmt: skip

    async def _prepare(self, slices: Sequence[Slice]) -> bool:
        """Get the processor what it needs; False when the task is suspended first. Its chunk is then fetched again."""
        if self.spec.prepare is None:
            return True
        preparing = asyncio.ensure_future(self.spec.prepare(self._processor, slices))
        leaving = asyncio.ensure_future(self._leaving.wait())
        try:
            await asyncio.wait({preparing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not preparing.done():
                return False
            preparing.result()
            return True
        finally:
            leaving.cancel()
            preparing.cancel()

    async def _commit(self, output: Output, chunk: Chunk, now: int) -> None:
        await self._producer.commit(self._lanes(output), chunk.ends, now)

    def _lanes(self, output: Output) -> Iterator[Lane]:
        """Take the records out of the output, lane by lane, and yield them with those of the changelogs."""
        for topic, partition in list(output.records):
            yield topic, partition, output.records.pop((topic, partition))
        for name, store in self._stores.items():
            yield name, self.partition, [(key, value, NO_HEADERS) for key, value in store.staged.items()]

    async def _roll_back(self, error: KafkaError) -> None:
        fenced = as_fenced(error)
        if fenced is not None:
            raise fenced from error
        log.warning("transaction_aborted", task=self.name, error=repr(error))
        self._listener.transaction_aborted(self.spec.kind, self.partition, error)
        try:
            await self._producer.abort()
        except KafkaError as second:
            told = f"task {self.name} could not abort after {error!r}: {second!r}"
            raise as_fenced(second) or FatalError(told) from second
        for store in self._stores.values():
            store.rollback()
        self._processor = self.spec.build(self.partition, self._stores)

    def _become(self, state: TaskState) -> None:
        self.state = state
        self._listener.task_state(self.spec.kind, self.partition, state)
