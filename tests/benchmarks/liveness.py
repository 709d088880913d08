"""Definitions that change while 20,000 events a second flow: `python -m tests.benchmarks.liveness`.

Periods without changes, with a few a second, and with very many at once take turns, through one worker. Measured from
outside: how long from an event's hand-over until its job can be read, and how long a partition shows no new job. Both
hold what broker, machine and this process add, so the periods without changes are the yardstick.
"""

import argparse
import asyncio
import gc
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from itertools import count, pairwise
from statistics import median
from time import perf_counter

import orjson
import uvloop
from aiokafka import AIOKafkaProducer

from streamproc.local.kafka import kafka
from streamproc.runtime.kafka import Kafka
from streamproc.topics import CONFIG_TOPICS, Topic
from tests.benchmarks.bench_worker import apply_definitions, environment, make_topics, running_worker
from tests.benchmarks.definitions import PLAIN, SEGMENT, plain_distribution, rule
from tests.benchmarks.figures import Figure, quantile, show
from tests.benchmarks.steady import Jobs, Load
from tests.support.streams import all_committed, read_json

PARTITIONS = 8
LIVE = 1_000
RATE = 20_000
PREFIX = "liveness."
WATCHED_WORKER = (sys.executable, "-m", "tests.benchmarks.watched_worker")
CHANGES_A_SECOND = 20
BURST = 2_000
BURST_EVERY_SECONDS = 2.0
TURNS = 3
SECONDS = 4.0
WARM_UP_SECONDS = 5.0
SETTLE_SECONDS = 1.0
PATIENCE_SECONDS = 600.0
RULES = 100  # those that change

Change = tuple[Topic, str, bytes | None]
"""Kind, id and value of what is pushed."""


def changes() -> Iterator[Change]:
    """Push without end: edits of what most events start, rules, bad records, a segment, new ones, deletions."""
    for number in count():
        plain = plain_distribution(number % len(PLAIN))
        yield _pushed(Topic.DISTRIBUTIONS, {**plain, "name": f"Edit {number}"})
        yield _pushed(Topic.VALIDATION_RULES, {**rule(number % RULES), "name": f"Rule {number}"})
        yield _pushed(Topic.DISTRIBUTIONS, {**plain, "channels": []})
        yield _pushed(Topic.SEGMENTS, {"id": SEGMENT, "name": f"VIP {number}", "type": "external"})
        yield _pushed(Topic.DISTRIBUTIONS, {**plain, "id": f"distr_new_{number}", "name": f"New {number}"})
        yield Topic.DISTRIBUTIONS, f"distr_new_{number}", None


def _pushed(kind: Topic, record: dict[str, object]) -> Change:
    return kind, str(record["id"]), orjson.dumps(record)


