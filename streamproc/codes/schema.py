"""The database's schema: brought up to date by whoever comes first, forward only, while older releases still run.

A migration says which is the oldest release that can work with the schema after it, releases being counted by their
own last migration. So a release can be rolled out, and back, as long as the migrations allow it.
"""

from typing import Any

import asyncpg

from streamproc.codes.sql import Migration, migrations, query
from streamproc.errors import LedgerUnavailable


async def bring_up_to_date(connection: Any) -> None:
    """Do the migrations that were not done.

    Raises `LedgerUnavailable` when the schema is too new for this release, or is not what it says it is.
    """
    if await _missing(connection):
        async with connection.transaction():
            await connection.execute(query("alone"))
            await connection.execute(query("schema"))
            for migration in await _missing(connection):
                await _migrate(connection, migration)
                await connection.execute(query("note_migration"), migration.number, migration.works_with)


async def _migrate(connection: Any, migration: Migration) -> None:
    try:
        await connection.execute(migration.text)
    except asyncpg.PostgresError as error:
        raise LedgerUnavailable(
            f"PostgreSQL: step {migration.number} of the schema of the codes cannot be done: {error}; if somebody has "
            "changed the schema by hand, or brought back a part of it, bring back all of it"
        ) from error


async def _missing(connection: Any) -> list[Any]:
    ours = migrations()
    done = await connection.fetch(query("migrations")) if await connection.fetchval(query("has_schema")) else []
    needed = max((row["works_with"] for row in done), default=0)
    if needed > ours[-1].number:
        raise LedgerUnavailable(
            f"PostgreSQL: the schema of the codes is that of a later release (it needs {needed}, this release has "
            f"{ours[-1].number}); upgrade streamproc"
        )
    known = {row["number"] for row in done}
    return [migration for migration in ours if migration.number not in known]
