"""The connections to PostgreSQL, made when they are first needed; whatever the driver raises becomes one error."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from streamproc.codes.schema import bring_up_to_date
from streamproc.errors import LedgerUnavailable

LONG_SECONDS = 3600.0  # for what looks at whole pools
_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0

# `InternalClientError` is what the driver raises when a connection is lost at certain moments.
_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
Connection = Any  # the driver has two kinds, a plain one and one lent by a pool


class Database:
    """One database; `address` is a DSN with everything in it: user, password, TLS."""

    def __init__(self, address: str, connections: int) -> None:
        self._address = address
        self._connections = connections
        self._opened: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self, **options: Any) -> AsyncIterator[Connection]:
        """Lend a connection with a transaction around the block. Raises `LedgerUnavailable`."""
        try:
            async with self._opening:
                pool = self._opened = self._opened or await self._reach()
            async with pool.acquire(timeout=_CONNECT_SECONDS) as connection, connection.transaction(**options):
                yield connection
        except _FAILURES as error:
            raise LedgerUnavailable(f"PostgreSQL: {type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Let the connections go, without waiting for what is under way."""
        if self._opened is not None:
            self._opened.terminate()
            self._opened = None

    async def _reach(self) -> asyncpg.Pool:
        try:
            return await self._open()
        except FileNotFoundError as error:
            raise LedgerUnavailable("PostgreSQL: there is no file for TLS where the address says") from error
        except _FAILURES:
            raise  # some of them are ValueErrors too
        except (ValueError, OverflowError):
            # What the driver says of an address that it cannot read may quote the password.
            raise LedgerUnavailable("PostgreSQL: the address of the database cannot be read") from None

    async def _open(self) -> asyncpg.Pool:
        connection = await asyncpg.connect(self._address, timeout=_CONNECT_SECONDS)
        try:
            await bring_up_to_date(connection)
        finally:
            await connection.close(timeout=_CONNECT_SECONDS)
        pool: asyncpg.Pool = await asyncpg.create_pool(
            self._address,
            min_size=0,
            max_size=self._connections,
            timeout=_CONNECT_SECONDS,
            command_timeout=_ANSWER_SECONDS,
            # A worker that was stopped within a transaction holds up the others for so long.
            server_settings={"idle_in_transaction_session_timeout": f"{_ANSWER_SECONDS:.0f}s"},
        )
        return pool
