"""A release to very many customers beside live events: `python -m tests.benchmarks.releases --customers 1000000`.

One worker process, broker and client on the same machine. All times of syncs and releases are those of the control
task; the live events' are measured from outside, by the same client without and with a release.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import psutil
import uvloop

from streamproc.local.kafka import kafka
from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic
from tests.benchmarks.bench_worker import apply_definitions, environment
from tests.benchmarks.figures import Figure, quantile, show
from tests.benchmarks.latency import measure_latency, sorted_latencies
from tests.benchmarks.load import fill, shop_events
from tests.support.configuration import manual
from tests.support.streams import all_committed, read, read_json, send_json, table
from tests.support.workers import WorkerProcess, Workers, until

PARTITIONS = 8
LIVE = 100
PREFIX = "releases."
HOLD_SECONDS = 2
SHARE = 0.9
# Single customers, for the lateness: one every so often while the release is under way.
SINGLES_EVERY_SECONDS = 0.1
HOURS = 3600.0


def segment(identity: str, plan: str) -> dict[str, Any]:
    """Return the segment of those who have a plan."""
    condition = {"metadata.plan": {"conditions": {"$is": plan}}}
    return {"id": identity, "name": identity, "type": "dynamic", "filter": condition}


RELEASE = manual(id="distr_release", name="Release", audience={"segment_id": "seg_many"}, channels=[{"type": "sms"}])


def profiles(customers: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of customers, nine of ten with the plan that the segment is about."""
    for number in range(customers):
        record = {
            "id": f"known_{number:08}",
            "name": f"Customer {number}",
            "email": f"customer.{number}@mail.example",
            "phone": f"+49 30 {number:08}",
            "birthdate": "1990-05-17",
            "address": {"city": "Berlin", "country": "Germany", "postal_code": "10117"},
            "metadata": {"plan": "gold" if number % 10 else "tin", "newsletter": True},
        }
        yield record["id"].encode(), orjson.dumps(record)  # type: ignore[attr-defined]


