"""The ledger in PostgreSQL.

Connections are made when they are first needed, so that a database that is away holds up nobody but who wants codes.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import accumulate
from typing import Any
from uuid import UUID

from streamproc.codes.database import LONG_SECONDS, Connection, Database
from streamproc.codes.keys import customer_key, publication_id, publication_key
from streamproc.codes.ledger import Pool
from streamproc.codes.making import AT_RANDOM, at_random, rows
from streamproc.codes.sql import query
from streamproc.domain.codes import Allocation, CodeForm, Wanted
from streamproc.errors import LedgerUnavailable


class PostgresLedger:
    """Fits `ledger.Ledger`. `address` is a DSN with everything in it: user, password, TLS."""

    def __init__(self, address: str, connections: int = 4) -> None:
        self._database = Database(address, connections)
        self._pools: dict[str, int] = {}  # a campaign's id: its pool

    async def allocate(self, wanted: Sequence[Wanted]) -> Mapping[str, Allocation]:
        """See `Ledger`."""
        async with self._transaction() as connection:
            pools = await self._pool_ids(connection, wanted)
            await connection.execute(query("allocating"))
            allocating = _Allocating(connection, pools)
            found = await allocating.allocate(wanted)
            is_sure = await allocating.is_empty_handed_for_good()
        self._pools = pools  # not before what made them is committed
        if not is_sure:
            raise LedgerUnavailable("PostgreSQL: the last codes of a pool are in the hands of somebody who is not done")
        return found

    async def give_back(self, requests: Mapping[str, int]) -> None:
        """See `Ledger`."""
        keys, numbers = list(map(publication_key, requests)), list(requests.values())
        async with self._transaction() as connection:
            await connection.execute(query("giving_up"))
            await connection.execute(query("give_back"), keys, numbers)
            await connection.execute(query("note_given_up"), keys, numbers)
            await connection.execute(query("forget_given_up"))

    async def add(self, campaign_id: str, codes: Sequence[str]) -> Sequence[int]:
        """See `Ledger`."""
        async with self._transaction() as connection:
            pools = await _named_pools(connection, [campaign_id])
            await connection.execute(query("arriving"))
            await connection.copy_records_to_table("arriving", records=enumerate(codes), columns=["place", "code"])
            repeated = await connection.fetch(query("take_in"), pools[campaign_id], timeout=LONG_SECONDS)
            await connection.execute(query("note_imported"), pools[campaign_id], len(codes) - len(repeated))
            return [row["place"] for row in repeated]

    async def pools(self) -> Sequence[Pool]:
        """See `Ledger`."""
        async with self._transaction() as connection:
            counted = await connection.fetch(query("count"), timeout=LONG_SECONDS)
            return [Pool(row["campaign_id"], row["free"], row["given"]) for row in counted]

    async def free(self, campaigns: Sequence[str], limit: int) -> Mapping[str, int]:
        """See `Ledger`."""
        async with self._transaction() as connection:
            counted = await connection.fetch(query("count_free"), list(campaigns), limit)
        return dict.fromkeys(campaigns, 0) | {row["campaign_id"]: row["free"] for row in counted}

    async def close(self) -> None:
        """See `Ledger`."""
        await self._database.close()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        try:
            async with self._database.transaction() as connection:
                yield connection
        except LedgerUnavailable:
            self._pools = {}  # the database that answers next may be another
            raise

    async def _pool_ids(self, connection: Connection, wanted: Iterable[Wanted]) -> dict[str, int]:
        unknown = {one.campaign_id for one in wanted} - self._pools.keys()
        if not unknown:
            return self._pools
        return self._pools | await _named_pools(connection, sorted(unknown))


class _Allocating:
    """One allocation inside a transaction: what was found, then what is taken, then what is made."""

    def __init__(self, connection: Connection, pools: Mapping[str, int]) -> None:
        self._connection = connection
        self._pools = pools
        self._found: dict[str, Allocation] = {}
        self._missing: dict[str, Wanted] = {}

    async def allocate(self, wanted: Sequence[Wanted]) -> Mapping[str, Allocation]:
        wanted = await self._find(wanted)
        # Of several requests of one customer that may join once, only the first is given a code.
        first: dict[tuple[str, str], Wanted] = {}
        following: dict[str, Wanted] = {}
        for one in wanted:
            if one.joins_once and one.id not in self._found:
                leader = first.setdefault((one.campaign_id, one.customer_id), one)
                if leader.id != one.id:
                    following[one.id] = leader
        self._missing = missing = {
            one.id: one for one in wanted if one.id not in self._found and one.id not in following
        }
        if missing:
            await self._take(missing)
        if missing:
            await self._make(missing)
        self._found |= {one: self._found[leader.id] for one, leader in following.items() if leader.id in self._found}
        return self._found

    async def is_empty_handed_for_good(self) -> bool:
        """Tell whether those who got nothing found nothing: what others are about to take may come back from them."""
        campaigns = sorted({one.campaign_id for one in self._missing.values()})
        if not campaigns:
            return True
        return not any(row["free"] for row in await self._connection.fetch(query("count_free"), campaigns, 1))

    async def _find(self, wanted: Sequence[Wanted]) -> Sequence[Wanted]:
        """Find what was given before; return who may be given something."""
        keys = {publication_key(one.id): one.id for one in wanted}
        given_up = set()
        for row in await self._connection.fetch(query("find"), list(keys), [one.number for one in wanted]):
            own_id = keys[row["publication"]]
            if row["code"] is None:
                given_up.add(own_id)
            else:
                self._found[own_id] = Allocation(own_id, row["code"], row["request"])
        wanted = [one for one in wanted if one.id not in given_up]
        once = [one for one in wanted if one.joins_once and one.id not in self._found]
        if once:
            pools, customers = self._pools_of(once), [customer_key(one.customer_id) for one in once]
            for row in await self._connection.fetch(query("find_first"), pools, customers):
                earlier = publication_id(row["publication"])
                self._found[once[row["place"] - 1].id] = Allocation(earlier, row["code"], row["request"])
        return wanted

    async def _take(self, missing: dict[str, Wanted]) -> None:
        several = sorted(missing.values(), key=lambda one: self._pools[one.campaign_id])
        needed = Counter(self._pools_of(several))
        behind = list(accumulate(needed.values(), initial=0))[:-1]
        given = await self._connection.fetch(
            query("take"), list(needed), list(needed.values()), behind, *_requests(several)
        )
        self._note(given, missing)

    async def _make(self, missing: dict[str, Wanted]) -> None:
        for _ in range(AT_RANDOM):
            several = [(one, at_random(one.made)) for one in missing.values() if one.made is not None]
            if not several:
                return
            await self._insert(several, missing)
        by_form: dict[tuple[str, CodeForm], list[Wanted]] = {}
        for one in missing.values():
            if one.made is not None:
                by_form.setdefault((one.campaign_id, one.made), []).append(one)
        for (campaign, form), several_of_form in by_form.items():
            await self._make_from_rows(campaign, form, several_of_form, missing)

    async def _make_from_rows(
        self, campaign_id: str, form: CodeForm, several: Sequence[Wanted], missing: dict[str, Wanted]
    ) -> None:
        for row in rows(form):
            still = [one for one in several if one.id in missing]
            if not still:
                return
            known = await self._connection.fetch(query("known"), self._pools[campaign_id], row)
            taken = {record["code"] for record in known}
            free = [code for code in row if code not in taken]
            await self._insert(list(zip(still, free, strict=False)), missing)

    async def _insert(self, several: Sequence[tuple[Wanted, str]], missing: dict[str, Wanted]) -> None:
        ones = [one for one, _ in several]
        codes = [code for _, code in several]
        made = await self._connection.fetch(query("make"), self._pools_of(ones), codes, *_requests(ones))
        self._note(made, missing)

    def _note(self, given: Iterable[Mapping[str, Any]], missing: dict[str, Wanted]) -> None:
        for row in given:
            own_id = publication_id(row["publication"])
            del missing[own_id]
            self._found[own_id] = Allocation(own_id, row["code"], row["request"])

    def _pools_of(self, several: Iterable[Wanted]) -> list[int]:
        return [self._pools[one.campaign_id] for one in several]


async def _named_pools(connection: Connection, campaigns: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    # Twice at most: one that somebody else makes at this moment is seen when they are done.
    while len(found) < len(campaigns):
        found = {row["campaign_id"]: row["id"] for row in await connection.fetch(query("pools"), list(campaigns))}
    return found


def _requests(several: Sequence[Wanted]) -> tuple[list[UUID], list[UUID], list[int]]:
    publications = [publication_key(one.id) for one in several]
    return publications, [customer_key(one.customer_id) for one in several], [one.number for one in several]
