"""Codes allocated per second, and what a code job costs beside a plain one: `python -m tests.benchmarks.codes`.

PostgreSQL beside it, requests in chunks as a code task takes them: by one worker process, by several on one campaign,
and by several tasks of one. What a job costs is measured without Kafka and database, and from end to end with both.
"""

import argparse
import asyncio
import gc
from time import perf_counter
from zoneinfo import ZoneInfo

from streamproc.codes.postgres import PostgresLedger
from streamproc.domain.codes import Allocation, CodeForm, Wanted
from streamproc.domain.configuration import InForce
from streamproc.local.kafka import kafka
from streamproc.local.postgres import postgres
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegments
from streamproc.processing.codes import CodeProcessor
from streamproc.processing.customers import CustomerProcessor
from streamproc.processing.processor import OutputRecord, Record, Slice
from streamproc.runtime.store import StateStore
from streamproc.worker import GC_THRESHOLDS
from tests.benchmarks.code_jobs import job_figures
from tests.benchmarks.contention import CHUNK, rate_of_processes
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.load import paid_order
from tests.benchmarks.pools import IMPORTED_AT_ONCE, fill_pool
from tests.support.codes import codes
from tests.support.configuration import campaign, distribution
from tests.support.databases import fresh_database

TASKS = WORKERS = 4
POOLS = ("one", "workers", "several", "once")
ROUNDS = 5
NOW = 1_764_000_000_000


def wanted(campaign_id: str, first: int, count: int, **more: object) -> list[Wanted]:
    """Make requests that nobody has made."""
    return [
        Wanted(f"pub_{number:032x}", campaign_id, f"cust_{number}", **more)  # type: ignore[arg-type]
        for number in range(first, first + count)
    ]


async def rate(ledger: PostgresLedger, campaign_id: str, tasks: int, each: int, **more: object) -> float:
    """Return codes per second with so many tasks asking at once, each for so many."""
    start = perf_counter()

    async def work(task: int) -> int:
        given = 0
        for first in range(0, each, CHUNK):
            number = hash((campaign_id, task)) % 2**40 * 2**20 + first
            given += len(await ledger.allocate(wanted(campaign_id, number, min(CHUNK, each - first), **more)))
        return given

    given = sum(await asyncio.gather(*map(work, range(tasks))))
    assert given == tasks * each
    return given / (perf_counter() - start)


async def ledger_figures(address: str, count: int) -> list[Figure]:
    """Measure the ledger."""
    ledger = PostgresLedger(address, connections=TASKS)
    began = perf_counter()
    for pool in POOLS:
        await fill_pool(ledger, pool, count)
    imported = len(POOLS) * count / (perf_counter() - began)
    made = CodeForm.of({"code": {"pattern": "##########"}})
    told = f"chunks of {CHUNK}, PostgreSQL on the same machine"
    one = await asyncio.to_thread(rate_of_processes, address, "one", 1, count)
    workers = await asyncio.to_thread(rate_of_processes, address, "workers", WORKERS, count // WORKERS)
    found = [
        ("codes imported", imported, f"{IMPORTED_AT_ONCE} at a time"),
        ("codes allocated, one worker", one, told),
        (f"codes allocated, {WORKERS} workers on one campaign", workers, f"processes, the sum of all; {told}"),
        (f"codes allocated, {TASKS} tasks", await rate(ledger, "several", TASKS, count // TASKS), f"one pool, {told}"),
        ("codes allocated, join once", await rate(ledger, "once", 1, count, joins_once=True), told),
        ("codes made and allocated", await rate(ledger, "made", 1, count, made=made), told),
    ]
    await ledger.close()
    return [
        *(Figure(name, round(value), "codes/s", conditions) for name, value, conditions in found),
        Figure(f"{WORKERS} workers / one worker", round(workers / one, 2), "ratio", "the two above"),
    ]


def events() -> Slice:
    """Return paid orders, one of each customer."""
    return Slice("customer-events", 0, [Record(number, NOW, *paid_order(number)) for number in range(CHUNK)])


def decide(record: dict[str, object], chunk: Slice) -> tuple[float, list[OutputRecord]]:
    """Return the seconds that a customer task takes for the chunk, and its requests for codes."""
    zone = ZoneInfo("UTC")
    definitions = Definitions(zone)
    for kind, one in (("campaigns", campaign()), ("distributions", record)):
        definitions.put(kind, str(one["id"]), InForce(kind, str(one["id"]), 1, one))
    processor = CustomerProcessor(0, StateStore(), StateStore(), definitions, ComputedSegments(zone))
    began = perf_counter()
    output = processor.process([chunk], NOW)
    return perf_counter() - began, output.records.get(("code-requests", 0), [])


def fulfil(requests: list[OutputRecord]) -> float:
    """Return the seconds that a code task takes for the requests, with codes at hand."""
    slices = [Slice("code-requests", 0, [Record(n, NOW, *request) for n, request in enumerate(requests)])]
    processor = CodeProcessor(0, StateStore(), Definitions(ZoneInfo("UTC")))
    began = perf_counter()
    asked = processor.ask(slices, NOW)
    processor.answer({one.id: Allocation(one.id, "PROMO-12345") for one in asked.wanted})
    output = processor.process(slices, NOW)
    spent = perf_counter() - began
    assert len(output.records["publications", 0]) == len(requests)
    return spent


def deciding_figures() -> list[Figure]:
    """Measure the processors."""
    chunk = events()
    gc.set_threshold(*GC_THRESHOLDS)
    plain, asking, giving = [], [], []
    for _ in range(ROUNDS):
        plain.append(decide(distribution(), chunk)[0])
        seconds, requests = decide(codes(), chunk)
        asking.append(seconds)
        giving.append(fulfil(requests))
    told = f"deciding, one e-mail an event, {CHUNK} events, best of {ROUNDS}"
    costs = [min(several) / CHUNK * 1e6 for several in (plain, asking, giving)]
    return [
        Figure("plain job", round(costs[0], 1), "us", told),
        Figure("code job, customer task", round(costs[1], 1), "us", told),
        Figure("code job, code task without its ledger", round(costs[2], 1), "us", told),
        Figure("deciding a code job / a plain one", round((costs[1] + costs[2]) / costs[0], 2), "ratio", told),
    ]


def measure(bootstrap: str, count: int = 200_000) -> list[Figure]:
    """Measure everything, one thing after the other."""
    with postgres() as server, fresh_database(server) as address:
        figures = asyncio.run(ledger_figures(address, count))
        figures += deciding_figures()
        figures += asyncio.run(job_figures(bootstrap, address, count // 2))
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codes", type=int, default=200_000)
    given = parser.parse_args()
    with kafka() as bootstrap:
        show(measure(bootstrap, given.codes))


if __name__ == "__main__":
    main()
