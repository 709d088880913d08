"""Whatever gets lost, a broker that keeps sessions fetches just what was asked for, and its answers are read whole."""

import asyncio
import struct
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    FetchSessionIdNotFound,
    InvalidFetchSessionEpoch,
    KafkaConnectionError,
    KafkaError,
    UnknownError,
)
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v11, FetchResponse_v11
from hypothesis import given
from hypothesis import strategies as st

from streamproc.runtime.fetch_sessions import Fetch, FetchSessions, Session

NODE = 1
TOPICS = st.sampled_from(["events", "customers", "commands-é"])
#: Topic and partition: offset and most bytes.
WANTED = st.dictionaries(
    st.tuples(TOPICS, st.integers(0, 3)), st.tuples(st.integers(0, 2), st.sampled_from([500, 1000]))
)
#: What becomes of a fetch: answered, lost on its way there or back, or answered with an error.
FATES = st.sampled_from(
    ["answered", "answered", "answered", "lost", "answer lost", "cancelled", "session gone", "epoch wrong", "error"]
)
INTS, LONGS = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
PARTITION = st.tuples(
    INTS, st.integers(0, 100), LONGS, LONGS, LONGS, st.none() | st.lists(st.tuples(LONGS, LONGS), max_size=3), INTS,
    st.binary(max_size=40),
)  # fmt: skip
ANSWERS = st.lists(st.tuples(st.text(max_size=10), st.lists(PARTITION, max_size=4)), max_size=3)


Wanted = dict[tuple[str, int], tuple[int, int]]


def asked(wanted: Wanted, rack: str = "") -> FetchRequest:
    topics: dict[str, list[tuple[int, int, int]]] = {}
    for (topic, partition), (offset, size) in wanted.items():
        topics.setdefault(topic, []).append((partition, offset, size))
    return FetchRequest(100, 1, 5000, 1, list(topics.items()), rack)


def parsed(fetch: Fetch) -> FetchRequest_v11:
    return FetchRequest_v11.decode(BytesIO(fetch.encode()))


def places(topics: list[Any]) -> Wanted:
    return {(topic, one[0]): (one[2], one[4]) for topic, partitions in topics for one in partitions}


class Broker:
    """A client and its broker, which keeps one session as KIP-227 has it."""

    def __init__(self, *, has_room: bool = True) -> None:
        self.cluster = "the client's"
        self.fate = "answered"
        self.fetched: Wanted = {}
        self.named = 0
        self._has_room = has_room
        self._sessions: dict[int, Wanted] = {}
        self._epochs: dict[int, int] = {}
        self._latest = 0
        self._unheard_of = 0

    async def send(self, _node: int, fetch: Any) -> Any:
        if not isinstance(fetch, Fetch):
            return fetch
        if self.fate == "lost":
            raise KafkaConnectionError
        told = parsed(fetch)
        answer = self._answer(told)
        if self.fate == "answer lost":
            raise KafkaConnectionError
        if self.fate == "cancelled":
            raise asyncio.CancelledError
        return fetch.decode(BytesIO(answer.encode()))

    def _answer(self, told: Any) -> FetchResponse_v11:
        if told.session_epoch == 0:
            self._sessions.pop(told.session_id, None)
            self._latest += 1
            kept = places(told.topics)
            assert not told.forgotten_topics_data
            number = self._latest if self._has_room else 0
            if number:
                self._sessions[number], self._epochs[number] = kept, 1
        else:
            number = told.session_id
            if self.fate == "session gone":
                self._sessions.pop(number, None)
            if number not in self._sessions:
                return FetchResponse_v11(0, FetchSessionIdNotFound.errno, 0, [])
            assert self._epochs[number] == told.session_epoch
            if self.fate == "epoch wrong":
                return FetchResponse_v11(0, InvalidFetchSessionEpoch.errno, number, [])
            self._epochs[number] += 1
            kept = self._sessions[number]
            for topic, partitions in told.forgotten_topics_data:
                for partition in partitions:
                    del kept[topic, partition]
            kept.update(places(told.topics))
        # One of which the client has never heard cannot be closed by it.
        assert len(self._sessions) <= 1 + self._unheard_of
        self._unheard_of += told.session_epoch == 0 and self.fate != "answered"
        self.fetched, self.named = dict(kept), len(places(told.topics))
        return FetchResponse_v11(0, UnknownError.errno if self.fate == "error" else 0, number, [])