class Pushing:
    """Pushes changes, and keeps what became of them."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        #: The distributions without a rule that were edited, in which version last.
        self.edited: dict[str, int] = {}
        self.pushed = 0
        self._producer = producer
        self._changes = changes()

    async def nothing(self) -> None:
        """Leave everything as it is, until cancelled."""
        await asyncio.Event().wait()

    async def steadily(self) -> None:
        """Push a few a second, until cancelled."""
        while True:
            await self._push(1)
            await asyncio.sleep(1 / CHANGES_A_SECOND)

    async def at_once(self) -> None:
        """Push as many as somebody who applies a large folder, now and then, until cancelled."""
        while True:
            await self._push(BURST)
            await asyncio.sleep(BURST_EVERY_SECONDS)

    async def _push(self, number: int) -> None:
        pushed = [next(self._changes) for _ in range(number)]
        self.pushed += number
        sent = [
            await self._producer.send(PREFIX + kind, key=object_id.encode(), value=value)
            for kind, object_id, value in pushed
        ]
        await asyncio.gather(*sent)


class Bench:
    """One run: the periods take turns, and at the end are told side by side."""

    def __init__(self, bootstrap: str, rate: int, seconds: float) -> None:
        self._bootstrap = bootstrap
        self._rate = rate
        self._seconds = seconds
        self._load, self._jobs = Load(PREFIX, PARTITIONS), Jobs()
        self._spans: dict[str, list[tuple[float, float]]] = {}

    async def run(self) -> list[Figure]:
        """Measure everything."""
        variables = environment(self._bootstrap, PREFIX)
        make_topics(variables, PARTITIONS)
        brokers = Kafka(self._bootstrap, PREFIX)
        with tempfile.NamedTemporaryFile("r") as held:
            async with running_worker(variables, (*WATCHED_WORKER, held.name)):
                await apply_definitions(variables, LIVE)
                before = len(await read_json(brokers, Topic.CONFIG_VERDICTS))
                pushed = await self._under_load(brokers, variables["STREAMPROC_APP_ID"])
                assert len(await read_json(brokers, Topic.CONFIG_VERDICTS)) == before + pushed, "not all was judged"
            return self._figures([(float(end), float(seconds)) for end, seconds in map(str.split, held)])

    async def _under_load(self, brokers: Kafka, app_id: str) -> int:
        """Return how much was pushed."""
        reading = asyncio.create_task(self._jobs.run(self._bootstrap, PREFIX))
        sending = asyncio.create_task(self._load.run(self._bootstrap, self._rate))
        gc.collect()
        gc.disable()  # a pause of this process would count as one of the worker's
        pushed = await self._take_turns()
        gc.enable()
        await _end(sending)
        await all_committed(brokers, app_id, Topic.CUSTOMER_EVENTS, *CONFIG_TOPICS, within=PATIENCE_SECONDS)
        await asyncio.sleep(SETTLE_SECONDS)
        await _end(reading)
        return pushed

    async def _take_turns(self) -> int:
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap)
        await producer.start()
        pushing = Pushing(producer)
        ways: Mapping[str, Callable[[], Awaitable[None]]] = {
            "no changes": pushing.nothing,
            f"{CHANGES_A_SECOND} changes/s": pushing.steadily,
            f"{BURST:,} changes at once": pushing.at_once,
        }
        await asyncio.sleep(WARM_UP_SECONDS)
        for _ in range(TURNS):
            for name, way in ways.items():
                began = perf_counter()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._seconds):
                        await way()
                await asyncio.sleep(SETTLE_SECONDS)
                self._spans.setdefault(name, []).append((began, perf_counter()))
        await producer.stop()
        return pushing.pushed

    def _figures(self, held: list[tuple[float, float]]) -> list[Figure]:
        told = f"{self._rate:,} events/s, {LIVE:,} live definitions, {PARTITIONS} partitions, one worker process"
        figures = []
        for name, spans in self._spans.items():
            latencies = sorted(
                1000 * (now - self._load.sent_at[tick])
                for (tick, now), times in self._jobs.read.items()
                if _is_in(spans, self._load.sent_at[tick])
                for _ in range(times)
            )
            holds = [1000 * seconds for end, seconds in held if _is_in(spans, end)]
            gaps = [self._longest_gap(span) for span in spans]
            figures += [
                Figure(f"{name}: loop held longest", round(max(holds, default=0)), "ms of processor time", told),
                Figure(
                    f"{name}: longest pause of a partition", round(median(gaps)), "ms", f"median of {TURNS}; {told}"
                ),
                Figure(f"{name}: latency p50", round(quantile(latencies, 0.5)), "ms", told),
                Figure(f"{name}: latency p99", round(quantile(latencies, 0.99)), "ms", told),
            ]
        return figures

    def _longest_gap(self, span: tuple[float, float]) -> float:
        """Return the longest time in milliseconds in which a partition had no new job."""
        start, end = span
        return max(
            1000 * (later - earlier)
            for arrivals in self._jobs.arrivals.values()
            for earlier, later in pairwise([start, *(one for one in arrivals if start <= one < end), end])
        )


def _is_in(spans: list[tuple[float, float]], moment: float) -> bool:
    return any(start <= moment < end for start, end in spans)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def measure(bootstrap: str, seconds: float, rate: int = RATE) -> list[Figure]:
    """Measure, with a worker of its own."""
    return await Bench(bootstrap, rate, seconds).run()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=RATE, help="events a second")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="seconds of each of the periods")
    given = parser.parse_args()
    with kafka() as bootstrap:
        show(uvloop.run(measure(bootstrap, given.seconds, given.rate)))


if __name__ == "__main__":
    main()
