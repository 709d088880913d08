"""Fetch sessions (KIP-227): a fetch tells the broker what has changed since the one before, and hears of news only.

aiokafka names every partition in each fetch and hears of each in the answer. A worker of eight partitions reads forty,
mostly quiet, and fetches for each few events.

A session is one node's. It begins with a full fetch, which names everything, and goes on with incremental ones, a new
epoch each. After an answer that did not come, or that is an error as a whole, the next fetch is a full one again, and
closes the session that there may have been. aiokafka has one fetch at a time on its way to a node.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import FetchSessionIdNotFound, InvalidFetchSessionEpoch, NoError, for_code
from aiokafka.protocol.api import RequestHeader_v1, ResponseHeader_v0
from aiokafka.protocol.fetch import FetchRequest

from streamproc.runtime.wire import Request

#: Topic and partition: the offset from which to fetch, and how many bytes at most.
_Wanted = dict[tuple[str, int], tuple[int, int]]

_BEFORE_TOPICS = struct.Struct(">iiiibiii")
_PARTITION = struct.Struct(">iiqqi")
_ANSWER = struct.Struct(">ihii")
# Partition, error, high watermark, last stable offset, log start offset, number of aborted transactions.
_PARTITION_ANSWER = struct.Struct(">ihqqqi")
_ABORTED = struct.Struct(">qq")
_RECORDS = struct.Struct(">ii")
_INT = struct.Struct(">i")
_SHORT = struct.Struct(">h")
_REPLICA_ID = -1  # a consumer
_NO_LEADER_EPOCH = -1
_NO_LOG_START_OFFSET = -1
_FULL_FETCH = 0
_LAST_EPOCH = 2**31 - 1
_SESSION_IS_GONE = (FetchSessionIdNotFound, InvalidFetchSessionEpoch)


class Session:
    """What a node keeps of this consumer's fetches, as far as is known here."""

    def __init__(self) -> None:
        self.id = 0
        self.epoch = _FULL_FETCH
        self._held: _Wanted = {}

    def take(self, wanted: _Wanted) -> tuple[_Wanted, list[tuple[str, int]]]:
        """Return what the next fetch has to name, and what the broker has to forget."""
        before = {} if self.epoch == _FULL_FETCH else self._held
        self._held = wanted
        changed = {place: what for place, what in wanted.items() if before.get(place) != what}
        return changed, [place for place in before if place not in wanted]

    def go_on(self, session_id: int) -> None:
        """Go on after an answer. A broker that has no room for sessions gives the id 0: all fetches are full ones."""
        self.id = session_id
        self.epoch = (self.epoch % _LAST_EPOCH) + 1 if session_id else _FULL_FETCH

    def begin_anew(self) -> None:
        """Fetch in full next; the id stays, so that the broker lets go of what it keeps under it."""
        self.epoch = _FULL_FETCH


class Fetched:
    """An answer, as aiokafka's fetcher reads it: topics with partitions, and for each what stands in version 11."""

    API_VERSION = 11

    def __init__(self, code: int, session_id: int, topics: list[tuple[str, list[tuple[Any, ...]]]]) -> None:
        self.code = code
        self.session_id = session_id
        self.topics = topics


