"""Chunk transport: Faust's Kafka transport, changed so that one Faust message is one fetched slice of a partition.

Faust keeps group membership, assignment and life cycle. What changes, and why:

* `getmany` yields one message per partition with the list of raw records as its value: Faust's cost per message (polls,
  callbacks, tasks; about 75 us) is paid once a slice.
* Only partitions that the `Flow` lets through are fetched for, so a slow task stops its own partitions and no other.
* `perform_seek`, which Faust awaits after each rebalance that assigns something, tells the `Flow` what; the tasks seek
  themselves. `resume_flow`, which ends each rebalance, tells it when there is nothing.
* Nothing is committed and no acknowledged offsets are collected: offsets live in the tasks' transactions.
* Fetches are `read_committed`, within a session (`fetch_sessions`), and wait 100 ms at most on the broker instead of
  1.5 s.
* A broker that goes away just before the consumer, or Faust's own producer, connects is waited for; Faust would crash.
* Topics that the brokers did not tell of are asked for at once: a broker that has just started may know none yet, and
  an assignment that was made then, of nothing to anybody, would stay for five minutes, until the client asks again.

Everything that leans on the inside of faust-streaming 0.15.3 is in this file.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol, cast

import aiokafka
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage, Message
from mode import Service
from mode.utils.futures import notify

from streamproc.runtime.cancelling import end_other_tasks
from streamproc.runtime.fetch_sessions import fetch_in_sessions
from streamproc.runtime.patience import patiently
from streamproc.runtime.slices import fetch_slices

FETCH_MAX_WAIT_MILLISECONDS = 100
# Upper bound of the delay for a partition that is let through while a fetch for the others is waiting.
WAIT_SECONDS_WHILE_SOME_ARE_HELD_BACK = 0.01
# Upper bound of what a rebalance waits for the fetch in hand.
WAIT_SECONDS = 0.25
MISSING_TOPICS_SECONDS = 0.25


class SeekableConsumer(Protocol):
    """The part of the chunk consumer that tasks use."""

    async def seek_all(self, positions: Mapping[TopicPartition, int | None]) -> None:
        """Move to the offsets; None is the beginning. Raises IllegalStateError if a partition is not assigned."""


class Flow(Protocol):
    """What the transport asks and tells; implemented by `runtime.tasks.Tasks`."""

    def bind(self, consumer: SeekableConsumer) -> None:
        """Take the consumer that Faust has just made."""

    def has_room(self, tp: TP) -> bool:
        """Say whether another slice of this partition may be fetched now."""

    async def on_revoked(self) -> None:
        """Finish the chunks in hand; everything is being taken away, perhaps only for a moment."""

    def on_assigned(self, assignment: frozenset[TP]) -> None:
        """Begin to make the tasks of this assignment ready."""


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to the brokers, with the settings that Faust hard-codes."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust gives no way to set these two; the fetcher is made from them when the consumer starts.
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MILLISECONDS  # noqa: SLF001
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        return consumer

    async def on_start(self) -> None:
        """Start the consumer, and have it fetch slices in sessions. A broker that has just gone away is waited for."""
        await patiently("starting the consumer", self._start_consumer)
        consumer = self._ensure_consumer()
        fetch_slices(consumer)
        fetch_in_sessions(consumer)

    async def _start_consumer(self) -> None:
        try:
            await super().on_start()
        except KafkaError:
            # It stays until the next attempt makes another: some services of Faust take it that there is one.
            await self._ensure_consumer().stop()
            raise

    @Service.task
    async def _ask_for_missing_topics(self) -> None:
        """Ask the brokers while they have not told of all topics; with the answer, the leader assigns anew."""
        while not self.should_stop:
            await self.sleep(MISSING_TOPICS_SECONDS)
            consumer = self._consumer
            if consumer is None:
                continue
            client = consumer._client  # noqa: SLF001  (there is no public way)
            if not all(client.cluster.partitions_for_topic(topic) for topic in consumer.subscription()):
                await client.force_metadata_update()

    async def _gather_remaining_tasks(self) -> None:
        """End what the client still has running when this thread ends.

        Faust cancels it once, and while it waits for what has not heard of it, the main thread waits for this one,
        without its event loop: a worker that was stopped in the middle of a rebalance stayed for ever.
        """
        await end_other_tasks()

    async def _fetch_records(self, *given: Any, **options: Any) -> Any:
        # Slices are whole batches; what a fetch may bring is bounded in bytes.
        return await super()._fetch_records(*given, **{**options, "max_records": None})

    async def seek_all(self, positions: Mapping[TP, int | None]) -> None:
        """Move to the given offsets, or to the beginning where there is none; runs in this thread's own loop."""
        await self.call_thread(self._seek_all, positions)

    async def _seek_all(self, positions: Mapping[TP, int | None]) -> None:
        consumer = self._ensure_consumer()
        from_beginning = []
        for tp, offset in positions.items():
            if offset is None:
                from_beginning.append(TopicPartition(tp.topic, tp.partition))
            else:
                consumer.seek(TopicPartition(tp.topic, tp.partition), offset)
        if from_beginning:
            await consumer.seek_to_beginning(*from_beginning)


