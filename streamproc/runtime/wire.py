"""The requests of a transaction, in the versions in which the brokers take part in it themselves (KIP-890).

A write or an offset commit of these versions joins its partition to the transaction without being asked for it first,
and the end of a transaction answers with the epoch of the next one. aiokafka knows older versions only, which take two
round trips more. Each request encodes itself and decodes its answer; aiokafka's connections carry them. Layouts: the
message definitions of Apache Kafka 4.1 (`clients/src/main/resources/common/message`).
"""

import asyncio
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, ClassVar

from aiokafka import __version__ as aiokafka_version
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import CloseReason
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError, NodeNotReadyError, RequestTimedOutError
from aiokafka.protocol.api import RequestHeader_v2, ResponseHeader_v0, ResponseHeader_v1
from aiokafka.protocol.types import CompactString, Int16, Int32, Int64, TaggedFields, UnsignedVarInt32
from aiokafka.structs import TopicPartition

#: Error codes by partition, 0 where it went well.
Codes = dict[TopicPartition, int]

_NO_TAGS = b"\0"
_ALL_REPLICAS = -1
_PRODUCE_MILLISECONDS = 30_000
# The tag under which `ApiVersions` tells of the features that are switched on.
_FINALIZED = 2
_string = CompactString()


class Request:
    """What aiokafka's connections need of a request; it is sent in this one version or not at all."""

    API_KEY: ClassVar[int]
    API_VERSION: ClassVar[int]
    #: Who knows this version, for the error when a broker does not.
    KNOWN_BY: ClassVar[str] = "Kafka 4.0 or newer"

    def prepare(self, versions: Mapping[int, tuple[int, int]]) -> "Request":
        """Return the request itself. Raises `IncompatibleBrokerVersion` if the broker does not know the version."""
        lowest, highest = versions.get(self.API_KEY, (0, -1))
        if not lowest <= self.API_VERSION <= highest:
            raise IncompatibleBrokerVersion(
                f"{type(self).__name__} needs version {self.API_VERSION} of API {self.API_KEY}: {self.KNOWN_BY}"
            )
        return self

    def build_request_header(self, correlation_id: int, client_id: str) -> RequestHeader_v2:
        """Return the header of a request with tagged fields."""
        return RequestHeader_v2(self, correlation_id=correlation_id, client_id=client_id)

    def parse_response_header(self, answer: BytesIO) -> Any:
        """Read the header of the answer."""
        return ResponseHeader_v1.decode(answer)

    @property
    def RESPONSE_TYPE(self) -> "Request":  # noqa: N802  (aiokafka's)
        """What decodes the answer: the request itself."""
        return self

    def encode(self) -> bytes:
        """Return the body."""
        raise NotImplementedError

    def decode(self, answer: BytesIO) -> Any:
        """Return what the sender wants to know of the answer's body."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose transaction it is: what `InitProducerId` gave, and the epoch of the transaction in hand."""

    transactional_id: str
    producer_id: int
    epoch: int


class Produce(Request):
    """Writes one record batch for each partition."""

    API_KEY = 0
    API_VERSION = 12

    def __init__(self, transactional_id: str, batches: Mapping[TopicPartition, bytes]) -> None:
        self._transactional_id = transactional_id
        self._batches = batches

    def parts(self) -> list[bytes]:
        """Return the body in pieces, so that the batches, nearly all of it, need not be copied."""
        by_topic: dict[str, list[tuple[int, bytes]]] = {}
        for tp, batch in self._batches.items():
            by_topic.setdefault(tp.topic, []).append((tp.partition, batch))
        head = _text(self._transactional_id) + struct.pack(">hi", _ALL_REPLICAS, _PRODUCE_MILLISECONDS)
        parts: list[bytes] = []
        between = head + UnsignedVarInt32.encode(len(by_topic) + 1)
        for topic, batches in by_topic.items():
            between += _text(topic) + UnsignedVarInt32.encode(len(batches) + 1)
            for partition, batch in batches:
                parts += (between + Int32.encode(partition) + UnsignedVarInt32.encode(len(batch) + 1), batch)
                between = _NO_TAGS
            between += _NO_TAGS
        return [*parts, between + _NO_TAGS]

    def encode(self) -> bytes:
        """Return the body."""
        return b"".join(self.parts())

    def decode(self, answer: BytesIO) -> Codes:
        """Return the error code of each partition."""
        codes: Codes = {}
        for _ in range(_length(answer)):
            topic = _string.decode(answer)
            for _ in range(_length(answer)):
                partition, code = Int32.decode(answer), Int16.decode(answer)
                codes[TopicPartition(topic, partition)] = code
                answer.read(24)  # offset, time of the append, first offset of the log
                for _ in range(_length(answer)):
                    Int32.decode(answer), _string.decode(answer), TaggedFields.decode(answer)
                _string.decode(answer)
                TaggedFields.decode(answer)
            TaggedFields.decode(answer)
        return codes


async def send_in_parts(client: AIOKafkaClient, node: int, request: Produce) -> Codes:
    """Send a write as `AIOKafkaClient.send` does, which would copy all of it three times before it is written.

    Raises what that raises.
    """
    if not await client.ready(node):
        raise NodeNotReadyError(f"node {node} is not ready")
    connection = client._conns[node, ConnectionGroup.DEFAULT]  # noqa: SLF001  (there is no public way)
    answer = _write(connection, request)
    try:
        async with asyncio.timeout(connection._request_timeout):  # noqa: SLF001
            codes: Codes = await answer
    except TimeoutError as error:
        connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
        raise RequestTimedOutError from error
    return codes