class Bench:
    """One run with so many customers, of which the figures are gathered one after the other."""

    def __init__(self, bootstrap: str, customers: int, rate: int, seconds: float, workers: Workers) -> None:
        self.figures: list[Figure] = []
        self._kafka = Kafka(bootstrap, PREFIX)
        self._customers = customers
        self._rate = rate
        self._seconds = seconds
        self._workers = workers
        self._events = shop_events(seed=2)
        self._told = f"{customers:,} customers, {PARTITIONS} partitions, {LIVE} live definitions, one worker process"

    async def run(self) -> None:
        """Measure everything."""
        bootstrap = self._kafka.bootstrap
        await create_topics(bootstrap, PREFIX, PARTITIONS, 1)
        worker = await self._workers.started()
        await apply_definitions(environment(bootstrap, PREFIX), LIVE)
        empty = memory(worker)
        await fill(bootstrap, f"{PREFIX}customers", PARTITIONS, profiles(self._customers), self._customers)
        await all_committed(self._kafka, self._workers.app_id, Topic.CUSTOMERS, within=HOURS)
        await self._workers.stop(worker)
        worker = await self._workers.started()
        self._note_restore(worker, empty)
        await self._sync(segment("seg_few", "iron"), "nobody becomes a member")
        await self._sync(segment("seg_many", "gold"), "nine of ten become members")
        quiet = sorted_latencies(await self._live(self._seconds))
        await self._release(worker, quiet)
        await self._workers.stop(worker)

    def _note_restore(self, worker: WorkerProcess, empty: int) -> None:
        restored = [entry for entry in worker.entries("store_restored") if entry["store"] == Topic.CUSTOMER_STATE]
        ended = [datetime.fromisoformat(entry["timestamp"]).timestamp() for entry in restored]
        began = min(end - entry["seconds"] for end, entry in zip(ended, restored, strict=True))
        keys = sum(entry["keys"] for entry in restored)
        self._add("restore", keys / (max(ended) - began), "customers/s", self._told)
        self._add(
            "memory", (memory(worker) - empty) / keys, "bytes/customer", f"{self._told}, resident, after a restore"
        )

    async def _sync(self, segment: dict[str, Any], told: str) -> None:
        key = f"segments/{segment['id']}"
        await send_json(self._kafka, Topic.SEGMENTS, segment)

        async def known() -> bool:
            await asyncio.sleep(0.5)
            return key in await table(self._kafka, Topic.DEFINITIONS)

        await until(known, within=HOURS, what="the segment synced")
        (pushed,) = [one for one in await read(self._kafka, Topic.SEGMENTS) if one.key == segment["id"].encode()]
        (synced,) = [one for one in await read(self._kafka, Topic.DEFINITIONS) if one.key == key.encode()]
        seconds = (synced.timestamp - pushed.timestamp) / 1000
        self._add(f"sync, {told}", self._customers / seconds, "customers/s", self._told)

    async def _release(self, worker: WorkerProcess, quiet: list[float]) -> None:
        await send_json(self._kafka, Topic.DISTRIBUTIONS, RELEASE)
        singles = asyncio.create_task(self._singles())
        over = asyncio.Event()

        async def finish() -> None:
            async def done() -> bool:
                await asyncio.sleep(0.5)
                return await worker.metric("streamproc_distributions", state="sending") == 0 and bool(
                    await worker.metric("streamproc_jobs_total", channel="sms") >= int(SHARE * self._customers)
                )

            await until(done, within=HOURS, what="the release done")
            over.set()

        finishing = asyncio.create_task(finish())
        stamped = await self._live(HOURS, over)
        await finishing
        singles.cancel()
        with suppress(asyncio.CancelledError):
            await singles
        log = await read_json(self._kafka, Topic.DISTRIBUTION_LOG)
        at = {one.get("receipt"): _time(one["at"]) for one in log if one["distribution_id"] == RELEASE["id"]}
        sent = next(one["emitted"] for one in log if one.get("receipt") == "done" and one["emitted"] > 1)
        during = sorted_latencies(one for one in stamped if at["released"] <= one[0] <= at["done"])
        told = f"{self._told}, {self._rate} events/s beside it"
        self._add("released", sent / (at["done"] - at["released"]), "jobs/s", told)
        for share, name in ((0.5, "p50"), (0.99, "p99")):
            without, within = quantile(quiet, share), quantile(during, share)
            steady = f"{self._told}, {self._rate} events/s"
            self._add(f"live {name} without a release", without, "ms", steady)
            self._add(f"live {name} during a release", within, "ms", steady)
            self._add(f"live {name} during / without", within / without, "ratio", steady)
        self._note_lateness(log)

    def _note_lateness(self, log: list[dict[str, Any]]) -> None:
        due = {one["distribution_id"]: _time(one["due_at"]) for one in log if one.get("receipt") == "held"}
        late = sorted(
            1000 * (_time(one["at"]) - due[one["distribution_id"]]) for one in log if one.get("receipt") == "released"
        )
        told = f"{len(late)} distributions to one customer each while another goes to {self._customers:,}"
        self._add("hold lateness p99", quantile(late, 0.99), "ms", told)

    async def _singles(self) -> None:
        for number in count():
            audience = {"customer": {"id": f"known_{number:08}"}}
            one = manual(id=f"distr_one_{number}", name=f"One {number}", audience=audience)
            await send_json(self._kafka, Topic.DISTRIBUTIONS, one)
            await asyncio.sleep(SINGLES_EVERY_SECONDS)

    async def _live(self, seconds: float, over: asyncio.Event | None = None) -> list[tuple[float, float]]:
        return await measure_latency(
            self._kafka.bootstrap, PREFIX, PARTITIONS, self._events, self._rate, seconds, over=over
        )

    def _add(self, name: str, value: float, unit: str, conditions: str) -> None:
        self.figures.append(Figure(name, round(value, 2 if value < 100 else None), unit, conditions))


def memory(worker: WorkerProcess) -> int:
    """Return the resident bytes of a worker process."""
    resident: int = psutil.Process(worker.entries("starting")[0]["pid"]).memory_info().rss
    return resident


def _time(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()


async def measure(bootstrap: str, customers: int, rate: int, seconds: float) -> list[Figure]:
    """Measure with a worker of its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"HOLD": HOLD_SECONDS, "SESSION_TIMEOUT": 10}
        async with Workers(Kafka(bootstrap, PREFIX), Path(folder), settings=settings) as workers:
            bench = Bench(bootstrap, customers, rate, seconds, workers)
            await bench.run()
            return bench.figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--rate", type=int, default=1000, help="live events a second")
    parser.add_argument("--seconds", type=float, default=15, help="seconds of live events without a release")
    given = parser.parse_args()
    with kafka() as bootstrap:
        show(uvloop.run(measure(bootstrap, given.customers, given.rate, given.seconds)))


if __name__ == "__main__":
    main()
