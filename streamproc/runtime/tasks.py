"""The tasks of this worker: made, suspended, resumed and closed as the assignment changes.

This is the `Flow` of the chunk transport. One failing task ends the worker (`on_fatal`).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition

from streamproc.errors import FatalError
from streamproc.runtime.cancelling import cancel_and_wait
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.listener import Listener
from streamproc.runtime.offsets import committed_offsets
from streamproc.runtime.patience import patiently
from streamproc.runtime.slices import FetchedSlice
from streamproc.runtime.task import Task, TaskOptions, TaskSpec, TaskState
from streamproc.runtime.transport import SeekableConsumer
from streamproc.runtime.turns import Turns

log = structlog.get_logger(__name__)

# Of tasks of one kind: one decides while the other waits for the brokers. With more, live records wait longer for the
# processor and little more gets done; with one, the processor waits as well.
STEPS_AT_ONCE = 2

TaskId = tuple[str, int]


class Tasks:
    """All tasks that this worker owns at present."""

    def __init__(
        self,
        specs: Sequence[TaskSpec],
        kafka: Kafka,
        options: TaskOptions,
        listener: Listener,
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self._kafka = kafka
        self._options = options
        self._listener = listener
        self._on_fatal = on_fatal
        #: Logical topics, grouped by the kind of task that reads or keeps them: each group is co-partitioned.
        self.topics_together = [(*spec.sources, *spec.stores) for spec in specs]
        self._spec_by_topic = {kafka.physical(topic): spec for spec in specs for topic in spec.sources}
        self._turns = {spec.kind: Turns(STEPS_AT_ONCE) for spec in specs}
        self._tasks: dict[TaskId, Task] = {}
        self._runs: dict[TaskId, asyncio.Task[None]] = {}
        self._by_source: dict[TopicPartition, Task] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._admin: AIOKafkaAdminClient = kafka.admin()
        self._consumer: SeekableConsumer | None = None

    @property
    def owned(self) -> list[Task]:
        """The tasks owned now, whatever their state."""
        return list(self._tasks.values())

    @property
    def ready(self) -> bool:
        """Say whether every owned task processes; also true for a worker that was assigned nothing."""
        return all(task.state is TaskState.RUNNING for task in self._tasks.values())

    async def start(self) -> None:
        """Connect to the brokers."""
        await patiently("connecting", self._admin.start)

    async def stop(self) -> None:
        """Commit the chunks in hand, drop the rest, let go of everything."""
        self._stopping = True
        await self.on_revoked()
        for task_id in list(self._tasks):
            self._close(task_id)
        await asyncio.gather(*self._closing)
        await self._admin.close()

    # What the transport asks and tells (transport.Flow)

    def bind(self, consumer: SeekableConsumer) -> None:
        """Take the consumer that Faust has just made."""
        self._consumer = consumer

    def has_room(self, tp: TopicPartition) -> bool:
        """Say whether another slice of this partition may be fetched now."""
        task = self._by_source.get(tp)
        return task is not None and task.has_room

    async def on_revoked(self) -> None:
        """Finish the chunks in hand."""
        await asyncio.gather(*(task.suspend() for task in self._tasks.values()))

    def on_assigned(self, assignment: frozenset[TopicPartition]) -> None:
        """Close the tasks that went elsewhere, resume those that stayed, and begin those that are new."""
        if self._stopping:
            return
        try:
            wanted = self._tasks_of(assignment)
        except FatalError as error:
            self._on_fatal(error)
            return
        for task_id in self._tasks.keys() - wanted.keys():
            self._close(task_id)
        for task_id, spec in sorted(wanted.items()):
            if task_id in self._tasks:
                self._tasks[task_id].resume()
            else:
                self._begin(task_id, spec)
        self._listener.assigned()
        log.info("assigned", tasks=sorted(f"{kind}.{partition}" for kind, partition in self._tasks))

    def deliver(self, tp: TopicPartition, records: FetchedSlice, done: Callable[[], object]) -> None:
        """Hand a slice to its task. A slice for a task that is gone is let go."""
        task = self._by_source.get(tp)
        if task is None:
            done()
            return
        try:
            task.accept(tp, records, done)
        except FatalError as error:
            # It must not leave the agent: Faust would restart the agent and go on.
            self._on_fatal(error)
            done()

    # What the tasks ask (task.GroupConsumer)

    async def committed(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int | None]:
        """Return the group's committed offsets."""
        return await committed_offsets(self._admin, self._options.group_id, partitions)

    async def seek(self, positions: Mapping[TopicPartition, int | None]) -> None:
        """Move the group's consumer."""
        assert self._consumer is not None
        await self._consumer.seek_all(positions)

    # Life cycle

    def _tasks_of(self, assignment: frozenset[TopicPartition]) -> dict[TaskId, TaskSpec]:
        wanted = {
            (spec.kind, tp.partition): spec
            for tp in assignment
            if (spec := self._spec_by_topic.get(tp.topic)) is not None
        }
        for (kind, partition), spec in wanted.items():
            apart = [topic for topic in spec.sources if (self._kafka.physical(topic), partition) not in assignment]
            if apart:
                raise FatalError(
                    f"task {kind}.{partition} was assigned without its partition of {', '.join(apart)}; "
                    "all topics of a task need the same number of partitions (streamproc topics check)"
                )
        return wanted

    def _begin(self, task_id: TaskId, spec: TaskSpec) -> None:
        task = Task(spec, task_id[1], self._kafka, self._options, self, self._listener, self._turns[spec.kind])
        self._tasks[task_id] = task
        self._by_source.update(dict.fromkeys(task.sources, task))
        run = asyncio.create_task(task.run(), name=f"task {task.name}")
        run.add_done_callback(self._on_run_ended)
        self._runs[task_id] = run

    def _close(self, task_id: TaskId) -> None:
        task = self._tasks.pop(task_id)
        run = self._runs.pop(task_id)
        for source in task.sources:
            del self._by_source[source]
        closing = asyncio.create_task(_close(task, run), name=f"close {task.name}")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _on_run_ended(self, run: "asyncio.Task[None]") -> None:
        if not run.cancelled() and (error := run.exception()) is not None:
            self._on_fatal(error)


async def _close(task: Task, run: "asyncio.Task[None]") -> None:
    await cancel_and_wait(run)
    try:
        await task.close()
    except Exception:
        # Nobody waits for this but a stop, and what was committed is committed.
        log.exception("task_not_closed", task=task.name)
