"""How work moves from one worker to another: after a kill, after a stop, and past a broker that was away."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka.structs import TopicPartition

from streamproc.local.kafka import LocalKafka
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.offsets import committed_offsets
from streamproc.topics import Topic
from tests.crash.shop_run import ShopRun
from tests.support.streams import all_committed
from tests.support.workers import SESSION_SECONDS, WorkerProcess, Workers, until

pytestmark = [pytest.mark.broker, pytest.mark.crash]

# The brokers give a dead worker up after the session timeout; joining, fencing, restoring and seeking come on top
# (2 s are what is meant to be enough). The margin is for two cores that brokers, workers and other tests share.
TAKEOVER_SECONDS = SESSION_SECONDS + 2
MARGIN_SECONDS = 10
# A worker that leaves says so: nobody waits for its session. Only the rebalance is left.
HANDOVER_SECONDS = SESSION_SECONDS
TRICKLE_EVENTS = 400
TRICKLE_SECONDS = 0.1
UNNOTICED_SECONDS = 30
CATCHING_UP_SECONDS = 60


@pytest.fixture
def broker() -> Iterator[LocalKafka]:
    """A broker of our own for each test: one is stopped."""
    with LocalKafka() as broker:
        yield broker


@asynccontextmanager
async def two_at_work(
    broker: LocalKafka, folder: Path
) -> AsyncIterator[tuple[ShopRun, Workers, WorkerProcess, WorkerProcess]]:
    """Two configured workers with about half of the tasks each; the second has begun with the first at work."""
    kafka = Kafka(broker.bootstrap, "takeover.")
    async with ShopRun.opened(kafka, seed=3) as run, Workers(kafka, folder) as workers:
        first = await workers.started()
        await run.configure()
        await run.introduce(workers.app_id)
        second = await workers.started()

        async def shared_out() -> bool:
            shares = [customer_tasks(first), customer_tasks(second)]
            both_ready = await first.is_ready() and await second.is_ready()
            return all(shares) and not shares[0] & shares[1] and both_ready

        await until(shared_out, within=30, what="a share for each")
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


async def seconds_until_all_go_on(run: ShopRun, app_id: str, partitions: set[int]) -> float:
    """Measure until each of these partitions of the events has a commit behind those that it has now."""
    kafka = run.kafka
    watched = [TopicPartition(kafka.physical(Topic.CUSTOMER_EVENTS), number) for number in sorted(partitions)]
    admin = kafka.admin()
    await admin.start()
    try:
        before = await committed_offsets(admin, app_id, watched)

        async def all_went_on() -> bool:
            now = await committed_offsets(admin, app_id, watched)
            return all((now[tp] or 0) > (before[tp] or 0) for tp in watched)

        return await until(all_went_on, within=CATCHING_UP_SECONDS, what=f"partitions {sorted(partitions)} go on")
    finally:
        await admin.close()


async def test_after_a_kill_the_survivor_goes_on_within_session_timeout_and_two_seconds(
    broker: LocalKafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with two_at_work(broker, tmp_path) as (run, workers, victim, survivor), trickle(run):
        await seconds_until_all_go_on(run, workers.app_id, customer_tasks(victim) | customer_tasks(survivor))
        orphaned = customer_tasks(victim)
        victim.end()
        seconds = await seconds_until_all_go_on(run, workers.app_id, orphaned)
    with capsys.disabled():
        print(f"\ntaken over {seconds:.1f} s after SIGKILL; session timeout {SESSION_SECONDS} s")
    assert seconds < TAKEOVER_SECONDS + MARGIN_SECONDS


async def test_sigterm_ends_with_0_what_was_in_hand_is_committed_and_the_others_go_on_at_once(
    broker: LocalKafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with two_at_work(broker, tmp_path) as (run, workers, leaving, staying):
        async with trickle(run):
            tasks = customer_tasks(leaving)
            await seconds_until_all_go_on(run, workers.app_id, tasks | customer_tasks(staying))
            leaving.signal(signal.SIGTERM)
            code, seconds = await asyncio.gather(leaving.ended(), seconds_until_all_go_on(run, workers.app_id, tasks))
        await all_committed(run.kafka, workers.app_id, Topic.CUSTOMER_EVENTS, within=CATCHING_UP_SECONDS)
        await workers.stop(staying)
        checks, _ = await run.checks(run.recount())
        aborted = await run.uncommitted_duplicates()
    with capsys.disabled():
        print(f"\nhanded over within {seconds:.1f} s of SIGTERM; session timeout {SESSION_SECONDS} s")
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
