"""Writes are sent in parts, to the byte as the client would send them, and fail as the client's requests do."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiokafka.client import ConnectionGroup
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError, NodeNotReadyError, RequestTimedOutError
from aiokafka.structs import TopicPartition

from streamproc.runtime.wire import Produce, send_in_parts

NODE = 1
TIMEOUT_MILLISECONDS = 200
PRODUCE = Produce("tx", {TopicPartition(topic, number): b"%d" % number * 100 for topic in "tu" for number in range(3)})
ANSWERED = {TopicPartition("t", 1): 7}
#: One topic with one partition: its code, then offset, time, first offset, no errors of records, no text, no tags.
ANSWER = b"\x02\x02t\x02" + struct.pack(">ih", 1, 7) + bytes(24) + b"\x01\x00\x00" + b"\x00"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Client:
    """The part of a client that a write needs."""

    def __init__(self, connection: AIOKafkaConnection, *, is_ready: bool = True) -> None:
        self._conns = {(NODE, ConnectionGroup.DEFAULT): connection}
        self._is_ready = is_ready

    async def ready(self, _node: int) -> bool:
        return self._is_ready


@asynccontextmanager
async def connected(answer: Answer, versions: dict[int, tuple[int, int]] | None = None) -> AsyncIterator[Any]:
    """Connect to a server that answers each connection so."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    connection = AIOKafkaConnection(*server.sockets[0].getsockname(), request_timeout_ms=TIMEOUT_MILLISECONDS)
    connection._versions = versions or {Produce.API_KEY: (0, Produce.API_VERSION)}

    async def known_already() -> None:
        """Ask for no versions."""

    connection._do_version_lookup = known_already
    await connection.connect()
    try:
        yield connection
    finally:
        connection.close()
        server.close()
        await server.wait_closed()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        await reader.read()
    writer.close()


async def test_what_is_sent_is_what_the_client_sends_and_the_answer_comes_back() -> None:
    got: list[bytes] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                got.append(await reader.readexactly(size))
                answer = got[-1][4:8] + b"\x00" + ANSWER + bytes(4) + b"\x00"
                writer.write(struct.pack(">i", len(answer)) + answer)
        writer.close()

    async with connected(echo) as connection:
        assert await send_in_parts(Client(connection), NODE, PRODUCE) == ANSWERED
        assert await connection.send(PRODUCE) == ANSWERED
    ours, the_clients = got
    assert ours[:4] == the_clients[:4]
    assert ours[8:] == the_clients[8:]  # but for the number of the request


async def test_without_an_answer_the_connection_is_closed_and_nothing_waits() -> None:
    async with connected(silent) as connection:
        with pytest.raises(RequestTimedOutError):
            await send_in_parts(Client(connection), NODE, PRODUCE)
        assert not connection.connected()
        assert not connection._requests
        with pytest.raises(KafkaConnectionError):
            await send_in_parts(Client(connection), NODE, PRODUCE)


async def test_a_connection_that_breaks_meanwhile_ends_the_write() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with connected(hang_up) as connection:
        with pytest.raises(KafkaConnectionError):
            await send_in_parts(Client(connection), NODE, PRODUCE)


async def test_a_write_that_the_system_refuses_closes_the_connection() -> None:
    class Broken:
        def writelines(self, _parts: list[bytes]) -> None:
            raise OSError("no route")

        def close(self) -> None:
            """Nothing is open."""

    async with connected(silent) as connection:
        connection._writer.close()
        connection._writer = Broken()
        with pytest.raises(KafkaConnectionError, match="no route"):
            await send_in_parts(Client(connection), NODE, PRODUCE)
        assert not connection.connected()


async def test_a_node_that_is_not_ready_and_a_broker_that_is_too_old_are_sent_nothing() -> None:
    async with connected(silent, {Produce.API_KEY: (0, Produce.API_VERSION - 1)}) as connection:
        with pytest.raises(NodeNotReadyError):
            await send_in_parts(Client(connection, is_ready=False), NODE, PRODUCE)
        with pytest.raises(IncompatibleBrokerVersion):
            await send_in_parts(Client(connection), NODE, PRODUCE)
        assert not connection._requests