class ChunkConsumer(driver.Consumer):
    """Faust's consumer, fetching slices and committing nothing."""

    _thread: ChunkConsumerThread
    #: Set by `ChunkTransport` before anything is consumed.
    flow: Flow

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fetching = asyncio.Lock()

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ARG002, ASYNC109  (Faust's)
        """Yield one message for each partition that has records and room. How long it waits is ours to say."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow.wait())
        assigned = self._get_active_partitions()
        wanted = {tp for tp in assigned if self.flow.has_room(tp)}
        if not wanted:
            await self.sleep(WAIT_SECONDS_WHILE_SOME_ARE_HELD_BACK)
            return
        wait = WAIT_SECONDS if len(wanted) == len(assigned) else WAIT_SECONDS_WHILE_SOME_ARE_HELD_BACK
        generation = self.app.consumer_generation_id
        async with self._fetching:
            fetched = await self._getmany(active_partitions=wanted, timeout=wait)
        for tp, records in (fetched or {}).items():
            # What is dropped here is fetched again: it was fetched before the tasks seek (`perform_seek`).
            if self.should_stop or not self.flow_active or generation != self.app.consumer_generation_id:
                return
            yield tp, _slice_message(tp, records, generation)

    def ack(self, message: Message) -> bool:
        """Take a finished slice off the list that a rebalance waits for."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        return True

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002
        """Commit nothing: offsets are committed in the tasks' transactions."""
        return False

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Record nothing: gaps only matter to Faust's own commits."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let the tasks finish their chunks before Faust goes on with the rebalance."""
        await self.flow.on_revoked()
        await super().on_partitions_revoked(revoked)

    async def perform_seek(self) -> None:
        """Tell the tasks what is assigned; each seeks when its fence, offsets and stores are there.

        Not while a fetch from before the rebalance is still waiting: it would take the first records behind a task's
        seek, to be dropped as those of an old generation, and nobody would fetch them again.
        """
        rebalances = self.app.rebalancing_count
        async with self._fetching:
            if rebalances != self.app.rebalancing_count:
                return  # the next one has begun, and ends here again
        assignment = frozenset(self.assignment())
        for tp in assignment:
            # Faust drops what lies before the offset it has read: after a task's seek back, the very records it wants.
            self._read_offset[tp] = None
        self.flow.on_assigned(assignment)

    async def seek_all(self, positions: Mapping[TP, int | None]) -> None:
        """Move to the given offsets, or to the beginning where there is none."""
        await self._thread.seek_all(positions)

    def resume_flow(self) -> None:
        """Tell the tasks of an assignment of nothing: Faust awaits no `perform_seek` then."""
        super().resume_flow()
        if not self.assignment():
            self.flow.on_assigned(frozenset())

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Skip Faust's stall detector: it watches Faust's commits, and there are none."""


class PatientProducer(driver.Producer):
    """Faust's own producer, which writes nothing here, but which Faust starts before it starts the consumer."""

    async def on_start(self) -> None:
        """Start the producer. A broker that has just gone away is waited for."""
        await patiently("starting Faust's producer", self._start_producer)

    async def _start_producer(self) -> None:
        try:
            await super().on_start()
        except KafkaError:
            await super().on_stop()
            raise


class ChunkTransport(driver.Transport):
    """Makes the chunk consumer and gives it its flow."""

    Consumer = ChunkConsumer
    Producer = PatientProducer

    def __init__(self, *args: Any, flow: Flow, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.flow = flow

    def create_consumer(self, callback: Any, **kwargs: Any) -> ChunkConsumer:
        """Make the consumer as Faust does."""
        consumer = super().create_consumer(callback, **kwargs)
        assert isinstance(consumer, ChunkConsumer)
        consumer.flow = self.flow
        self.flow.bind(consumer)
        return consumer


def _slice_message(tp: TP, records: list[Any], generation: int) -> Message:
    last = records[-1]
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        last.timestamp / 1000.0,
        0,  # which clock the timestamp is of; nobody asks
        None,
        None,
        cast("Any", records),  # the value of a chunk message is its records; the raw serializers pass it on as it is
        None,
        None,
        None,
        tp,
        generation_id=generation,
    )