def _write(connection: Any, request: Produce) -> "asyncio.Future[Codes]":
    """Do what `AIOKafkaConnection.send` does."""
    if connection._writer is None:  # noqa: SLF001
        raise KafkaConnectionError(f"no connection to the broker at {connection.host}:{connection.port}")
    request.prepare(connection._versions)  # noqa: SLF001
    number = connection._next_correlation_id()  # noqa: SLF001
    header = request.build_request_header(number, connection._client_id).encode()  # noqa: SLF001
    parts = request.parts()
    size = struct.pack(">i", len(header) + sum(map(len, parts)))
    try:
        connection._writer.writelines([size + header, *parts])  # noqa: SLF001
    except OSError as error:
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(
            f"the connection to the broker at {connection.host}:{connection.port} is broken: {error}"
        ) from error
    answer: asyncio.Future[Codes] = asyncio.get_running_loop().create_future()
    connection._requests.append((number, request, answer))  # noqa: SLF001
    return answer


class TxnOffsetCommit(Request):
    """Makes consumed offsets of a group part of the transaction, without naming a member of the group."""

    API_KEY = 28
    API_VERSION = 5

    def __init__(self, identity: Identity, group_id: str, offsets: Mapping[TopicPartition, int]) -> None:
        self._identity = identity
        self._group_id = group_id
        self._offsets = offsets

    def encode(self) -> bytes:
        """Return the body."""
        by_topic: dict[str, list[bytes]] = {}
        for tp, offset in self._offsets.items():
            # Partition, offset, no leader epoch, no metadata.
            entry = struct.pack(">iqi", tp.partition, offset, -1) + _text("") + _NO_TAGS
            by_topic.setdefault(tp.topic, []).append(entry)
        topics = [
            _text(topic) + UnsignedVarInt32.encode(len(entries) + 1) + b"".join(entries) + _NO_TAGS
            for topic, entries in by_topic.items()
        ]
        own = self._identity
        return b"".join(
            (
                _text(own.transactional_id),
                _text(self._group_id),
                struct.pack(">qhi", own.producer_id, own.epoch, -1),  # no generation
                _text(""),  # no member
                _text(None),
                UnsignedVarInt32.encode(len(topics) + 1),
                *topics,
                _NO_TAGS,
            )
        )

    def decode(self, answer: BytesIO) -> Codes:
        """Return the error code of each partition."""
        codes: Codes = {}
        Int32.decode(answer)  # throttled for
        for _ in range(_length(answer)):
            topic = _string.decode(answer)
            for _ in range(_length(answer)):
                partition = Int32.decode(answer)
                codes[TopicPartition(topic, partition)] = Int16.decode(answer)
                TaggedFields.decode(answer)
            TaggedFields.decode(answer)
        return codes


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer to `EndTxn`: an error code, or the producer id and epoch of the next transaction."""

    code: int
    producer_id: int
    epoch: int


class EndTxn(Request):
    """Commits or aborts. Sent again after a lost answer it is answered again."""

    API_KEY = 26
    API_VERSION = 5

    def __init__(self, identity: Identity, *, commits: bool) -> None:
        self._identity = identity
        self._commits = commits

    def encode(self) -> bytes:
        """Return the body."""
        own = self._identity
        told = struct.pack(">qh?", own.producer_id, own.epoch, self._commits)
        return _text(own.transactional_id) + told + _NO_TAGS

    def decode(self, answer: BytesIO) -> Ended:
        """Return what comes next."""
        Int32.decode(answer)  # throttled for
        return Ended(Int16.decode(answer), Int64.decode(answer), Int16.decode(answer))


class FinalizedFeatures(Request):
    """Asks a broker which features the cluster has switched on, and at which level (`ApiVersions`)."""

    API_KEY = 18
    API_VERSION = 3

    def parse_response_header(self, answer: BytesIO) -> Any:
        """Read the header of the answer: alone of all, it is that of an old version."""
        return ResponseHeader_v0.decode(answer)

    def encode(self) -> bytes:
        """Return the body."""
        return _text("aiokafka") + _text(aiokafka_version) + _NO_TAGS

    def decode(self, answer: BytesIO) -> dict[str, int]:
        """Return the level of each feature; a broker before Kafka 2.7 tells of none."""
        Int16.decode(answer)
        for _ in range(_length(answer)):
            answer.read(6)  # key, lowest and highest version of an API
            TaggedFields.decode(answer)
        Int32.decode(answer)  # throttled for
        levels: dict[str, int] = {}
        told = BytesIO(TaggedFields.decode(answer).get(_FINALIZED, b"\1"))
        for _ in range(_length(told)):
            name = _string.decode(told)
            levels[str(name)] = Int16.decode(told)
            Int16.decode(told)  # the lowest level
            TaggedFields.decode(told)
        return levels


def _text(text: str | None) -> bytes:
    encoded: bytes = _string.encode(text)
    return encoded


def _length(answer: BytesIO) -> int:
    """Read the length of an array; null counts as empty."""
    length: int = UnsignedVarInt32.decode(answer)
    return max(length - 1, 0)


def first_error(codes: Codes) -> int:
    """Return the first code that is not 0."""
    return next((code for code in codes.values() if code), 0)
