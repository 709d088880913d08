"""Databases of their own for tests, on a server that is there: the one of the session, or one that a variable names."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import asyncpg


@contextmanager
def fresh_database(server: str, template: str = "template1") -> Iterator[str]:
    """Address of an empty database, or of a copy, gone after the block. Nothing else on the server is touched."""
    name = f"streamproc_test_{uuid.uuid4().hex}"
    asyncio.run(_execute(server, f"CREATE DATABASE {name} TEMPLATE {template}"))
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        asyncio.run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def fetch(server: str, statement: str, *arguments: object) -> list[tuple[object, ...]]:
    """Ask a database something."""
    connection = await asyncpg.connect(server)
    try:
        return [tuple(row) for row in await connection.fetch(statement, *arguments)]
    finally:
        await connection.close()
