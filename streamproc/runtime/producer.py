"""The transactional producer of one task.

Starting it is the fence: `InitProducerId` ends whatever the former owner of the same transactional id had open, and
makes each later attempt of that owner fail. Each end of a transaction raises the epoch, so that nothing of it that is
still on its way can arrive in the next one.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import structlog
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)
from aiokafka.structs import TopicPartition

from streamproc.errors import TaskFenced
from streamproc.processing.processor import OutputRecord
from streamproc.runtime.batches import build_batches
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.transaction import TransactionClient
from streamproc.runtime.wire import Identity

log = structlog.get_logger(__name__)

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

#: Records for one partition of a topic, under its logical name.
Lane = tuple[str, int, Sequence[OutputRecord]]


class TaskProducer:
    """Writes chunks, each in one transaction with the offsets it consumed."""

    def __init__(self, kafka: Kafka, transactional_id: str, group_id: str, transaction_timeout_seconds: float) -> None:
        self.transactional_id = transactional_id
        self._kafka = kafka
        self._group_id = group_id
        self._timeout_seconds = transaction_timeout_seconds
        self._client: TransactionClient | None = None
        self._identity = Identity(transactional_id, -1, -1)

    async def start(self) -> None:
        """Fence the former owner and end what it had open; after an error it can be started again."""
        await self.stop()
        self._client = TransactionClient(self._kafka, self.transactional_id, self._timeout_seconds)
        self._identity = await self._client.start()

    async def stop(self) -> None:
        """Close the connections, and give up after a while. Errors are logged only: nothing is committed here."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            await asyncio.wait_for(client.stop(), STOP_SECONDS)
        except (TimeoutError, KafkaError) as error:
            log.warning("producer_not_closed", transactional_id=self.transactional_id, error=repr(error))

    async def commit(self, lanes: Iterable[Lane], offsets: Mapping[TopicPartition, int], timestamp: int) -> None:
        """Write records and commit them together with the consumed offsets; `timestamp` in milliseconds.

        Without records and offsets there is no transaction. After an error nothing is visible, and `abort` has to come
        next.
        """
        assert self._client is not None
        # All of them at once, so that the records, many small objects, are let go before anything is waited for: as
        # many as the chunks of all tasks would be in memory otherwise.
        batches = [
            (TopicPartition(self._kafka.physical(topic), partition), self._batches(records, timestamp))
            for topic, partition, records in lanes
            if records
        ]
        if not batches and not offsets:
            return
        await self._write(batches)
        if offsets:
            await self._client.commit_offsets(self._identity, self._group_id, offsets)
        self._identity = await self._client.end(self._identity, commits=True)

    async def abort(self) -> None:
        """End what is open without a trace. Raises `KafkaError` if that cannot be done."""
        assert self._client is not None
        self._identity = await self._client.end(self._identity, commits=False)

    async def _write(self, lanes: list[tuple[TopicPartition, deque[bytes]]]) -> None:
        """Write the first batches of all lanes, then the second ones: a request takes one for each partition."""
        assert self._client is not None
        while lanes:
            await self._client.write({tp: batches.popleft() for tp, batches in lanes})
            lanes = [lane for lane in lanes if lane[1]]

    def _batches(self, records: Sequence[OutputRecord], timestamp: int) -> deque[bytes]:
        """Cut the records of one partition into batches, numbered from 0 in each transaction."""
        identity = self._identity
        return deque(build_batches(records, timestamp, identity.producer_id, identity.epoch, BATCH_BYTES))


def as_fenced(error: BaseException) -> TaskFenced | None:
    """Tell whether an error of the client means that another owner has taken over."""
    return TaskFenced(f"{type(error).__name__}: {error}") if isinstance(error, FENCED) else None
