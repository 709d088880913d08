"""The demo from topics to verdict: configuration, profiles, steady events, a release, a burst, the comparison."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from streamproc.cli.apply import as_text
from streamproc.cli.configuration_files import read_configuration
from streamproc.cli.demo.arrivals import Arrivals
from streamproc.cli.demo.comparison import Check, compare, compare_counts
from streamproc.cli.demo.display import Display
from streamproc.cli.demo.manual import HOLD_SECONDS, play_manual
from streamproc.cli.demo.outcome import read_outcome
from streamproc.cli.demo.waiting import all_committed, definitions_read, events_counted, segments_synced
from streamproc.cli.demo.worker import Worker
from streamproc.cli.pushing import push
from streamproc.local.expectations import COMPUTED_SEGMENTS, MUG_SALE, TEA_SALE
from streamproc.local.playing import Player
from streamproc.local.recount import Recount
from streamproc.local.sample import CONFIGURATION, REJECTED
from streamproc.local.shop import Shop, ShopOptions
from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.cancelling import cancel_and_wait
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic

PARTITIONS = 8
STEADY_SECONDS = 6
_VERDICT_LIMIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How much is played: `rate` is that of the steady part, in events a second."""

    events: int
    rate: float
    seed: int

    @property
    def steady(self) -> int:
        """How many events the steady part has: some seconds' worth, at most half of all."""
        return min(self.events // 2, int(self.rate * STEADY_SECONDS))

    @property
    def warm_up(self) -> int:
        """How many of the steady events pass before latency is measured: everything has just been started."""
        return self.steady // 4


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured; seconds, and events a second."""

    latency_p50: float | None
    latency_p99: float | None
    burst_events: int
    burst_seconds: float

    @property
    def events_per_second(self) -> float:
        """From the first event of the burst sent to the last one's transaction committed."""
        return self.burst_events / self.burst_seconds


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The verdict and what was measured on the way."""

    checks: list[Check]
    figures: Figures
    jobs: int

    @property
    def passed(self) -> bool:
        """Whether every check has."""
        return all(check.passed for check in self.checks)


async def run_demo(kafka: Kafka, app_id: str, options: DemoOptions, display: Display, log: Path) -> DemoResult:
    """Play everything on these brokers, under the prefix of `kafka`, with one worker of this application id."""
    await create_topics(kafka.bootstrap, kafka.prefix, PARTITIONS, replication=1, security=kafka.security)
    display.say(f"==> topics {kafka.prefix}*, {PARTITIONS} partitions; a worker starts, its log is {log}")
    shop = Shop(ShopOptions(seed=options.seed, oversized=True))
    async with Worker.started(kafka, app_id, log, HOLD_SECONDS) as worker, Player.opened(kafka, PARTITIONS) as player:
        versions, config_checks = await worker.while_running(_configure(kafka, display))
        await worker.while_running(segments_synced(kafka, COMPUTED_SEGMENTS))
        await worker.while_running(_play_profiles(kafka, app_id, shop, player, display))
        await worker.while_running(definitions_read(kafka, worker))
        figures, manual = await worker.while_running(_play_events(kafka, app_id, shop, player, options, display))
        counted = await worker.while_running(events_counted(worker, options.events))
        await worker.stop()
        display.say("==> the worker has stopped; reading everything that came out, and counting what had to")
    outcome = await read_outcome(kafka)
    expected = await asyncio.to_thread(_recount, shop, options)
    checks = [*config_checks, *compare(expected, outcome, versions | manual), compare_counts(expected, counted)]
    return DemoResult(checks, figures, len(outcome.jobs))


async def _configure(kafka: Kafka, display: Display) -> tuple[dict[str, int], list[Check]]:
    """Push the sample configuration, then the bad record; return the distributions' versions."""
    display.say("==> the configuration, judged by the worker")
    versions: dict[str, int] = {}
    refused: list[str] = []
    surprising: list[str] = []
    async for judged in push(kafka, list(read_configuration(CONFIGURATION)), limit_seconds=_VERDICT_LIMIT_SECONDS):
        if judged.record.kind == Topic.DISTRIBUTIONS:
            versions[judged.verdict["id"]] = judged.verdict["version"]
            display.say(_short(as_text(judged)))
        if not judged.accepted:
            refused.append(as_text(judged))
    async for judged in push(kafka, list(read_configuration(REJECTED)), limit_seconds=_VERDICT_LIMIT_SECONDS):
        display.say(_short(as_text(judged)))
        if judged.accepted or judged.verdict["in_force_version"] != versions.get(judged.verdict["id"]):
            surprising.append(as_text(judged))
    return versions, [
        Check("good configuration refused", len(versions), len(refused), tuple(refused)),
        Check("bad configuration in force", 1, len(surprising), tuple(surprising)),
    ]


def _short(text: str) -> str:
    return text.replace(f"{CONFIGURATION}/", "    ").replace("\n", "\n    ")


async def _play_profiles(kafka: Kafka, app_id: str, shop: Shop, player: Player, display: Display) -> None:
    """Play the profiles and wait until they are known: their topic and that of the events have no common order."""
    profiles = list(shop.profiles())
    await player.quickly(profiles)
    await all_committed(kafka, app_id, Topic.CUSTOMERS)
    display.say(f"==> {len(profiles):,} customer profiles")


async def _play_events(
    kafka: Kafka, app_id: str, shop: Shop, player: Player, options: DemoOptions, display: Display
) -> tuple[Figures, dict[str, int]]:
    """Play the events and, between the steady part and the burst, the manual distributions; return their versions.

    No event comes while these are at work: which orders count for a member would depend on the time.
    """
    arrivals = Arrivals()
    clock = asyncio.get_running_loop()
    stream = islice(shop.events(), options.events)
    burst = options.events - options.steady
    async with _watched(kafka, arrivals):
        display.say(f"==> {options.steady:,} events at {options.rate:,.0f} a second")
        async with display.live(_Headline(arrivals)):
            await player.steadily(islice(stream, options.warm_up), options.rate)
            await player.steadily(islice(stream, options.steady - options.warm_up), options.rate, arrivals.expect)
            await all_committed(kafka, app_id, Topic.CUSTOMER_EVENTS)
            await arrivals.caught_up()
        latencies = arrivals.percentile(0.5), arrivals.percentile(0.99)
        versions = await play_manual(kafka, display)
        display.say(f"==> {burst:,} events as fast as they go")
        begun = clock.time()
        async with display.live(_Headline(arrivals)):
            await player.quickly(stream)
            await all_committed(kafka, app_id, Topic.CUSTOMER_EVENTS)
            seconds = clock.time() - begun
            await arrivals.caught_up()
    return Figures(*latencies, burst, seconds), versions


class _Headline:
    """The moving numbers of one part, from the moment at which it is made."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._begun = asyncio.get_running_loop().time()

    def __call__(self) -> tuple[str, Counter[str], Counter[str]]:
        seconds = asyncio.get_running_loop().time() - self._begun
        headline = f"{seconds:5.1f} s  {self._arrivals.jobs:9,} jobs"
        return headline, self._arrivals.by_channel, self._arrivals.by_distribution


@asynccontextmanager
async def _watched(kafka: Kafka, arrivals: Arrivals) -> AsyncIterator[None]:
    """Have the jobs read while the block runs; a failed reader fails the block."""
    watching = asyncio.create_task(arrivals.watch(kafka))
    ready = asyncio.create_task(arrivals.ready.wait())
    try:
        await asyncio.wait((watching, ready), return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
        yield
        if watching.done():
            watching.result()
    finally:
        await cancel_and_wait(watching, ready)


def _recount(shop: Shop, options: DemoOptions) -> Recount:
    recount = Recount(PARTITIONS)
    for _, key, value in shop.profiles():
        recount.profile(key or b"", value)
    stream = islice(shop.events(), options.events)
    for _, key, value in islice(stream, options.steady):
        recount.event(key, value or b"")
    recount.sync(TEA_SALE.segment)
    for manual in (TEA_SALE, MUG_SALE):
        recount.end(manual)
    for _, key, value in stream:
        recount.event(key, value or b"")
    return recount
