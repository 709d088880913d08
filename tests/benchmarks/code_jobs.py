"""What a code job costs from end to end: one worker sends plain messages, then as many with codes."""

import json
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

from aiokafka import AIOKafkaConsumer

from streamproc.codes.postgres import PostgresLedger
from tests.benchmarks.bench_worker import apply, environment, make_topics, running_worker
from tests.benchmarks.figures import Figure
from tests.benchmarks.load import fill, paid_order
from tests.benchmarks.pools import fill_pool
from tests.support.codes import codes
from tests.support.configuration import campaign, distribution

PARTITIONS = 8


async def job_figures(bootstrap: str, database: str, events: int) -> list[Figure]:
    """Measure both, on topics of their own."""
    ledger = PostgresLedger(database)
    await fill_pool(ledger, "camp_1", events)
    await ledger.close()
    plain = await _job_rate(bootstrap, database, "plain.", distribution(), events)
    with_codes = await _job_rate(bootstrap, database, "codes.", codes(), events)
    told = f"{events} events waiting, {PARTITIONS} partitions, one worker, broker and database on the same machine"
    return [
        Figure("plain jobs, one worker", round(plain), "jobs/s", told),
        Figure("code jobs, one worker", round(with_codes), "jobs/s", told),
        Figure("time of a code job / of a plain one", round(plain / with_codes, 2), "ratio", told),
    ]


async def _job_rate(bootstrap: str, database: str, prefix: str, record: dict[str, Any], events: int) -> float:
    """Return the jobs a second between the first ones read and the last."""
    variables = environment(bootstrap, prefix, STREAMPROC_POSTGRES=database)
    make_topics(variables, PARTITIONS)
    with tempfile.TemporaryDirectory() as folder:
        for kind, one in (("campaigns", campaign()), ("distributions", record)):
            (Path(folder) / kind).mkdir()
            (Path(folder) / kind / "one.json").write_text(json.dumps(one))
        async with running_worker(variables):
            await apply(variables, folder)
    await fill(bootstrap, f"{prefix}customer-events", PARTITIONS, map(paid_order, count()), events)
    async with running_worker(variables) as worker:
        return await _read_rate(bootstrap, f"{prefix}deliveries.email", events, worker)


async def _read_rate(bootstrap: str, topic: str, jobs: int, worker: subprocess.Popen[bytes]) -> float:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024, check_crcs=False,
    )  # fmt: skip
    await consumer.start()
    try:
        first = met = 0
        began = 0.0
        while met < jobs:
            assert worker.poll() is None, "the worker ended"
            met += sum(map(len, (await consumer.getmany(timeout_ms=100)).values()))
            if met and not first:
                first, began = met, perf_counter()
        return (met - first) / (perf_counter() - began)
    finally:
        await consumer.stop()