@given(st.lists(st.tuples(WANTED, FATES), max_size=12), st.booleans())
async def test_the_broker_fetches_what_was_asked_for_last(fetches: list[tuple[Wanted, str]], has_room: bool) -> None:
    broker = Broker(has_room=has_room)
    sessions = FetchSessions(broker)
    for wanted, fate in fetches:
        broker.fate = fate
        try:
            fetched = await sessions.send(NODE, asked(wanted))
        except (KafkaError, asyncio.CancelledError):
            assert fate not in {"answered", "session gone", "epoch wrong"}
            continue
        assert (fetched.API_VERSION, fetched.topics) == (11, [])
        if fate == "answered":
            assert broker.fetched == wanted


async def test_what_has_not_changed_is_not_named_again() -> None:
    broker = Broker()
    sessions = FetchSessions(broker)
    wanted = {("events", number): (0, 1000) for number in range(8)}
    named = []
    for changed in ({}, {("events", 3): (5, 1000)}, {("customers", 0): (0, 1000)}, {}):
        wanted |= changed
        await sessions.send(NODE, asked(wanted))
        named.append(broker.named)
    assert named == [8, 1, 1, 0]


async def test_without_room_at_the_broker_everything_is_named() -> None:
    broker = Broker(has_room=False)
    sessions = FetchSessions(broker)
    for _ in range(3):
        broker.named = 0
        await sessions.send(NODE, asked({("events", 0): (0, 1000), ("events", 1): (0, 1000)}))
        assert broker.named == 2


async def test_each_node_has_a_session_of_its_own() -> None:
    brokers = {1: Broker(), 2: Broker()}

    async def send(node: int, fetch: Any) -> Any:
        return await brokers[node].send(node, fetch)

    sessions = FetchSessions(SimpleNamespace(send=send))
    for offset in range(3):
        for node, broker in brokers.items():
            wanted = {("events", node): (offset, 1000)}
            await sessions.send(node, asked(wanted))
            assert broker.fetched == wanted


async def test_an_error_of_the_whole_answer_is_raised() -> None:
    broker = Broker()
    broker.fate = "error"
    with pytest.raises(UnknownError, match="node 1 answered a fetch with error -1"):
        await FetchSessions(broker).send(NODE, asked({("events", 0): (0, 1000)}))


async def test_other_requests_and_the_rest_of_the_client_are_left_alone() -> None:
    sessions = FetchSessions(Broker())
    assert await sessions.send(NODE, "metadata") == "metadata"
    assert sessions.cluster == "the client's"


@given(WANTED, st.text(max_size=5))
def test_a_first_fetch_says_what_the_client_would_say(wanted: Wanted, rack: str) -> None:
    told, own = parsed(Fetch(asked(wanted, rack), Session())), asked(wanted, rack).prepare({1: (0, 11)})
    assert (told.session_id, told.session_epoch) == (0, 0)
    # The client fetches without a session.
    own.session_id = own.session_epoch = 0
    assert told.encode() == own.encode()


@given(ANSWERS, INTS, st.binary(max_size=4))
def test_answers_are_read_as_the_client_reads_them(topics: list[Any], session: int, header: bytes) -> None:
    encoded = header + FetchResponse_v11(7, 0, session, topics).encode()
    answer = BytesIO(encoded)
    answer.seek(len(header))
    fetched = Fetch(asked({}), Session()).decode(answer)
    assert (fetched.code, fetched.session_id, fetched.topics) == (0, session, topics)


@given(ANSWERS.filter(bool), st.data())
def test_an_answer_that_is_cut_off_is_refused(topics: list[Any], data: st.DataObject) -> None:
    encoded = FetchResponse_v11(7, 0, 1, topics).encode()
    cut = encoded[: data.draw(st.integers(0, len(encoded) - 1))]
    with pytest.raises((ValueError, struct.error)):
        Fetch(asked({}), Session()).decode(BytesIO(cut))


def test_epochs_begin_again_behind_the_last_one() -> None:
    session = Session()
    session.go_on(5)
    session.epoch = 2**31 - 1
    session.go_on(5)
    assert session.epoch == 1
