"""`make bench`: throughput beside a plain loop, latency, many definitions, releases, changes, codes.

Writes build/bench.json.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from math import ceil
from pathlib import Path

import uvloop

from streamproc.local.kafka import kafka
from tests.benchmarks import by_definitions, codes, liveness, releases
from tests.benchmarks.bench_worker import apply_definitions, environment, make_topics, rate_of, running_worker
from tests.benchmarks.cores import Cores, one_core_left_free
from tests.benchmarks.figures import Figure, quantile, show
from tests.benchmarks.latency import measure_latency, sorted_latencies
from tests.benchmarks.load import fill, shop_events

PARTITIONS = 8
LIVE = 100
RATE = 1000
WARM_UP_EVENTS = 200_000
WARM_UP_SECONDS = 45
RESULT = Path("build/bench.json")


async def run(bootstrap: str, events: int, seconds: float) -> list[Figure]:
    """Measure everything, one thing after the other."""
    told = f"{PARTITIONS} partitions, {LIVE} live definitions, one worker process, broker on the same machine"
    waiting = WARM_UP_EVENTS + events
    variables = environment(bootstrap, "bench.")
    make_topics(variables, PARTITIONS)
    async with running_worker(variables):
        pushing = await apply_definitions(variables, LIVE)
    size = await fill(bootstrap, "bench.customer-events", PARTITIONS, shop_events(), waiting)
    # Made beforehand, because making one costs this process as much as sending it does.
    later = list(islice(shop_events(seed=2), ceil(RATE * (WARM_UP_SECONDS + seconds))))
    with one_core_left_free() as cores:
        plain = await plain_rate(cores, bootstrap, "bench.customer-events", "bench.deliveries.sms", waiting)
        async with running_worker(variables) as worker:
            cores.give(worker.pid)
            rate = await rate_of(bootstrap, "bench", "bench.customer-events", waiting, worker, WARM_UP_EVENTS)
        again = await plain_rate(cores, bootstrap, "bench.customer-events", "bench.deliveries.batch", waiting)
    async with running_worker(variables):
        stamped = await measure_latency(
            bootstrap,
            "bench.",
            PARTITIONS,
            iter(later),
            RATE,
            WARM_UP_SECONDS + seconds,
            warm_up=WARM_UP_SECONDS,
        )
    latencies = sorted_latencies(stamped)
    yardstick = (plain + again) / 2
    load = (
        f"{events:,} events of {size} bytes, after {WARM_UP_EVENTS:,} that warm up worker and broker, all waiting; "
        f"{PARTITIONS} partitions, {LIVE} live definitions, {cores.told('one worker process')}"
    )
    steady = (
        f"{RATE} events/s for {seconds:.0f} s, after {WARM_UP_SECONDS} s of them in which the broker is compiled; "
        f"{told}; event handed to the producer until its job can be read"
    )
    return [
        Figure("throughput", round(rate), "events/s", load),
        Figure(
            "plain aiokafka loop",
            round(yardstick),
            "events/s",
            f"the same events on the same core, {plain:.0f} before and {again:.0f} after",
        ),
        Figure("throughput / plain loop", round(rate / yardstick, 2), "ratio", load),
        Figure("latency p50", round(quantile(latencies, 0.5), 1), "ms", steady),
        Figure("latency p99", round(quantile(latencies, 0.99), 1), "ms", steady),
        Figure("latency max", round(latencies[-1], 1), "ms", steady),
        Figure("apply", round(pushing, 2), "s", f"pushing {LIVE} definitions until all verdicts are read"),
    ]


async def plain_rate(cores: Cores, bootstrap: str, source: str, target: str, count: int) -> float:
    """Time the yardstick in a process of its own."""
    arguments = [bootstrap, source, target, str(PARTITIONS), str(count), str(WARM_UP_EVENTS)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.plain_loop", *arguments, stdout=asyncio.subprocess.PIPE
    )
    cores.give(process.pid)
    told, _ = await process.communicate()
    assert process.returncode == 0
    return float(told)


def main() -> None:
    """Run, show, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--events", type=int, default=600_000, help="events of the throughput run, without those of its warm-up"
    )
    parser.add_argument("--seconds", type=float, default=20, help="seconds of the latency run")
    parser.add_argument("--customers", type=int, default=200_000, help="customers of the release")
    given = parser.parse_args()
    figures: list[Figure] = []
    with kafka(runs_long=True) as bootstrap:
        parts: dict[str, Callable[[], list[Figure]]] = {
            "throughput and latency": lambda: uvloop.run(run(bootstrap, given.events, given.seconds)),
            "many definitions": lambda: uvloop.run(by_definitions.measure(bootstrap)),
            "customers, syncs and a release": lambda: uvloop.run(
                releases.measure(bootstrap, given.customers, RATE, given.seconds)
            ),
            "changes while events flow": lambda: uvloop.run(liveness.measure(bootstrap, liveness.SECONDS)),
            "codes": lambda: codes.measure(bootstrap),
        }
        for number, (name, measure) in enumerate(parts.items(), 1):
            print(f"==> {number} of {len(parts)}: {name}", file=sys.stderr, flush=True)
            figures += measure()
    show(figures)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
    print(f"written to {RESULT}")


if __name__ == "__main__":
    main()