class Fetch(Request):
    """Asks for records within a session."""

    API_KEY = 1
    API_VERSION = 11
    KNOWN_BY = "a newer Kafka"

    def __init__(self, asked: FetchRequest, session: Session) -> None:
        """Take what aiokafka's fetcher asks for."""
        self._asked = asked
        self._session_id, self._epoch = session.id, session.epoch
        self._changed, self._forgotten = session.take(
            {
                (topic, partition): (offset, size)
                for topic, partitions in asked.topics
                for partition, offset, size in partitions
            }
        )

    def build_request_header(self, correlation_id: int, client_id: str) -> RequestHeader_v1:
        """Return the header of a request without tagged fields."""
        return RequestHeader_v1(self, correlation_id=correlation_id, client_id=client_id)

    def parse_response_header(self, answer: BytesIO) -> Any:
        """Read the header of the answer."""
        return ResponseHeader_v0.decode(answer)

    def encode(self) -> bytes:
        """Return the body."""
        asked, changed = self._asked, _by_topic(self._changed)
        parts = [
            _BEFORE_TOPICS.pack(
                _REPLICA_ID,
                asked._max_wait_ms,  # noqa: SLF001  (aiokafka's, without another way to read them)
                asked._min_bytes,  # noqa: SLF001
                asked._max_bytes,  # noqa: SLF001
                asked._isolation_level,  # noqa: SLF001
                self._session_id,
                self._epoch,
                len(changed),
            )
        ]
        for topic, partitions in changed.items():
            parts += (_text(topic), _INT.pack(len(partitions)))
            for partition in partitions:
                offset, size = self._changed[topic, partition]
                parts.append(_PARTITION.pack(partition, _NO_LEADER_EPOCH, offset, _NO_LOG_START_OFFSET, size))
        forgotten = _by_topic(self._forgotten)
        parts.append(_INT.pack(len(forgotten)))
        for topic, partitions in forgotten.items():
            parts += (_text(topic), struct.pack(f">i{len(partitions)}i", len(partitions), *partitions))
        parts.append(_text(asked._rack_id))  # noqa: SLF001
        return b"".join(parts)

    def decode(self, answer: BytesIO) -> Fetched:
        """Return what has come; null records are read as no bytes. Raises when the answer is cut off."""
        data, at = answer.getvalue(), answer.tell()
        _, code, session_id, topics = _ANSWER.unpack_from(data, at)
        at += _ANSWER.size
        fetched = []
        for _ in range(topics):
            (length,) = _SHORT.unpack_from(data, at)
            at += _SHORT.size
            topic = _piece(data, at, length).decode()
            at += length
            (count,) = _INT.unpack_from(data, at)
            at += _INT.size
            partitions = []
            for _ in range(count):
                partition, at = _partition_at(data, at)
                partitions.append(partition)
            fetched.append((topic, partitions))
        return Fetched(code, session_id, fetched)


class FetchSessions:
    """Stands between a consumer's fetcher and its client, and asks within a session for what the fetcher asks for."""

    def __init__(self, client: AIOKafkaClient) -> None:
        self._client = client
        self._sessions: defaultdict[int, Session] = defaultdict(Session)

    def __getattr__(self, name: str) -> Any:
        """Give the fetcher everything else of the client."""
        return getattr(self._client, name)

    async def send(self, node: int, request: Any) -> Any:
        """Do what `AIOKafkaClient.send` does; a fetch is answered with those partitions alone that have news.

        Raises what that raises, and the broker's error where the answer as a whole is one.
        """
        if not isinstance(request, FetchRequest):
            return await self._client.send(node, request)
        session = self._sessions[node]
        try:
            fetched: Fetched = await self._client.send(node, Fetch(request, session))
        except BaseException:
            # Also one that was no longer waited for: nobody knows whether the broker has it.
            session.begin_anew()
            raise
        error = for_code(fetched.code)
        if error is NoError:
            session.go_on(fetched.session_id)
            return fetched
        session.begin_anew()
        if error in _SESSION_IS_GONE:
            return Fetched(0, 0, [])  # no news: the fetcher asks again at once
        raise error(f"node {node} answered a fetch with error {fetched.code}")


def fetch_in_sessions(consumer: AIOKafkaConsumer) -> None:
    """Make a started consumer fetch in sessions."""
    consumer._fetcher._client = FetchSessions(consumer._client)  # noqa: SLF001  (there is no public way)


def _by_topic(places: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    by_topic: dict[str, list[int]] = {}
    for topic, partition in places:
        by_topic.setdefault(topic, []).append(partition)
    return by_topic


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _SHORT.pack(len(encoded)) + encoded


def _partition_at(data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    """Read what came of one partition; returns where the next one starts."""
    *head, count = _PARTITION_ANSWER.unpack_from(data, at)
    at += _PARTITION_ANSWER.size
    aborted = None
    if count >= 0:
        aborted = [_ABORTED.unpack_from(data, at + number * _ABORTED.size) for number in range(count)]
        at += count * _ABORTED.size
    preferred_read_replica, length = _RECORDS.unpack_from(data, at)
    at += _RECORDS.size
    records = _piece(data, at, max(length, 0))
    return (*head, aborted, preferred_read_replica, records), at + len(records)


def _piece(data: bytes, start: int, length: int) -> bytes:
    if not 0 <= length <= len(data) - start:
        raise ValueError("the broker's answer to a fetch is cut off")
    return data[start : start + length]
