"""A stretch of network that can be cut: forwards connections to one address, until it does not."""

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from streamproc.local.addresses import LOOPBACK, free_ports

_BLOCK = 65536


class Proxy:
    """Listens on a port of its own and forwards to the place that a database's address names."""

    def __init__(self, address: str) -> None:
        self._target = urlsplit(address)
        (self.port,) = free_ports(1)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        """Address of the database as it is reached through here."""
        user = self._target.username
        return self._target._replace(netloc=f"{user}@{LOOPBACK}:{self.port}").geturl()

    async def join(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._forward, LOOPBACK, self.port)

    async def cut(self) -> None:
        """End all connections and take no more."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._connections):
                writer.transport.abort()
            self._server = None

    async def __aenter__(self) -> Self:
        await self.join()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            writer.transport.abort()
            return
        self._connections |= {writer, back}
        try:
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        finally:
            for end in (writer, back):
                end.transport.abort()
            self._connections -= {writer, back}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while block := await reader.read(_BLOCK):
            writer.write(block)
            await writer.drain()
    except (ConnectionError, OSError):
        pass
    finally:
        writer.transport.abort()
