"""`make soak`: minutes of load; prints the worker's memory each minute and says at the end whether it stayed flat."""

import argparse
import sys
from math import ceil
from time import perf_counter

import psutil
import uvloop

from streamproc.local.kafka import kafka
from tests.benchmarks.bench_worker import apply_definitions, environment, make_topics, running_worker
from tests.benchmarks.load import shop_events, trickle

PARTITIONS = 8
LIVE = 100
# Few enough that nearly all of them soon have as many orders as are remembered: what grows after that is no state.
CUSTOMERS = 2_000
# By then the windows of recent ids (100,000 a partition) are full as well, and their tables have grown for the last
# time.
SETTLED_EVENTS = 240_000 * PARTITIONS
MAY_GROW = 1.10
MEBIBYTE = 1024 * 1024


async def run(bootstrap: str, minutes: int, rate: int) -> list[float]:
    """Return the worker's resident memory in MiB after each minute."""
    variables = environment(bootstrap, "soak.")
    make_topics(variables, PARTITIONS)
    memory: list[float] = []
    async with running_worker(variables) as worker:
        await apply_definitions(variables, LIVE)
        events = shop_events(customers=CUSTOMERS)
        for minute in range(1, minutes + 1):
            began = perf_counter()
            sent = await trickle(bootstrap, "soak.customer-events", PARTITIONS, events, rate, 60)
            assert worker.poll() is None, "the worker ended"
            memory.append(psutil.Process(worker.pid).memory_info().rss / MEBIBYTE)
            print(
                f"minute {minute:>3}: {memory[-1]:7.1f} MiB, {sent / (perf_counter() - began):,.0f} events/s",
                flush=True,
            )
    return memory


def main() -> None:
    """Run and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--rate", type=int, default=5000, help="events a second")
    given = parser.parse_args()
    with kafka(runs_long=True) as bootstrap:
        memory = uvloop.run(run(bootstrap, given.minutes, given.rate))
    settled = ceil(SETTLED_EVENTS / given.rate / 60)
    if given.minutes <= settled:
        print(f"too short to judge: at this rate at least {settled + 1} minutes")
        return
    growth = memory[-1] / memory[settled - 1]
    flat = growth <= MAY_GROW
    print(f"{'flat' if flat else 'GROWING'}: {growth:.3f} times minute {settled} at the end (limit {MAY_GROW})")
    sys.exit(0 if flat else 1)


if __name__ == "__main__":
    main()
