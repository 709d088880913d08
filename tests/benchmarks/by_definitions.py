"""A worker by the number of live definitions: `python -m tests.benchmarks.by_definitions [--sizes 10,1000]`.

The definitions and the events are those of `tests.benchmarks.matching`, here through a real broker: events a second
from start to end, how long a worker takes until it is ready, and its memory then. What matching alone takes is
measured in a process of its own. Customers are as active as those of `streamproc.local.shop`, a few of them very much.
What events tell of one stays, but for the sums that upstream keeps; one event in a hundred tells something new.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil
import uvloop

from streamproc.local.kafka import kafka
from streamproc.local.shop.people import activity
from tests.benchmarks.bench_worker import (
    apply,
    apply_definitions,
    environment,
    make_topics,
    rate_of,
    running_worker,
)
from tests.benchmarks.cores import one_core_left_free
from tests.benchmarks.definitions import write_records
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.load import fill, shop_events
from tests.benchmarks.matching import SIZES, Shop
from tests.support.workers import WorkerProcess

PARTITIONS = 8
EVENTS = 200_000
WARM_UP_EVENTS = 50_000
CUSTOMERS = 20_000
NEWS_SHARE = 0.01
MEBIBYTE = 1024 * 1024
PATIENCE_SECONDS = 300
SIZE_WITH_FEW_JOBS = 10_000


def write_configuration(folder: Path, shop: Shop, size: int) -> None:
    """Write so many live distributions, and what they name, as JSON lines."""
    records: dict[str, list[dict[str, Any]]] = {
        "segments": [{"type": "external", **_named(f"segment_{number}")} for number in range(shop.pools["segment"])],
        "campaigns": [{"type": "static", **_named(f"campaign_{number}")} for number in range(shop.pools["campaign"])],
        "validation-rules": [],
        "distributions": [],
    }
    for number in range(size):
        distribution, rules = shop.distribution(number)
        records["distributions"].append(distribution)
        if rules is not None:
            records["validation-rules"].append({**_named(f"val_{number}"), "rules": rules})
    write_records(folder, records)


def _named(one: str) -> dict[str, Any]:
    return {"id": one, "name": one}


def events(shop: Shop) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of events without end."""
    customers = [shop.customer(number) for number in range(CUSTOMERS)]
    joined: list[list[str]] = [[] for _ in customers]
    weights, ranks = activity(CUSTOMERS), range(CUSTOMERS)
    for number in count():
        (rank,) = shop.random.choices(ranks, cum_weights=weights)
        if shop.random.random() < NEWS_SHARE:
            customers[rank] = shop.customer(rank)
        yield customers[rank]["id"].encode(), shop.event(number, customers[rank], joined[rank])[0]


async def _matching(size: int) -> tuple[float, float]:
    """Return microseconds an event, and the multiple of `orjson.loads`, measured without anything else in memory."""
    program = f"from tests.benchmarks.matching import measure; row = measure({size}); print(row.match, row.of_loads)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    assert process.returncode == 0
    match, of_loads = map(float, told.split())
    return match, of_loads


@dataclass(frozen=True)
class _Measured:
    """One worker, from its start to the last event."""

    rate: float
    jobs: float
    ready: float
    memory: float
    place: str


async def _measure_worker(bootstrap: str, variables: dict[str, str], waiting: int) -> _Measured:
    """Start a worker for events that wait, and measure what comes after the warm-up."""
    prefix = variables["STREAMPROC_PREFIX"]
    with one_core_left_free() as cores:
        began = perf_counter()
        async with running_worker(variables) as worker:
            cores.give(worker.pid)
            seen = WorkerProcess(worker, Path(os.devnull), int(variables["STREAMPROC_WEB_PORT"]))
            await seen.until_ready(PATIENCE_SECONDS)
            ready, memory = perf_counter() - began, psutil.Process(worker.pid).memory_info().rss / MEBIBYTE
            topic = f"{prefix}customer-events"
            rate = await rate_of(bootstrap, prefix.strip("."), topic, waiting, worker, WARM_UP_EVENTS)
            jobs = await seen.metric("streamproc_jobs_total") / waiting
    return _Measured(rate, jobs, ready, memory, cores.told("one worker process"))


async def measure(bootstrap: str, sizes: Sequence[int] = SIZES, number: int = EVENTS) -> list[Figure]:
    """Measure each size with topics of its own, and one of them with the events and the few jobs of `make bench`."""
    figures = []
    waiting = WARM_UP_EVENTS + number
    for size in sizes:
        prefix, shop = f"definitions{size}.", Shop(size)
        variables = environment(bootstrap, prefix)
        make_topics(variables, PARTITIONS)
        async with running_worker(variables):
            with tempfile.TemporaryDirectory() as folder:
                write_configuration(Path(folder), shop, size)
                began = perf_counter()
                await apply(variables, folder)
                applied = perf_counter() - began
        await fill(bootstrap, f"{prefix}customer-events", PARTITIONS, events(shop), waiting)
        run = await _measure_worker(bootstrap, variables, waiting)
        match, of_loads = await _matching(size)
        told = f"{size:,} live definitions"
        figures += [
            Figure("throughput", round(run.rate), "events/s", f"{told}; {_load(number, run)}"),
            Figure("matching", round(match, 2), "us an event", f"{told}; alone, without a broker"),
            Figure("matching / orjson.loads", round(of_loads, 2), "ratio", f"{told}; of the same events"),
            Figure(
                "ready", round(run.ready, 1), "s", f"{told}; from its start until definitions are read; {run.place}"
            ),
            Figure("memory", round(run.memory), "MiB", f"{told}; once ready"),
            Figure("apply", round(applied, 1), "s", f"{told} and what they name, until all verdicts were there"),
        ]
        if size == SIZE_WITH_FEW_JOBS:
            figures.append(await _with_few_jobs(bootstrap, size, number))
    return figures


async def _with_few_jobs(bootstrap: str, size: int, number: int) -> Figure:
    variables = environment(bootstrap, f"few_jobs{size}.")
    make_topics(variables, PARTITIONS)
    async with running_worker(variables):
        await apply_definitions(variables, size)
    waiting = WARM_UP_EVENTS + number
    bytes_each = await fill(bootstrap, f"few_jobs{size}.customer-events", PARTITIONS, shop_events(), waiting)
    run = await _measure_worker(bootstrap, variables, waiting)
    told = f"{size:,} live definitions, of which most ask for a value of metadata that few customers have"
    load = f"{told}; events of {bytes_each} bytes; {_load(number, run)}"
    return Figure("throughput, one job for most events", round(run.rate), "events/s", load)


def _load(number: int, run: _Measured) -> str:
    warm_up = f"{number:,} events after {WARM_UP_EVENTS:,} that warm up worker and broker"
    return f"{run.jobs:.1f} jobs an event; {warm_up}, all waiting; {run.place}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of live definitions")
    parser.add_argument("--events", type=int, default=EVENTS, help="events of each run, without those of its warm-up")
    given = parser.parse_args()
    with kafka(runs_long=True) as bootstrap:
        show(uvloop.run(measure(bootstrap, [int(size) for size in given.sizes.split(",")], given.events)))


if __name__ == "__main__":
    main()
