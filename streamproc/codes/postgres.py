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
        allocating, goes_on = _Allocating(wanted), True
        while goes_on:
            async with self._transaction() as connection:
                pools = await self._pool_ids(connection, wanted)
                await connection.execute(query("allocating"))
                goes_on = await allocating.go_on(connection, pools)
                is_sure = goes_on or await allocating.is_empty_handed_for_good()
            self._pools = pools  # not before what made them is committed
            if not is_sure:
                told = "PostgreSQL: the last codes of a pool are in the hands of somebody who is not done"
                raise LedgerUnavailable(told)
        return allocating.found

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
            await connection.execute(query("importing"), pools[campaign_id])
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
    """One allocation: what was found, then what is taken, then what is made.

    A transaction that makes codes does so once, in their order, and has taken none. Otherwise two of them could each
    hold a code that the other one tries, and wait for each other.
    """

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self.found: dict[str, Allocation] = {}
        self._wanted = wanted
        self._has_taken = False
        self._attempts = 0
        self._missing: dict[str, Wanted] = {}

    async def go_on(self, connection: Connection, pools: Mapping[str, int]) -> bool:
        """Do what goes in one transaction; tell whether there is more to do."""
        self._connection, self._pools = connection, pools
        wanted = await self._find(self._wanted)
        # Of several requests of one customer that may join once, only the first is given a code.
        first: dict[tuple[str, str], Wanted] = {}
        following: dict[str, Wanted] = {}
        for one in wanted:
            if one.joins_once and one.id not in self.found:
                leader = first.setdefault((one.campaign_id, one.customer_id), one)
                if leader.id != one.id:
                    following[one.id] = leader
        self._missing = missing = {
            one.id: one for one in wanted if one.id not in self.found and one.id not in following
        }
        if missing and not self._has_taken and await self._take(missing):
            goes_on = any(one.made is not None for one in missing.values())
        else:
            goes_on = await self._make(missing)
        self._has_taken = True
        self.found |= {one: self.found[leader.id] for one, leader in following.items() if leader.id in self.found}
        self._wanted = [one for one in wanted if one.id not in self.found]
        return goes_on

    async def is_empty_handed_for_good(self) -> bool:
        """Tell whether those who got nothing found nothing: what others are about to take may come back from them."""
        campaigns = sorted({one.campaign_id for one in self._missing.values()})
        if not campaigns:
            return True
        return not any(row["free"] for row in await self._connection.fetch(query("count_free"), campaigns, 1))

    async def _find(self, wanted: Sequence[Wanted]) -> Sequence[Wanted]:
        """Find what was given before; return who may be given something."""
        keys = {publication_key(one.id): one for one in wanted}  # somebody may ask twice
        numbers = [one.number for one in keys.values()]
        given_up = set()
        for row in await self._connection.fetch(query("find"), list(keys), numbers):
            own_id = keys[row["publication"]].id
            if row["code"] is None:
                given_up.add(own_id)
            else:
                self.found[own_id] = Allocation(own_id, row["code"], row["request"])
        wanted = [one for one in wanted if one.id not in given_up]
        once = [one for one in wanted if one.joins_once and one.id not in self.found]
        if once:
            pools, customers = self._pools_of(once), [customer_key(one.customer_id) for one in once]
            for row in await self._connection.fetch(query("find_first"), pools, customers):
                earlier = publication_id(row["publication"])
                self.found[once[row["place"] - 1].id] = Allocation(earlier, row["code"], row["request"])
        return wanted

    async def _take(self, missing: dict[str, Wanted]) -> bool:
        """Take what is free; tell whether there was anything."""
        several = sorted(missing.values(), key=lambda one: self._pools[one.campaign_id])
        needed = Counter(self._pools_of(several))
        behind = list(accumulate(needed.values(), initial=0))[:-1]
        given = await self._connection.fetch(
            query("take"), list(needed), list(needed.values()), behind, *_requests(several)
        )
        self._note(given, missing)
        return bool(given)

    async def _make(self, missing: dict[str, Wanted]) -> bool:
        """Make codes; tell whether somebody has come first with some, so that others are to be tried."""
        makers = [(one, one.made) for one in missing.values() if one.made is not None]
        if not makers:
            return False
        await self._connection.execute(query("making"), sorted(set(self._pools_of(one for one, _ in makers))))
        self._attempts += 1
        is_luck_left = self._attempts <= AT_RANDOM
        tried = [(one, at_random(form)) for one, form in makers] if is_luck_left else await self._search(makers)
        if tried:
            ones, codes = [one for one, _ in tried], [code for _, code in tried]
            made = await self._connection.fetch(query("make"), self._pools_of(ones), codes, *_requests(ones))
            self._note(made, missing)
        return any(one.id in missing for one, _ in tried)

    async def _search(self, makers: Iterable[tuple[Wanted, CodeForm]]) -> list[tuple[Wanted, str]]:
        """Look for codes that nobody has, for as many as there are some."""
        by_form: dict[tuple[str, CodeForm], list[Wanted]] = {}
        for one, form in makers:
            by_form.setdefault((one.campaign_id, form), []).append(one)
        found: list[tuple[Wanted, str]] = []
        for (campaign, form), several in by_form.items():
            left = several
            for row in rows(form):
                known = await self._connection.fetch(query("known"), self._pools[campaign], row)
                taken = {record["code"] for record in known}
                free = [code for code in row if code not in taken]
                found += zip(left, free, strict=False)
                left = left[len(free) :]
                if not left:
                    break
        return found

    def _note(self, given: Iterable[Mapping[str, Any]], missing: dict[str, Wanted]) -> None:
        for row in given:
            own_id = publication_id(row["publication"])
            del missing[own_id]
            self.found[own_id] = Allocation(own_id, row["code"], row["request"])

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
