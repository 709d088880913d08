"""The brokers' part in one task's transactions: who leads and who coordinates, and asking again while that may help.

Each method returns when it is done. Where the brokers ask for patience (a leader moves, a coordinator is being loaded,
the markers of the transaction before are still being written, nobody answers) it is sent again, as it was: batches are
numbered, and an offset commit or an end that arrives twice counts once. Everything else is raised.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.errors import (
    ConcurrentTransactions,
    DuplicateSequenceNumber,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
    NotLeaderForPartitionError,
    ProducerFenced,
    for_code,
)
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.structs import TopicPartition

from streamproc.runtime.kafka import Kafka
from streamproc.runtime.wire import (
    Codes,
    EndTxn,
    Identity,
    Produce,
    TxnOffsetCommit,
    first_error,
    send_in_parts,
)

log = structlog.get_logger(__name__)

# After a commit the markers take a few milliseconds; until they are written the next transaction is refused.
BACKOFF_SECONDS = 0.003
BACKOFF_LIMIT_SECONDS = 1.0

_OK = 0
_NOBODY = -1
_DUPLICATE = DuplicateSequenceNumber.errno
_ANOTHER_COORDINATOR = frozenset({GroupCoordinatorNotAvailableError.errno, NotCoordinatorForGroupError.errno})
_PATIENCE = _ANOTHER_COORDINATOR | {GroupLoadInProgressError.errno, ConcurrentTransactions.errno}
# As if another broker led by now: it is looked up, and the batch is sent again.
_NO_ANSWER = NotLeaderForPartitionError.errno
# What aiokafka has no class for.
_PRODUCER_FENCED = 90
_TRANSACTION_ABORTABLE = 120


class TransactionAbortable(KafkaError):  # type: ignore[misc]  # aiokafka has no types
    """Raised when the brokers ask for this transaction to be aborted; the next one may go well."""


class TransactionClient:
    """Sends the requests of one transactional id, one at a time.

    Not the offsets beside the writes, which would save a round trip: each of the two joins partitions to the
    transaction, the coordinator takes one change at a time, and the other one would be refused and sent again.
    """

    def __init__(self, kafka: Kafka, transactional_id: str, transaction_timeout_seconds: float) -> None:
        self._client = kafka.client(transactional_id)
        self._transactional_id = transactional_id
        self._timeout_milliseconds = int(transaction_timeout_seconds * 1000)
        self._coordinators: dict[int, int] = {}

    async def start(self) -> Identity:
        """Connect, end what the former owner had open, and shut it out."""
        await self._client.bootstrap()
        request = InitProducerIdRequest(self._transactional_id, self._timeout_milliseconds)
        answer = await self._ask_coordinator(request, lambda answer: answer.error_code)
        return Identity(self._transactional_id, answer.producer_id, answer.producer_epoch)

    async def stop(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def write(self, batches: Mapping[TopicPartition, bytes]) -> None:
        """Write one batch for each partition, until all are acknowledged by all replicas."""
        waiting, backoff = dict(batches), _Backoff()
        while True:
            by_leader = await self._by_leader(waiting)
            if len(by_leader) == 1:
                answers = [await self._produce(*by_leader.popitem())]
            else:
                answers = await asyncio.gather(*(self._produce(*part) for part in by_leader.items()))
            refused = {tp: code for answer in answers for tp, code in answer.items() if code not in (_OK, _DUPLICATE)}
            if not refused:
                return
            for code in refused.values():
                _raise_unless_patient(code)
            log.debug("batches_refused", transactional_id=self._transactional_id, refused=refused)
            waiting = {tp: waiting[tp] for tp in refused}
            if any(getattr(for_code(code), "invalid_metadata", False) for code in refused.values()):
                await self._client.force_metadata_update()
            await backoff.wait()

    async def commit_offsets(self, identity: Identity, group_id: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Make consumed offsets of a group part of the transaction."""
        request = TxnOffsetCommit(identity, group_id, offsets)
        await self._ask_coordinator(request, first_error, CoordinationType.GROUP, group_id)

    async def end(self, identity: Identity, *, commits: bool) -> Identity:
        """Commit or abort; return who the next transaction is of."""
        answer = await self._ask_coordinator(EndTxn(identity, commits=commits), lambda answer: answer.code)
        return Identity(self._transactional_id, answer.producer_id, answer.epoch)

    async def _by_leader(self, batches: Mapping[TopicPartition, bytes]) -> dict[int, dict[TopicPartition, bytes]]:
        """Sort batches by the broker that leads their partition; wait until each has one."""
        backoff = _Backoff()
        leader_of = self._client.cluster.leader_for_partition
        while True:
            by_leader: dict[int, dict[TopicPartition, bytes]] = {}
            for tp, batch in batches.items():
                leader = leader_of(tp)
                if leader in (None, _NOBODY):
                    break
                by_leader.setdefault(leader, {})[tp] = batch
            else:
                return by_leader
            await self._client.add_topic(tp.topic)
            if leader_of(tp) in (None, _NOBODY):
                log.warning("partition_without_leader", topic=tp.topic, partition=tp.partition)
                await self._client.force_metadata_update()
                await backoff.wait()

    async def _produce(self, node: int, batches: dict[TopicPartition, bytes]) -> Codes:
        """Send to one broker; without an answer nobody knows, and each batch has to be sent again."""
        try:
            codes = await send_in_parts(self._client, node, Produce(self._transactional_id, batches))
        except KafkaError as error:
            if not error.retriable:
                raise
            log.warning("broker_does_not_answer", transactional_id=self._transactional_id, error=repr(error))
            return dict.fromkeys(batches, _NO_ANSWER)
        return codes

    async def _ask_coordinator(
        self,
        request: Any,
        code_of: Callable[[Any], int],
        kind: int = CoordinationType.TRANSACTION,
        key: str | None = None,
    ) -> Any:
        backoff = _Backoff()
        while True:
            try:
                node = await self._coordinator(kind, key or self._transactional_id)
                answer = await self._client.send(node, request, group=ConnectionGroup.COORDINATION)
            except KafkaError as error:
                if not error.retriable:
                    raise
                log.info("coordinator_does_not_answer", transactional_id=self._transactional_id, error=repr(error))
                self._coordinators.pop(kind, None)
                await self._client.force_metadata_update()
            else:
                code = code_of(answer)
                if code == _OK:
                    return answer
                _raise_unless_patient(code)
                if code in _ANOTHER_COORDINATOR:
                    self._coordinators.pop(kind, None)
            await backoff.wait()

    async def _coordinator(self, kind: int, key: str) -> int:
        node = self._coordinators.get(kind)
        if node is None:
            node = self._coordinators[kind] = await self._client.coordinator_lookup(kind, key)
        return node


class _Backoff:
    """Waits, from one time to the next twice as long."""

    def __init__(self) -> None:
        self._seconds = BACKOFF_SECONDS

    async def wait(self) -> None:
        await asyncio.sleep(self._seconds)
        self._seconds = min(2 * self._seconds, BACKOFF_LIMIT_SECONDS)


def _raise_unless_patient(code: int) -> None:
    """Return when the same request may be answered better later."""
    if code in _PATIENCE:
        return
    if code == _PRODUCER_FENCED:
        raise ProducerFenced
    if code == _TRANSACTION_ABORTABLE:
        raise TransactionAbortable
    error = for_code(code)
    if not error.retriable:
        raise error(f"error code {code}")
