"""One customer, one code, whatever is killed or cut; and a control that shows that the test can fail.

CODES_EVENTS sets how many requests there are: 200,000 for the whole proof, fewer for every day.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from streamproc.cli.audit import audit_codes
from streamproc.local.postgres import LocalPostgres
from streamproc.runtime.kafka import Kafka
from tests.crash.codes_run import Books, CodesRun
from tests.crash.turmoil import Turmoil
from tests.support.databases import fresh_database
from tests.support.proxy import Proxy
from tests.support.workers import SESSION_SECONDS, STREAMPROC_WORKER, Workers

pytestmark = [pytest.mark.broker, pytest.mark.crash, pytest.mark.timeout(900)]

WORKERS = 2
EVENTS = int(os.environ.get("CODES_EVENTS") or 24_000)
BURST = 3_000
SURPLUS = 500
# Small chunks: many allocations and transactions for a kill to fall into.
SETTINGS = {"CHUNK_RECORDS": 100}
CATCHING_UP_SECONDS = 120 + EVENTS / 500
FORGETFUL_WORKER = (sys.executable, "-m", "tests.support.forgetful_worker")


@pytest.fixture(scope="module")
def server() -> Iterator[LocalPostgres]:
    """A database server of our own: it is killed."""
    with LocalPostgres() as server:
        yield server


@dataclass
class Scene:
    """What can be disturbed."""

    run: CodesRun
    turmoil: Turmoil
    network: Proxy
    server: LocalPostgres

    async def kill(self) -> None:
        """Kill a worker in the middle of its work."""
        await self.turmoil.kill()

    async def stop(self) -> None:
        """Stop a worker for longer than its session lasts, so that it is fenced when it wakes."""
        await self.turmoil.stop_for(SESSION_SECONDS + 1)

    async def kill_database(self) -> None:
        """Kill the database while it is asked, and start it again."""
        await self._busy()
        await asyncio.to_thread(self.server.kill)
        await asyncio.to_thread(self.server.start)

    async def cut(self) -> None:
        """Cut the network between all workers and the database."""
        await self._busy()
        await self.network.cut()
        await asyncio.sleep(0.5)
        await self.network.join()

    async def _busy(self) -> None:
        await self.run.write(BURST // 3)
        await asyncio.sleep(0.2)


@asynccontextmanager
async def scene(
    bootstrap: str,
    prefix: str,
    server: LocalPostgres,
    database: str,
    rng: Random,
    folder: Path,
    command: tuple[str, ...],
    events: int,
) -> AsyncIterator[Scene]:
    kafka = Kafka(bootstrap, prefix)
    run = CodesRun(kafka, database)
    await run.prepare(2 * events + SURPLUS)
    async with Proxy(database) as network:
        settings = {**SETTINGS, "POSTGRES": network.address}
        workers = Workers(kafka, folder, command=command, settings=settings)
        async with workers, Turmoil.of(run, workers, WORKERS, rng, BURST, kind="code") as turmoil:
            await run.configure(workers.all[0])
            yield Scene(run, turmoil, network, server)
            await turmoil.written()
            await run.write(max(events - run.written, 0))
            await run.until_all_sent(CATCHING_UP_SECONDS)
            await turmoil.stop_all()
            run.app_id = workers.app_id


@pytest.fixture
def rng() -> Random:
    """Chooses victims and moments. Its seed is printed when a test fails; CRASH_SEED sets it."""
    seed = int(os.environ.get("CRASH_SEED") or Random().randrange(1_000_000))
    print(f"seed {seed}")
    return Random(seed)


@asynccontextmanager
async def own_database(server: LocalPostgres) -> AsyncIterator[str]:
    """Address of an empty database on that server. It may be killed meanwhile, and is there again at the end."""
    database = fresh_database(server.address)
    address = await asyncio.to_thread(database.__enter__)
    try:
        yield address
    finally:
        await asyncio.to_thread(database.__exit__, None, None, None)


async def disturbed(
    kafka: str,
    prefix: str,
    server: LocalPostgres,
    rng: Random,
    folder: Path,
    steps: list[str],
    command: tuple[str, ...] = STREAMPROC_WORKER,
    events: int = EVENTS,
) -> tuple[CodesRun, Books]:
    """Play, disturb, and close the books; the audit that people run says the same of them."""
    async with own_database(server) as database:
        async with scene(kafka, prefix, server, database, rng, folder, command, events) as played:
            does: dict[str, Callable[[], Awaitable[None]]] = {
                "kill": played.kill, "stop": played.stop, "database": played.kill_database, "network": played.cut,
            }  # fmt: skip
            for step in rng.sample(steps, len(steps)):
                await does[step]()
        books = await played.run.books()
        audited = await audit_codes(played.run.kafka, played.run.app_id, database)
        assert audited.adds_up == (books.burnt == 0), audited.counts
        return played.run, books


async def test_kills_of_workers_and_database_and_cuts_burn_no_code_and_give_none_twice(
    kafka: str,
    topic_prefix: str,
    server: LocalPostgres,
    rng: Random,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    began = monotonic()
    steps = ["kill"] * 3 + ["stop", "database", "database", "network", "network"]
    run, books = await disturbed(kafka, topic_prefix, server, rng, tmp_path, steps)
    with capsys.disabled():
        print(f"\n{run.written:,} requests for codes, {len(steps)} disturbances, {monotonic() - began:.0f} s: {books}")
    assert set(asdict(books).values()) == {0}


async def test_a_ledger_that_does_not_know_a_request_again_burns_codes(
    kafka: str,
    topic_prefix: str,
    server: LocalPostgres,
    rng: Random,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    began = monotonic()
    steps = ["kill"] * 3 + ["database", "network"]
    run, books = await disturbed(kafka, topic_prefix, server, rng, tmp_path, steps, FORGETFUL_WORKER, 9_000)
    with capsys.disabled():
        print(f"\n{run.written:,} requests for codes, {len(steps)} disturbances, {monotonic() - began:.0f} s: {books}")
    assert books.burnt > 0
