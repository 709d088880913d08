"""How work moves from one worker to another: after a kill, after a stop, and past a broker that was away."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest
from aiokafka.structs import TopicPartition

from streamproc.local.kafka import LocalKafka
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.offsets import committed_offsets
from streamproc.topics import Topic
from tests.crash.shop_run import ShopRun
from tests.support.streams import all_committed, ends
from tests.support.workers import SESSION_SECONDS, WorkerProcess, Workers, until

pytestmark = [pytest.mark.broker, pytest.mark.crash, pytest.mark.timeout(600)]

# The brokers give a dead worker up after the session timeout; joining, fencing, restoring and seeking come on top
# (2 s are what is meant to be enough, and printed beside what it was). The margin is for cores that others share; it
# is below the 30 s for which a group waits for a member that has not told of its end.
TAKEOVER_SECONDS = SESSION_SECONDS + 2
MARGIN_SECONDS = 20
# A worker that leaves says so, and nobody waits for its session: with a long one that can be told from a kill.
LONG_SESSION_SECONDS = 60
HANDOVER_SECONDS = LONG_SESSION_SECONDS / 2
TRICKLE_EVENTS = 400
TRICKLE_SECONDS = 0.1
UNNOTICED_SECONDS = 60
CATCHING_UP_SECONDS = 120


@pytest.fixture
def broker() -> Iterator[LocalKafka]:
    """A broker of our own for each test: one is stopped."""
    with LocalKafka() as broker:
        yield broker


@asynccontextmanager
async def two_at_work(
    broker: LocalKafka, folder: Path, **settings: object
) -> AsyncIterator[tuple[ShopRun, Workers, WorkerProcess, WorkerProcess]]:
    """Two configured workers with about half of the tasks each; the second has begun with the first at work."""
    kafka = Kafka(broker.bootstrap, "takeover.")
    async with ShopRun.opened(kafka, seed=3) as run, Workers(kafka, folder, settings=settings) as workers:
        first = await workers.started()
        await run.configure()
        await run.introduce(workers.app_id)
        second = await workers.started()

        async def shared_out() -> bool:
            shares = [customer_tasks(first), customer_tasks(second)]
            both_ready = await first.is_ready() and await second.is_ready()
            return all(shares) and not shares[0] & shares[1] and both_ready

        await until(shared_out, within=60, what="a share for each")
        yield run, workers, first, second


def customer_tasks(worker: WorkerProcess) -> set[int]:
    """Numbers of the partitions that it has."""
    return {int(task.removeprefix("customer.")) for task in worker.owned() if task.startswith("customer.")}


@asynccontextmanager
async def trickle(run: ShopRun) -> AsyncIterator[None]:
    """Write events all the time, a few hundred after the other."""

    enough = asyncio.Event()

    async def write() -> None:
        while not enough.is_set():
            await run.write(TRICKLE_EVENTS)
            await asyncio.sleep(TRICKLE_SECONDS)

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        try:
            yield
        finally:
            enough.set()


async def until_beyond(run: ShopRun, app_id: str, partitions: set[int]) -> float:
    """Measure until events are committed in each of these partitions that are written from now on."""
    physical = run.kafka.physical(Topic.CUSTOMER_EVENTS)
    now = {
        tp: end for tp, end in (await ends(run.kafka, [Topic.CUSTOMER_EVENTS])).items() if tp.partition in partitions
    }
    assert set(now) == {TopicPartition(physical, number) for number in partitions}
    admin = run.kafka.admin()
    await admin.start()
    try:

        async def beyond() -> bool:
            committed = await committed_offsets(admin, app_id, list(now))
            return all((committed[tp] or 0) > end for tp, end in now.items())

        return await until(beyond, within=CATCHING_UP_SECONDS, what=f"partitions {sorted(partitions)} go on")
    finally:
        await admin.close()


async def test_after_a_kill_the_survivor_goes_on_within_session_timeout_and_two_seconds(
    broker: LocalKafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with two_at_work(broker, tmp_path) as (run, workers, victim, survivor), trickle(run):
        orphaned = customer_tasks(victim)
        await until_beyond(run, workers.app_id, orphaned | customer_tasks(survivor))
        killed = monotonic()
        victim.end()
        await until_beyond(run, workers.app_id, orphaned)
        seconds = monotonic() - killed
    with capsys.disabled():
        print(f"\ntaken over {seconds:.1f} s after SIGKILL; session timeout {SESSION_SECONDS} s")
    assert seconds < TAKEOVER_SECONDS + MARGIN_SECONDS


async def test_sigterm_ends_with_0_what_was_in_hand_is_committed_and_the_others_go_on_at_once(
    broker: LocalKafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with two_at_work(broker, tmp_path, SESSION_TIMEOUT=LONG_SESSION_SECONDS) as (run, workers, leaving, staying):
        async with trickle(run):
            tasks = customer_tasks(leaving)
            await until_beyond(run, workers.app_id, tasks | customer_tasks(staying))
            told = monotonic()
            leaving.signal(signal.SIGTERM)
            code = await leaving.ended()
            await until_beyond(run, workers.app_id, tasks)
            seconds = monotonic() - told
        await all_committed(run.kafka, workers.app_id, Topic.CUSTOMER_EVENTS, within=CATCHING_UP_SECONDS)
        await workers.stop(staying)
        checks, _ = await run.checks(run.recount())
        aborted = await run.uncommitted_duplicates()
    with capsys.disabled():
        print(f"\nhanded over {seconds:.1f} s after SIGTERM; session timeout {LONG_SESSION_SECONDS} s")
    assert (code, leaving.entries("ending")) == (0, [])
    assert [check for check in checks if not check.passed] == []
    # Nothing was half-done: even who reads what was not committed finds nothing twice.
    assert aborted == 0
    assert seconds < HANDOVER_SECONDS


async def test_a_worker_outlives_its_broker_says_so_and_goes_on_by_itself(
    broker: LocalKafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with two_at_work(broker, tmp_path) as (run, workers, *both):
        await run.write(TRICKLE_EVENTS)
        await asyncio.to_thread(broker.stop)
        noticed = [await worker.until_unready("brokers", within=UNNOTICED_SECONDS) for worker in both]
        await asyncio.to_thread(broker.start)
        await run.write(TRICKLE_EVENTS)
        back = await all_committed(run.kafka, workers.app_id, Topic.CUSTOMER_EVENTS, within=CATCHING_UP_SECONDS)
        ready = [await worker.until_ready() for worker in both]
        for worker in both:
            await workers.stop(worker)
        checks, _ = await run.checks(run.recount())
    with capsys.disabled():
        print(
            f"\nnot ready {max(noticed):.1f} s after the broker's stop; done {back + max(ready):.1f} s after its start"
        )
    assert [check for check in checks if not check.passed] == []
