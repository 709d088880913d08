"""Every job exactly once, in order, whatever is killed, stopped or restarted; and a control that shows it can fail."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from streamproc.local.kafka import LocalKafka
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic
from tests.crash.shop_run import PARTITIONS, ShopRun
from tests.crash.turmoil import Turmoil, fenced
from tests.support.full_recount import differing
from tests.support.streams import all_committed
from tests.support.workers import SESSION_SECONDS, WorkerProcess, Workers

pytestmark = [pytest.mark.broker, pytest.mark.crash, pytest.mark.timeout(900)]

WORKERS = 3
# Small chunks: many transactions for a kill to fall into.
SETTINGS = {"CHUNK_RECORDS": 100}
CATCHING_UP_SECONDS = 300
NAIVE_WORKER = (sys.executable, "-m", "tests.support.naive_worker")


@pytest.fixture(scope="module")
def broker() -> Iterator[LocalKafka]:
    """A broker of our own: it is stopped in the middle."""
    with LocalKafka(properties={"log.cleaner.backoff.ms": "200"}) as broker:
        yield broker


def never(_: WorkerProcess) -> bool:
    """A plain worker has nobody who fences it."""
    return False


@pytest.fixture
def rng() -> Random:
    """Chooses victims and moments. Its seed is printed when a test fails; CRASH_SEED sets it."""
    seed = int(os.environ.get("CRASH_SEED") or Random().randrange(1_000_000))
    print(f"seed {seed}")
    return Random(seed)


def compacted_partitions(broker: LocalKafka, topic: str) -> set[int]:
    """Read from the broker's own notes which partitions it has compacted: a line is topic, partition, clean up to."""
    lines = [line.split() for line in (broker.folder / "data" / "cleaner-offset-checkpoint").read_text().splitlines()]
    return {int(line[1]) for line in lines if line[0] == topic and int(line[2]) > 0}


async def test_kills_stops_and_a_broker_restart_lose_nothing_double_nothing_and_keep_the_order(
    broker: LocalKafka, rng: Random, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events, burst = 200_000, 9_000
    kafka = Kafka(broker.bootstrap, "crash.")
    began = monotonic()
    started = Workers(kafka, tmp_path, settings=SETTINGS, on_disk=True)
    async with ShopRun.opened(kafka, seed=7) as run, started as workers:
        async with Turmoil.of(run, workers, WORKERS, rng, burst) as turmoil:
            await run.configure()
            await run.introduce(workers.app_id)
            steps = rng.sample(["kill"] * 6 + ["stop"] * 2 + ["broker"], 9)
            for step in steps:
                if step == "kill":
                    await turmoil.kill()
                elif step == "stop":
                    stopped = await turmoil.stop_with_a_transaction_open()
                    assert fenced(stopped), stopped.told()
                else:
                    await turmoil.restart_broker(broker)
            await turmoil.kill_all()
            await turmoil.written()
            await run.write(max(events - run.written, 0))
            await all_committed(kafka, workers.app_id, Topic.CUSTOMER_EVENTS, within=CATCHING_UP_SECONDS)
            await turmoil.stop_all()
        disturbed = monotonic() - began
        expected = run.recount()
        checks, outcome = await run.checks(expected)
        aborted = await run.uncommitted_duplicates()
        with capsys.disabled():
            print(
                f"\n{run.written:,} events, {len(outcome.jobs):,} jobs, {turmoil.tally}, "
                f"{aborted} aborted jobs seen twice, {disturbed:.0f} s, with checks {monotonic() - began:.0f} s"
            )
        assert [check for check in checks if not check.passed] == []
        assert compacted_partitions(broker, kafka.physical(Topic.CUSTOMER_STATE)) == set(range(PARTITIONS))
        assert await run.changelogs_end_with_markers()
        assert differing(await run.restored_customers(), expected.customers()) == []


async def test_the_same_with_produce_then_commit_sends_twice_and_loses(
    broker: LocalKafka, rng: Random, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events, burst = 60_000, 6_000
    kafka = Kafka(broker.bootstrap, "control.")
    began = monotonic()
    async with ShopRun.opened(kafka, seed=8) as run:
        async with Workers(kafka, tmp_path, settings=SETTINGS) as judges:
            judge = judges.start()
            await run.configure()
            await judges.stop(judge)
        naive = Workers(kafka, tmp_path, app_id="naive", command=NAIVE_WORKER, settings=SETTINGS)
        async with naive, Turmoil.of(run, naive, WORKERS, rng, burst, may_end=never) as turmoil:
            await run.introduce(naive.app_id)
            for step in rng.sample(["kill"] * 5 + ["stop"], 6):
                if step == "kill":
                    await turmoil.kill()
                else:
                    await turmoil.stop_for(SESSION_SECONDS + 2)
            await turmoil.written()
            await run.write(max(events - run.written, 0))
            await all_committed(kafka, naive.app_id, Topic.CUSTOMER_EVENTS, within=CATCHING_UP_SECONDS)
        checks, _ = await run.checks(run.recount())
    wrong = {check.name: check.wrong for check in checks}
    with capsys.disabled():
        print(f"\n{run.written:,} events, {turmoil.tally}, {monotonic() - began:.0f} s: {wrong}")
    assert wrong["jobs twice"] > 0
    assert wrong["jobs missing"] > 0
