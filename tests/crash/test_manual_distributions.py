"""Every customer of a segment once, whatever is killed while it is synced, held, released and sent; and a control.

RELEASE_WAVES, RELEASE_CUSTOMERS and RELEASE_RACED set how much there is: more for the whole proof than for every day.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from streamproc.local.kafka import LocalKafka
from streamproc.runtime.kafka import Kafka
from tests.crash.release_books import close_books
from tests.crash.release_run import HOLD_SECONDS, PARTITIONS, ReleaseRun
from tests.crash.turmoil import Turmoil
from tests.support.workers import SESSION_SECONDS, WorkerProcess, Workers, until

pytestmark = [pytest.mark.broker, pytest.mark.crash, pytest.mark.timeout(900)]

WORKERS = 2
WAVES = int(os.environ.get("RELEASE_WAVES") or 4)
CUSTOMERS = int(os.environ.get("RELEASE_CUSTOMERS") or 6_000)
RACED = int(os.environ.get("RELEASE_RACED") or 3)
SETTINGS = {"HOLD": HOLD_SECONDS}
LOOSE_CURSOR_WORKER = (sys.executable, "-m", "tests.support.loose_cursor_worker")
PHASE_SECONDS = 60
SETTLING_SECONDS = 60 + WAVES * RACED * CUSTOMERS / 20_000
# How long after a phase of a wave has begun its victim is struck, at most.
STRUCK_WITHIN_SECONDS = {"syncing": 0.3, "held": HOLD_SECONDS + 0.2, "sending": 0.4}
PAST = {
    "syncing": {"syncing", "held", "sending", "done"},
    "held": {"held", "sending", "done"},
    "sending": {"sending", "done"},
}


class ReleaseTurmoil(Turmoil):
    """Strikes somebody while a wave of distributions is synced, held or sent: mostly the control task's owner.

    `struck` counts the states in which the distributions were.
    """

    def __init__(self, run: ReleaseRun, workers: Workers, rng: Random, burst: int, *, phases: tuple[str, ...]) -> None:
        super().__init__(run, workers, rng, burst)
        self.struck: Counter[str] = Counter()
        self._releases = run
        self._phases = phases

    async def _working(self) -> WorkerProcess:
        while True:
            victim = self._rng.choice([self._owner_of_control(), *self._running])
            await self._while_it_runs(victim, victim.is_ready)
            identity = await self._releases.wave()
            phase = self._rng.choice(self._phases)
            await self._releases.until_state(identity, PAST[phase], PHASE_SECONDS)
            await asyncio.sleep(self._rng.uniform(0, STRUCK_WITHIN_SECONDS[phase]))
            if victim in self._running:
                self.struck[self._releases.states[identity]] += 1
                return victim

    def _owner_of_control(self) -> WorkerProcess:
        owners = [worker for worker in self._running if "control.0" in worker.owned()]
        return self._rng.choice(owners or self._running)


@asynccontextmanager
async def releasing(run: ReleaseRun) -> AsyncIterator[None]:
    """Keep a few waves on their way, so that something is sent nearly all the time."""

    async def write() -> None:
        while True:
            identity = await run.wave()
            await run.until_state(identity, PAST["held"], PHASE_SECONDS)

    writing = asyncio.create_task(write())
    try:
        yield
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing


@pytest.fixture(scope="module")
def broker() -> Iterator[LocalKafka]:
    """A broker of our own: it is stopped in the middle."""
    with LocalKafka() as broker:
        yield broker


@pytest.fixture
def rng() -> Random:
    """Chooses victims and moments. Its seed is printed when a test fails; CRASH_SEED sets it."""
    seed = int(os.environ.get("CRASH_SEED") or Random().randrange(1_000_000))
    print(f"seed {seed}")
    return Random(seed)


async def test_whatever_is_killed_each_customer_gets_it_once_in_the_version_that_the_receipts_name(
    broker: LocalKafka, rng: Random, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kafka, began = Kafka(broker.bootstrap, "releases."), monotonic()
    phases = ("syncing", "held", "sending", "sending")
    steps = ["broker", "stop", *["kill"] * max(WAVES - 3, 1), *["stop"] * (WAVES // 10)]
    async with ReleaseRun.opened(kafka, rng, customers=CUSTOMERS, raced=RACED) as run:
        async with (
            Workers(kafka, tmp_path, settings=SETTINGS, on_disk=True) as workers,
            ReleaseTurmoil.of(run, workers, WORKERS, rng, 1, phases=phases) as turmoil,
        ):
            for step in rng.sample(steps, len(steps)):
                if step == "kill":
                    await turmoil.kill()
                elif step == "stop":
                    await turmoil.stop_for(SESSION_SECONDS + 1)
                else:
                    await turmoil.restart_broker(broker)
            await turmoil.kill_all()
            await run.settle(SETTLING_SECONDS)
            await turmoil.stop_all()
        disturbed = monotonic() - began
        books = await close_books(run)
    with capsys.disabled():
        print(
            f"\n{books}\n{turmoil.tally}, struck while {dict(turmoil.struck)}, {disturbed:.0f} s, "
            f"with the recount {monotonic() - began:.0f} s"
        )
    assert books.add_up, str(books)


async def test_a_cursor_outside_the_transaction_sends_twice(
    broker: LocalKafka, rng: Random, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kafka, began = Kafka(broker.bootstrap, "loose."), monotonic()
    async with ReleaseRun.opened(kafka, rng, customers=CUSTOMERS) as run:
        async with (
            Workers(kafka, tmp_path, settings=SETTINGS, command=LOOSE_CURSOR_WORKER) as workers,
            ReleaseTurmoil.of(run, workers, WORKERS, rng, 1, phases=("sending",)) as turmoil,
        ):
            for _ in range(2):
                await turmoil.kill_all()
            await run.settle(SETTLING_SECONDS)
            await turmoil.stop_all()
        books = await close_books(run)
    with capsys.disabled():
        print(f"\n{books}\n{turmoil.tally}, {monotonic() - began:.0f} s")
    assert books.twice > 0


async def test_scaling_from_one_worker_to_three_and_back_in_the_middle_of_releases_changes_nothing(
    broker: LocalKafka, rng: Random, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kafka, began = Kafka(broker.bootstrap, "scaled."), monotonic()
    async with (
        ReleaseRun.opened(kafka, rng, customers=CUSTOMERS, raced=1) as run,
        Workers(kafka, tmp_path, settings=SETTINGS) as workers,
    ):
        first = await workers.started()

        async def shared_out() -> bool:
            ready = [await worker.is_ready() for worker in workers.all]
            shares = [{task for task in worker.owned() if "customer" in task} for worker in workers.all]
            return all(ready) and all(shares) and sum(map(len, shares)) == PARTITIONS

        async def sending() -> bool:
            return "sending" in run.states.values()

        async with releasing(run):
            await until(sending, within=PHASE_SECONDS, what="a release")
            second, third = workers.start(), workers.start()
            await until(shared_out, within=PHASE_SECONDS, what="a share for each of three")
            for worker in (first, second):
                await until(sending, within=PHASE_SECONDS, what="a release")
                await workers.stop(worker)
            await until(sending, within=PHASE_SECONDS, what="a release by the one that is left")
        await run.settle(SETTLING_SECONDS)
        await workers.stop(third)
        books = await close_books(run)
    with capsys.disabled():
        print(f"\n{books}\n{monotonic() - began:.0f} s")
    assert books.add_up, str(books)
