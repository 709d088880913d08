"""The transactional producer of one task.

Starting it is the fence: `InitProducerId` ends whatever the former owner of the same transactional id had open, and
makes each later attempt of that owner fail.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IllegalOperation,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaConnectionError,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)
from aiokafka.producer import producer, sender
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import TopicPartition

from streamproc.errors import TaskFenced
from streamproc.processing.processor import OutputRecord
from streamproc.runtime.kafka import Kafka

log = structlog.get_logger(__name__)

# Brokers answer a new transaction's first write with a retriable error while the markers of the one before are still
# being written. The client's default of 100 ms between attempts would be the ceiling of a task's throughput.
RETRY_BACKOFF_MILLISECONDS = 5
# The same for adding partitions to the next transaction, where aiokafka waits a fixed 20 ms.
sender.BACKOFF_OVERRIDE = 0.003
# Below the 1 MiB that brokers accept by default. A batch always takes at least one record, however large.
BATCH_BYTES = 900_000
STOP_SECONDS = 5

FENCED = (
    ProducerFenced,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    OutOfOrderSequenceNumber,
)


class _PatientSender(sender.Sender):  # type: ignore[misc]  # aiokafka has no types
    """The client's sender, which lives on when a broker goes away while it is asked who coordinates."""

    async def _find_coordinator(self, coordinator_type: Any, coordinator_key: str) -> Any:
        """Ask again when the connection broke: everywhere else the client does so, here it gives the producer up."""
        while True:
            try:
                return await super()._find_coordinator(coordinator_type, coordinator_key)
            except KafkaError as error:
                if not isinstance(error.__cause__, KafkaConnectionError):
                    raise
            await self.client.force_metadata_update()
            await asyncio.sleep(self._retry_backoff)


producer.Sender = _PatientSender


@dataclass(frozen=True, slots=True)
class _Sent:
    tp: TopicPartition
    count: int
    acknowledged: "asyncio.Future[object]"


class TaskProducer:
    """Writes chunks, each in one transaction with the offsets it consumed."""

    def __init__(self, kafka: Kafka, transactional_id: str, group_id: str, transaction_timeout_seconds: float) -> None:
        self.transactional_id = transactional_id
        self._kafka = kafka
        self._group_id = group_id
        self._sent: list[_Sent] = []
        self._producer = AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap,
            transactional_id=transactional_id,
            transaction_timeout_ms=int(transaction_timeout_seconds * 1000),
            retry_backoff_ms=RETRY_BACKOFF_MILLISECONDS,
            max_batch_size=BATCH_BYTES,
            **kafka.security,
        )

    async def start(self) -> None:
        """Fence the former owner and end what it had open."""
        await self._producer.start()

    async def stop(self) -> None:
        """Close the connections. With the broker gone the client would wait for ever: give up after a while.

        Errors of the client are logged only: nothing is committed here.
        """
        try:
            await asyncio.wait_for(self._producer.stop(), STOP_SECONDS)
        except (TimeoutError, KafkaError) as error:
            log.warning("producer_not_closed", transactional_id=self.transactional_id, error=repr(error))

    async def begin(self) -> None:
        """Begin a transaction."""
        with self._telling_the_cause():
            await self._producer.begin_transaction()
        self._sent.clear()

    async def write(self, topic: str, partition: int, records: Iterable[OutputRecord], timestamp: int) -> None:
        """Send records in batches, without waiting for their acknowledgements; `timestamp` in milliseconds."""
        tp = TopicPartition(self._kafka.physical(topic), partition)
        batch, count = self._producer.create_batch(), 0
        # The compiled builder inside, because the batch around it takes a third of the time of a record.
        append = batch._builder.append  # noqa: SLF001
        for key, value, headers in records:
            if append(count, timestamp, key, value, headers) is None:
                await self._send(tp, batch, count)
                batch, count = self._producer.create_batch(), 0
                append = batch._builder.append  # noqa: SLF001
                append(count, timestamp, key, value, headers)
            count += 1
        if count:
            await self._send(tp, batch, count)

    async def send_offsets(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Make the consumed offsets, if there are any, part of the transaction."""
        if offsets:
            with self._telling_the_cause():
                await self._producer.send_offsets_to_transaction(dict(offsets), self._group_id)

    async def commit(self) -> None:
        """Commit what was written.

        Every acknowledgement is looked at first: the client itself would commit what arrived and say nothing of what
        was refused.
        """
        await asyncio.gather(*(sent.acknowledged for sent in self._sent))
        with self._telling_the_cause():
            await self._producer.commit_transaction()

    async def abort(self) -> None:
        """Abort after an error that leaves the producer usable."""
        await self._producer.abort_transaction()
        self._take_back_sequence_numbers()

    async def _send(self, tp: TopicPartition, batch: BatchBuilder, count: int) -> None:
        batch._relative_offset = count  # noqa: SLF001
        with self._telling_the_cause():
            acknowledged = await self._producer.send_batch(batch, tp.topic, partition=tp.partition)
        self._sent.append(_Sent(tp, count, acknowledged))

    @contextlib.contextmanager
    def _telling_the_cause(self) -> Iterator[None]:
        """Raise what ended the transaction, in place of the client's complaint that it has ended.

        An earlier batch can be refused, and the producer be fenced, while the caller is busy with the next one.
        """
        try:
            yield
        except (IllegalOperation, AssertionError):
            end = self._producer._txn_manager._transaction_waiter  # noqa: SLF001  (there is no public way)
            if end is not None and end.done():
                end.result()
            raise

    def _take_back_sequence_numbers(self) -> None:
        """Count refused batches out of the partitions' sequences.

        A refused batch was numbered but not written. The Java client asks for a new epoch then, which starts the
        numbers anew; aiokafka does not, and the broker would call the next batch out of order.
        """
        numbers = self._producer._txn_manager._sequence_numbers  # noqa: SLF001  (there is no public way)
        for sent in self._sent:
            if sent.acknowledged.done() and sent.acknowledged.exception() is not None:
                numbers[sent.tp] -= sent.count


def as_fenced(error: BaseException) -> TaskFenced | None:
    """Tell whether an error of the client means that another owner has taken over."""
    return TaskFenced(f"{type(error).__name__}: {error}") if isinstance(error, FENCED) else None
