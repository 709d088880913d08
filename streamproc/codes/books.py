"""The books that the database keeps, as an audit reads them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from streamproc.codes.database import LONG_SECONDS, Database
from streamproc.codes.keys import publication_id, publication_key
from streamproc.codes.sql import query

_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class PoolBooks:
    """One campaign: codes that came by import or were made, and those that are there."""

    campaign_id: str
    imported: int
    made: int
    free: int
    given: int

    @property
    def missing(self) -> int:
        """How many of those that came are not there any more."""
        return max(self.imported + self.made - self.free - self.given, 0)


@dataclass(frozen=True, slots=True)
class Given:
    """One code that was given; `customer` is the digest of an id, see `keys`."""

    campaign_id: str
    code: str
    customer: str


class Books:
    """Reads, and changes nothing."""

    def __init__(self, address: str) -> None:
        self._database = Database(address, connections=1)

    async def pools(self) -> Sequence[PoolBooks]:
        """Count everything, at one moment."""
        async with self._database.transaction() as connection:
            return [PoolBooks(**row) for row in await connection.fetch(query("books"), timeout=LONG_SECONDS)]

    async def given_since(self, since: datetime) -> AsyncIterator[list[str]]:
        """Yield the publications since a time, as they are at one moment."""
        async with self._database.transaction() as connection:
            cursor = await connection.cursor(query("given_since"), since, timeout=LONG_SECONDS)
            while rows := await cursor.fetch(_AT_ONCE):
                yield [publication_id(row["publication"]) for row in rows]

    async def given(self, publications: Sequence[str]) -> Mapping[str, Given]:
        """Return what was given under these publications."""
        async with self._database.transaction() as connection:
            found = await connection.fetch(query("given"), [publication_key(one) for one in publications])
        return {
            publication_id(row["publication"]): Given(row["campaign_id"], row["code"], row["customer"].hex)
            for row in found
        }

    async def holders(self, codes: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str | None]:
        """Return, by campaign and code, under which publication it was given, None for a free one."""
        campaigns, texts = [campaign for campaign, _ in codes], [code for _, code in codes]
        async with self._database.transaction() as connection:
            found = await connection.fetch(query("holders"), campaigns, texts)
        return {
            (row["campaign_id"], row["code"]): row["publication"] and publication_id(row["publication"])
            for row in found
        }

    async def close(self) -> None:
        """Let the connection go."""
        await self._database.close()
