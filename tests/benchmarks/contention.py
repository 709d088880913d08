"""Several worker processes that ask for codes of one campaign at once, as code tasks do."""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from time import perf_counter
from uuid import uuid4

from streamproc.codes.postgres import PostgresLedger
from streamproc.domain.codes import Wanted

CHUNK = 2_000

_barrier: Barrier


def rate_of_processes(address: str, campaign_id: str, processes: int, each: int) -> float:
    """Return codes per second of all together, from when all are ready until the last is done."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    with ProcessPoolExecutor(processes, context, _keep, (barrier,)) as pool:
        asked = [pool.submit(_work, address, campaign_id, number, each) for number in range(processes)]
        spans = [one.result() for one in asked]
    return processes * each / (max(end for _, end in spans) - min(start for start, _ in spans))


def _keep(barrier: Barrier) -> None:
    global _barrier  # noqa: PLW0603  (it can be handed over only when a process starts)
    _barrier = barrier


def _work(address: str, campaign_id: str, own: int, each: int) -> tuple[float, float]:
    """Return when this process began and ended; clocks of one machine agree."""
    return asyncio.run(_ask(address, campaign_id, own, each))


async def _ask(address: str, campaign_id: str, own: int, each: int) -> tuple[float, float]:
    ledger = PostgresLedger(address)
    await ledger.free([campaign_id], 1)
    _barrier.wait()
    began, given = perf_counter(), 0
    for first in range(0, each, CHUNK):
        several = range(min(CHUNK, each - first))
        asked = [Wanted(f"pub_{uuid4().hex}", campaign_id, f"cust_{own}_{first + number}") for number in several]
        given += len(await ledger.allocate(asked))
    ended = perf_counter()
    assert given == each
    await ledger.close()
    return began, ended
