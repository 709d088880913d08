"""The transactional producer of one task.

Starting it is the fence: `InitProducerId` ends whatever the former owner of the same transactional id had open, and
makes each later attempt of that owner fail.
"""

import asyncio
from collections.abc import Iterable, Mapping

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)
from aiokafka.producer import sender
from aiokafka.structs import TopicPartition

from streamproc.errors import TaskFenced
from streamproc.processing.processor import OutputRecord
from streamproc.runtime.kafka import Kafka

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


class TaskProducer:
    """Writes chunks, each in one transaction with the offsets it consumed."""

    def __init__(self, kafka: Kafka, transactional_id: str, group_id: str, transaction_timeout_seconds: float) -> None:
        self.transactional_id = transactional_id
        self._kafka = kafka
        self._group_id = group_id
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
        """Close the connections. With the broker gone the client would wait for ever: give up after a while."""
        try:
            await asyncio.wait_for(self._producer.stop(), STOP_SECONDS)
        except (TimeoutError, *FENCED):
            return

    async def begin(self) -> None:
        """Begin a transaction."""
        await self._producer.begin_transaction()

    async def write(
        self, topic: str, partition: int, records: Iterable[OutputRecord], timestamp: int
    ) -> list["asyncio.Future[object]"]:
        """Send records in batches and return the futures of their acknowledgements; `timestamp` in milliseconds."""
        physical = self._kafka.physical(topic)
        sent = []
        batch = self._producer.create_batch()
        for key, value, headers in records:
            if batch.append(key=key, value=value, timestamp=timestamp, headers=headers) is None:
                sent.append(await self._producer.send_batch(batch, physical, partition=partition))
                batch = self._producer.create_batch()
                batch.append(key=key, value=value, timestamp=timestamp, headers=headers)
        if batch.record_count():
            sent.append(await self._producer.send_batch(batch, physical, partition=partition))
        return sent

    async def send_offsets(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Make the consumed offsets part of the transaction."""
        await self._producer.send_offsets_to_transaction(dict(offsets), self._group_id)

    async def commit(self) -> None:
        """Commit. Only after every future of `write` has succeeded: the client does not look at them."""
        await self._producer.commit_transaction()

    async def abort(self) -> None:
        """Abort after an error that leaves the producer usable."""
        await self._producer.abort_transaction()


def as_fenced(error: BaseException) -> TaskFenced | None:
    """Tell whether an error of the client means that another owner has taken over."""
    return TaskFenced(f"{type(error).__name__}: {error}") if isinstance(error, FENCED) else None
