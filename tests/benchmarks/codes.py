"""Codes allocated per second: `python -m tests.benchmarks.codes`.

PostgreSQL beside it, requests in chunks as a code task takes them. First one worker with one task, then as many as
`--tasks` on one campaign. What a code job costs the processors is measured without the database.
"""

import argparse
import asyncio
from time import perf_counter

from streamproc.codes.postgres import PostgresLedger
from streamproc.domain.codes import CodeForm, Wanted
from streamproc.local.postgres import postgres
from tests.support.databases import fresh_database

CHUNK = 2_000
IMPORTED = 100_000


def wanted(campaign: str, first: int, count: int, **more: object) -> list[Wanted]:
    """Make requests that nobody has made."""
    return [
        Wanted(f"pub_{number:032x}", campaign, f"cust_{number}", **more)  # type: ignore[arg-type]
        for number in range(first, first + count)
    ]


async def measure(ledger: PostgresLedger, campaign: str, tasks: int, each: int, **more: object) -> float:
    """Return codes per second with so many tasks asking at once, each for so many."""
    start = perf_counter()

    async def work(task: int) -> int:
        given = 0
        for first in range(0, each, CHUNK):
            number = hash((campaign, task)) % 2**40 * 2**20 + first
            given += len(await ledger.allocate(wanted(campaign, number, min(CHUNK, each - first), **more)))
        return given

    given = sum(await asyncio.gather(*map(work, range(tasks))))
    assert given == tasks * each
    return given / (perf_counter() - start)


async def run(address: str, tasks: int, codes: int) -> None:
    """Measure and print."""
    ledger = PostgresLedger(address, connections=tasks)
    for pool in ("one", "several", "once"):
        begun = perf_counter()
        for first in range(0, codes, IMPORTED):
            await ledger.add(pool, [f"{pool}-{number:09}" for number in range(first, min(first + IMPORTED, codes))])
        print(f"imported {codes / (perf_counter() - begun):>10,.0f} codes/s")
    made = CodeForm.of({"code": {"pattern": "##########"}})
    print(f"1 task          {await measure(ledger, 'one', 1, codes):>10,.0f} codes/s")
    print(f"{tasks} tasks, 1 pool {await measure(ledger, 'several', tasks, codes // tasks):>10,.0f} codes/s")
    print(f"join once       {await measure(ledger, 'once', 1, codes, joins_once=True):>10,.0f} codes/s")
    print(f"made            {await measure(ledger, 'made', 1, codes, made=made):>10,.0f} codes/s")
    await ledger.close()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument("--codes", type=int, default=200_000)
    given = parser.parse_args()
    with postgres() as server, fresh_database(server) as address:
        asyncio.run(run(address, given.tasks, given.codes))


if __name__ == "__main__":
    main()
