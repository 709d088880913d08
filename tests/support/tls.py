"""TLS in front of a PostgreSQL that has none, as servers with TLS speak it; and a certificate of our own for it."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

# What a client sends first when it wants TLS.
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
_BLOCK = 65_536


def certificate(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """Make a certificate that nobody has signed but itself; return it and its key."""
    made, key = folder / "server.crt", folder / "server.key"
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", str(key), "-out", str(made)], check=True, capture_output=True)
    return made, key


class TlsServer:
    """Takes connections with TLS and hands what comes over them on; others it refuses, as `hostssl` does."""

    def __init__(self, target: str, context: ssl.SSLContext) -> None:
        self._target = urlsplit(target)
        self._context = context
        self.port = 0
        self.encrypted = 0

    @classmethod
    @asynccontextmanager
    async def before(cls, address: str, made: Path, key: Path) -> AsyncIterator["TlsServer"]:
        """Stand before the server of a database for the block."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(made, key)
        server = cls(address, context)
        listening = await asyncio.start_server(server._take, "127.0.0.1", 0)
        server.port = listening.sockets[0].getsockname()[1]
        try:
            yield server
        finally:
            listening.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(len(_SSL_REQUEST)) == _SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(self._context)
                self.encrypted += 1
                await self._relay(reader, writer)
        writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await reader.read(_BLOCK):
            writer.write(block)
            await writer.drain()
    writer.close()
