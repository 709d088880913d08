"""What is asked of the ledger in PostgreSQL beyond the contract: schema, outages, several workers."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from streamproc.codes.books import Books, PoolBooks
from streamproc.codes.database import Database
from streamproc.codes.keys import customer_key, publication_key
from streamproc.codes.ledger import Pool
from streamproc.codes.postgres import PostgresLedger
from streamproc.codes.sql import migrations, query
from streamproc.domain.codes import Allocation, CodeForm, Wanted
from streamproc.errors import LedgerUnavailable
from streamproc.local.postgres import LocalPostgres
from tests.benchmarks.contention import rate_of_processes
from tests.contract.test_ledger import codes, numbers, wanted
from tests.support.databases import fetch
from tests.support.workers import until


@pytest.fixture
async def ledger(database: str) -> AsyncIterator[PostgresLedger]:
    real = PostgresLedger(database)
    yield real
    await real.close()


async def insistently(ledger: PostgresLedger, asked: Sequence[Wanted]) -> Mapping[str, Allocation]:
    """Ask until it is answered, as a desk does."""
    while True:
        try:
            return await ledger.allocate(asked)
        except LedgerUnavailable:
            await asyncio.sleep(0.01)


async def deadlocks(database: str) -> object:
    ((number,),) = await fetch(database, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return number


@asynccontextmanager
async def half_done(database: str, number: int) -> AsyncIterator[None]:
    """Allocate for one request of the first pool, and commit after the block."""
    key = publication_key(numbers(number)[0].id)
    connection = await asyncpg.connect(database)
    async with connection.transaction():
        await connection.execute(query("allocating"))
        await connection.fetch(query("take"), [1], [1], [0], [key], [key], [0])
        yield
    await connection.close()


def test_migrations_are_numbered_in_a_row_and_none_asks_for_what_comes_after_it() -> None:
    assert [one.number for one in migrations()] == list(range(1, len(migrations()) + 1))
    assert all(0 < one.works_with <= one.number for one in migrations())


async def test_whoever_comes_first_makes_the_schema_and_all_others_find_it(database: str) -> None:
    several = [PostgresLedger(database) for _ in range(4)]
    assert await asyncio.gather(*(one.pools() for one in several)) == [[]] * 4
    assert await fetch(database, "SELECT number FROM streamproc.migrations ORDER BY number") == [
        (one.number,) for one in migrations()
    ]
    await asyncio.gather(*(one.close() for one in several))


@pytest.mark.parametrize(("needed", "works"), [(1, True), (len(migrations()) + 1, False)])
async def test_a_later_schema_is_used_as_long_as_it_works_with_this_release(
    database: str, ledger: PostgresLedger, needed: int, works: bool
) -> None:
    await ledger.add("camp_1", ["a"])
    await fetch(database, query("note_migration"), len(migrations()) + 1, needed)
    restarted = PostgresLedger(database)
    if works:
        assert codes(await restarted.allocate(numbers(1))) == ["a"]
    else:
        with pytest.raises(LedgerUnavailable, match=r"later release .* upgrade streamproc"):
            await restarted.pools()
    # Who runs already goes on.
    assert [(pool.free + pool.given) for pool in await ledger.pools()] == [1]
    await restarted.close()


async def test_of_a_schema_that_is_there_in_part_it_is_told_which_step_fails_and_nothing_is_lost(
    database: str, ledger: PostgresLedger
) -> None:
    await ledger.add("camp_1", ["a"])
    await fetch(database, "DELETE FROM streamproc.migrations WHERE number = 3")
    restarted = PostgresLedger(database)
    with pytest.raises(LedgerUnavailable, match=r'step 3 of the schema .* "imported" .* already exists; if somebody'):
        await restarted.allocate(numbers(1))
    await fetch(database, query("note_migration"), 3, 1)
    assert codes(await restarted.allocate(numbers(1))) == ["a"]
    await restarted.close()


async def test_a_schema_that_is_taken_away_is_an_error_that_says_so_and_back_in_place_nothing_is_lost(
    database: str, ledger: PostgresLedger
) -> None:
    await ledger.add("camp_1", ["a", "b"])
    first = await ledger.allocate(numbers(1))
    await fetch(database, "ALTER SCHEMA streamproc RENAME TO taken_away")
    with pytest.raises(LedgerUnavailable, match=r'relation "streamproc\.\w+" does not exist'):
        await ledger.allocate(numbers(1, 2))
    await fetch(database, "ALTER SCHEMA taken_away RENAME TO streamproc")
    assert (await ledger.allocate(numbers(1, 2))).items() > first.items()


@pytest.mark.parametrize("place", ["/none", "no_port"])
async def test_a_database_that_is_not_there_is_unavailable(database: str, place: str) -> None:
    parts = urlsplit(database)
    address = parts._replace(path=place) if place == "/none" else parts._replace(netloc="postgres@127.0.0.1:1")
    ledger = PostgresLedger(address.geturl())
    with pytest.raises(LedgerUnavailable, match="PostgreSQL: "):
        await ledger.allocate(numbers(1))


async def test_codes_that_others_hold_are_passed_over_but_not_taken_for_gone(
    database: str, ledger: PostgresLedger
) -> None:
    await ledger.add("camp_1", ["a", "b", "c"])
    other = await asyncpg.connect(database)
    transaction = other.transaction()
    await transaction.start()
    await other.fetch("SELECT FROM streamproc.codes WHERE code IN ('a', 'c') FOR UPDATE")
    assert codes(await ledger.allocate(numbers(1))) == ["b"]
    with pytest.raises(LedgerUnavailable, match="not done"):
        await ledger.allocate(numbers(1, 2))
    await transaction.rollback()
    assert sorted(codes(await ledger.allocate(numbers(1, 2)))) == ["a", "b"]
    await other.close()


async def test_two_who_ask_for_the_same_at_the_same_time_end_with_the_same(database: str) -> None:
    """A worker that was stopped and the one that has taken its place."""
    several = [PostgresLedger(database) for _ in range(2)]
    await several[0].add("camp_1", [str(number) for number in range(1000)])

    async def take(ledger: PostgresLedger) -> object:
        while True:
            try:
                return await ledger.allocate(numbers(*range(300)))
            except LedgerUnavailable:
                await asyncio.sleep(0)

    first, second = await asyncio.gather(*map(take, several))
    assert first == second
    assert await several[0].pools() == [Pool("camp_1", free=700, given=300)]
    await asyncio.gather(*(one.close() for one in several))


async def test_nobody_on_the_same_campaign_waits_for_an_allocation_that_is_not_done(
    database: str, ledger: PostgresLedger
) -> None:
    await ledger.add("camp_1", ["a", "b", "c"])
    async with half_done(database, 1):
        assert codes(await ledger.allocate(numbers(2))) == ["b"]
        assert codes(await ledger.allocate([wanted(3, made=CodeForm.of({}))])) == ["c"]
    assert await ledger.pools() == [Pool("camp_1", free=0, given=3)]


async def test_four_workers_on_one_campaign_are_all_served_and_none_stands_in_the_way_of_another(
    database: str, ledger: PostgresLedger
) -> None:
    await ledger.add("camp_1", [str(number) for number in range(24_000)])
    await asyncio.to_thread(rate_of_processes, database, "camp_1", 4, 4_000)
    assert await ledger.pools() == [Pool("camp_1", free=8_000, given=16_000)]
    assert await deadlocks(database) == 0


@pytest.mark.parametrize("are_imported", [False, True])
async def test_workers_that_make_codes_of_one_small_pattern_give_all_of_them_and_none_stands_in_the_way_of_another(
    database: str, ledger: PostgresLedger, are_imported: bool
) -> None:
    """Also while somebody imports the same codes."""
    several = [PostgresLedger(database) for _ in range(4)]
    every = [f"A-{number:03}" for number in range(1000)]
    made = CodeForm.of({"code": {"pattern": "A-###", "charset": "0123456789"}})

    async def take(worker: int) -> list[str]:
        taken = []
        for first in range(10_000 * worker, 10_000 * worker + 260, 130):
            asked = [wanted(number, made=made) for number in range(first, first + 130)]
            taken += codes(await insistently(several[worker], asked))
        return taken

    async def bring() -> list[str]:
        if are_imported:
            for first in range(750, -1, -250):
                await ledger.add("camp_1", every[first : first + 250][::-1])
        return []

    taken = await asyncio.gather(*map(take, range(4)), bring())
    assert sorted(code for codes_of_one in taken for code in codes_of_one) == every
    assert await ledger.pools() == [Pool("camp_1", free=0, given=1000)]
    assert await deadlocks(database) == 0
    await asyncio.gather(*(one.close() for one in several))


async def test_two_who_import_the_same_codes_in_different_orders_bring_each_code_once(database: str) -> None:
    several = [PostgresLedger(database) for _ in range(2)]
    imported = [str(number) for number in range(20_000)]
    await several[0].add("camp_1", ["first"])
    repeated = await asyncio.gather(several[0].add("camp_1", imported), several[1].add("camp_1", imported[::-1]))
    assert sorted(map(len, repeated)) == [0, 20_000]
    assert await several[0].pools() == [Pool("camp_1", free=20_001, given=0)]
    assert await deadlocks(database) == 0
    await asyncio.gather(*(one.close() for one in several))


async def test_what_is_given_up_waits_for_an_allocation_that_is_not_done_and_takes_its_code_back(
    database: str, ledger: PostgresLedger
) -> None:
    await ledger.add("camp_1", ["a", "b"])
    async with half_done(database, 1):
        giving_up = asyncio.create_task(ledger.give_back({numbers(1)[0].id: 0}))

        async def waits() -> bool:
            return bool(await fetch(database, "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))

        await until(waits, within=10, what="the wait for the one that is not done")
    await giving_up
    assert await ledger.pools() == [Pool("camp_1", free=2, given=0)]


async def test_who_stands_still_in_the_middle_of_an_allocation_is_put_out_by_the_database(
    database: str, ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ledger.add("camp_1", ["a", "b"])
    monkeypatch.setattr("streamproc.codes.database._ANSWER_SECONDS", 1)
    stopped, key = Database(database, connections=1), publication_key(numbers(1)[0].id)

    async def stand_still() -> None:
        async with stopped.transaction() as connection:
            await connection.execute(query("allocating"))
            await connection.fetch(query("take"), [1], [1], [0], [key], [key], [0])
            await ledger.give_back({numbers(1)[0].id: 0})
            await connection.fetch(query("count"))

    with pytest.raises(LedgerUnavailable, match=r"IdleInTransaction|connection"):
        await stand_still()
    assert await ledger.pools() == [Pool("camp_1", free=2, given=0)]
    await stopped.close()


async def test_the_first_schema_is_brought_up_to_date_with_what_is_in_it(database: str, ledger: PostgresLedger) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute(query("schema"))
    await connection.execute(migrations()[0].text)
    await connection.execute(query("note_migration"), 1, 1)
    await connection.execute("INSERT INTO streamproc.pools (campaign_id) VALUES ('camp_1')")
    await connection.execute("INSERT INTO streamproc.codes (pool, code) SELECT id, 'a' FROM streamproc.pools")
    await connection.execute(
        "INSERT INTO streamproc.codes (pool, code, publication, customer, given_at) "
        "SELECT id, 'z', $1, $2, now() FROM streamproc.pools",
        publication_key(numbers(9)[0].id),
        customer_key("ann"),
    )
    await connection.close()
    once = wanted(8, "ann", joins_once=True)
    assert await ledger.allocate([once]) == {once.id: Allocation(numbers(9)[0].id, "z", -1)}
    # Nobody knows for which request that was: it goes back as it did in that release.
    await ledger.give_back({numbers(9)[0].id: 5})
    assert codes(await ledger.allocate(numbers(7))) == ["a"]
    made = CodeForm.of({})
    assert len(await ledger.allocate([wanted(number, made=made) for number in (1, 2)])) == 2  # z, and a new one
    await ledger.give_back({numbers(1)[0].id: 0})
    assert await ledger.allocate(numbers(1)) == {}
    await ledger.add("camp_1", ["b", "c", "a"])
    books = Books(database)
    assert await books.pools() == [PoolBooks("camp_1", imported=4, made=1, free=3, given=2)]
    await books.close()


async def test_holders_are_found_while_the_planner_takes_the_table_for_empty(
    database: str, ledger: PostgresLedger
) -> None:
    """Comparing all with all takes minutes, and the database is given half of one."""
    await ledger.add("camp_1", [])
    importing, other = await asyncpg.connect(database), await asyncpg.connect(database)
    await other.execute("ALTER TABLE streamproc.codes SET (autovacuum_enabled = off)")
    async with importing.transaction():
        await importing.execute(
            "INSERT INTO streamproc.codes (pool, code) SELECT 1, n FROM generate_series(1, 60000) n"
        )
        await other.execute("ANALYZE streamproc.pools; ANALYZE streamproc.codes")
    assert await other.fetchval("SELECT reltuples FROM pg_class WHERE oid = 'streamproc.codes'::regclass") == 0
    (given,) = codes(await ledger.allocate(numbers(1)))
    books, asked = Books(database), [("camp_1", str(number)) for number in range(1, 30_001)]
    found = await books.holders([*asked, ("camp_2", "1"), ("camp_1", given)])
    assert found == {**dict.fromkeys(asked), ("camp_1", given): numbers(1)[0].id}
    await asyncio.gather(books.close(), importing.close(), other.close())


def of_release_3(name: str) -> str:
    """Return a statement of an earlier release."""
    text = (Path(__file__).parent / "release_3.sql").read_text(encoding="utf-8")
    _, *parts = re.split(r"^-- (\w+) --$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))[name]


async def test_an_earlier_release_works_on_with_the_schema_of_this_one_and_each_goes_on_with_the_other_s_codes(
    database: str, ledger: PostgresLedger
) -> None:
    """While a release is rolled out both run."""
    await ledger.add("camp_1", ["a", "b"])
    await ledger.allocate(numbers(1))
    keys = {number: publication_key(numbers(number)[0].id) for number in range(5)}
    connection = await asyncpg.connect(database)

    async def does(name: str, *arguments: object) -> list[tuple[object, ...]]:
        return [tuple(row) for row in await connection.fetch(of_release_3(name), *arguments)]

    # The earlier one takes, makes, finds what the later one has given, and gives it up
    assert await does("take", [1], [1], [0], [keys[2]], [keys[2]]) == [(keys[2], "b")]
    assert await does("make", [1], ["m"], [keys[3]], [keys[3]]) == [(keys[3], "m")]
    assert await does("find", [keys[1], keys[4]], [0, 0]) == [(keys[1], "a")]
    found = sorted((await ledger.allocate(numbers(1, 2, 3))).values(), key=lambda one: one.code)
    assert [(one.code, one.number) for one in found] == [("a", 0), ("b", -1), ("m", -1)]
    await does("give_back", [keys[1]])
    await does("note_given_up", [keys[1]], [0])
    # And the later one what the earlier one has given; then it takes what that gave back
    await ledger.give_back({numbers(2)[0].id: 0})
    assert await ledger.allocate(numbers(1, 2)) == {}
    assert codes(await ledger.allocate([wanted(4, number=9)])) == ["a"]
    await ledger.give_back({numbers(4)[0].id: 9})
    assert await ledger.pools() == [Pool("camp_1", free=2, given=1)]
    await connection.close()


@pytest.fixture(scope="module")
def own_server() -> Iterator[LocalPostgres]:
    """A server that may be killed."""
    with LocalPostgres() as server:
        yield server


async def test_a_server_that_was_killed_is_used_again_when_it_is_back_and_has_forgotten_nothing(
    own_server: LocalPostgres,
) -> None:
    ledger = PostgresLedger(own_server.address)
    made = CodeForm.of({})
    before = await ledger.allocate([wanted(number, made=made) for number in range(50)])
    own_server.kill()
    with pytest.raises(LedgerUnavailable):
        await ledger.allocate(numbers(1))
    own_server.start()

    async def answers() -> bool:
        try:
            return bool(await ledger.pools())
        except LedgerUnavailable:
            return False

    await until(answers, within=30, what="an answer of the server that is back")
    assert await ledger.allocate([wanted(number, made=made) for number in range(50)]) == before
    await ledger.close()
