"""A database that is down holds up codes and nothing else: plain messages flow as fast as before.

The same load with the database up and down, compared as a ratio. OUTAGE_SECONDS sets how long each is measured: 60 for
the whole proof, fewer for every day.
"""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic

import orjson
import pytest

from streamproc.codes.ledger import Pool
from streamproc.codes.postgres import PostgresLedger
from streamproc.local.postgres import LocalPostgres
from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic, deliveries
from tests.benchmarks.latency import measure_latency, sorted_latencies
from tests.benchmarks.load import fill
from tests.support.codes import codes
from tests.support.configuration import campaign, distribution
from tests.support.streams import all_committed, read_json, send_json
from tests.support.workers import WorkerProcess, Workers, until

OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS") or 2)

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240 + 4 * OUTAGE_SECONDS)]

PARTITIONS = 4
RATE = 200  # events a second
BURST = 2_000
BURSTS = 3  # the best one counts
WARM_UP_SECONDS = 1.0
# Generous: two cores carry broker, database, worker and test, and others.
NO_SLOWER = 2.0
PAUSE_SECONDS = 0.2  # in which somebody else has the machine
IN_TIME = 120.0


@dataclass
class Load:
    """Orders, each of which starts a plain message by SMS and a code by e-mail."""

    brokers: Kafka
    app_id: str
    worker: WorkerProcess
    sent: int = 0
    _numbers: Iterator[int] = field(default_factory=count)

    async def latency(self) -> float:
        """Return the median milliseconds of plain messages at a steady rate."""
        stamped = await measure_latency(
            self.brokers.bootstrap, self.brokers.prefix, PARTITIONS, self._events(), RATE,
            WARM_UP_SECONDS + OUTAGE_SECONDS, channel="sms", warm_up=WARM_UP_SECONDS,
        )  # fmt: skip
        latencies = sorted_latencies(stamped)
        assert len(latencies) > RATE * OUTAGE_SECONDS / 2
        return latencies[len(latencies) // 2]

    async def burst(self) -> float:
        """Return the seconds until a burst of plain messages is through."""
        topic = self.brokers.physical(Topic.CUSTOMER_EVENTS)
        began = monotonic()
        await fill(self.brokers.bootstrap, topic, PARTITIONS, self._events(), BURST)
        await all_committed(self.brokers, self.app_id, Topic.CUSTOMER_EVENTS)
        return monotonic() - began

    async def until_all_given(self) -> float:
        """Return the seconds until everybody has a code."""

        async def all_given() -> bool:
            return await self.worker.metric("streamproc_publications_total") == self.sent

        return await until(all_given, within=IN_TIME, what="a code given to everybody")

    def _events(self) -> Iterator[tuple[bytes, bytes]]:
        for number in self._numbers:
            self.sent += 1
            customer = {"id": f"cust_{number}", "email": f"{number}@shop.example", "phone": "1"}
            data = {"customer": customer, "order": {"id": f"ord_{number}", "amount": 9000}}
            event = {"id": f"evt_{number}", "type": "customer.order.paid", "created_at": "2026-03-03T12:00:00Z"}
            yield customer["id"].encode(), orjson.dumps({**event, "data": data})


async def configured(brokers: Kafka, worker: WorkerProcess) -> None:
    """Push both distributions, and wait until the worker decides by them."""
    await send_json(brokers, Topic.CAMPAIGNS, campaign())
    await send_json(brokers, Topic.DISTRIBUTIONS, codes())
    await send_json(brokers, Topic.DISTRIBUTIONS, distribution(channels=[{"type": "sms"}]))

    async def known() -> bool:
        return await worker.metric("streamproc_definitions", kind="live") == 2

    await until(known, within=IN_TIME, what="the distributions known")


async def test_plain_messages_are_as_fast_while_the_database_is_down_and_all_codes_come_when_it_is_back(
    kafka: str, topic_prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await create_topics(kafka, topic_prefix, PARTITIONS, 1)
    brokers = Kafka(kafka, topic_prefix)
    with LocalPostgres() as server:
        ledger = PostgresLedger(server.address)
        imported = 2 * round(RATE * (WARM_UP_SECONDS + OUTAGE_SECONDS) + BURSTS * BURST) + 2 * RATE
        await ledger.add("camp_1", [f"CODE-{number:06}" for number in range(imported)])
        async with Workers(brokers, tmp_path, settings={"POSTGRES": server.address}) as workers:
            worker = await workers.started()
            await configured(brokers, worker)
            load, bursts_up = Load(brokers, workers.app_id, worker), []
            for _ in range(BURSTS):
                bursts_up.append(await load.burst())
                await load.until_all_given()
            latency_up = await load.latency()
            await load.until_all_given()

            await asyncio.to_thread(server.kill)
            before = load.sent
            bursts_down = [await load.burst() for _ in range(BURSTS)]
            latency_down = await load.latency()
            await all_committed(brokers, workers.app_id, Topic.CUSTOMER_EVENTS)
            plain = await read_json(brokers, deliveries("sms"))
            assert len({job["cause"]["event_id"] for job in plain}) == len(plain) == load.sent
            assert len(await read_json(brokers, deliveries("email"))) == before
            assert await worker.metric("streamproc_ledger_answers") == 0

            await asyncio.to_thread(server.start)
            caught_up = await load.until_all_given()
            jobs = await read_json(brokers, deliveries("email"))
            await workers.stop(worker)
        assert len({job["action"]["voucher"]["code"] for job in jobs}) == len(jobs) == load.sent
        assert await ledger.pools() == [Pool("camp_1", free=imported - load.sent, given=load.sent)]
        await ledger.close()
    with capsys.disabled():
        print(
            f"\ndown for {OUTAGE_SECONDS:g} s and some bursts; plain messages, down / up: burst of {BURST:,} "
            f"{min(bursts_down):.2f} / {min(bursts_up):.2f} s, median latency {latency_down:.0f} / {latency_up:.0f} "
            f"ms; {load.sent - before:,} codes {caught_up:.1f} s after the database was back"
        )
    assert min(bursts_down) < NO_SLOWER * min(bursts_up) + PAUSE_SECONDS
    assert latency_down < NO_SLOWER * latency_up + 1000 * PAUSE_SECONDS
