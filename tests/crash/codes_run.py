"""Customers who each order and get a code, and the books of it: what was imported, given, published and sent."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition

from streamproc.codes.postgres import PostgresLedger
from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic, deliveries
from tests.support.codes import codes
from tests.support.configuration import campaign
from tests.support.databases import fetch
from tests.support.streams import read, reader, send_json
from tests.support.workers import WorkerProcess, until

PARTITIONS = 8
IMPORTED_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class Books:
    """What does not add up; nothing of it may be more than 0. `burnt`: given, and no customer has it."""

    jobs_missing: int
    jobs_twice: int
    codes_twice: int
    wrong_codes: int
    burnt: int
    lost: int


class CodesRun:
    """Events of one order each, written in parts; every one has a request for a code, through two channels."""

    def __init__(self, kafka: Kafka, database: str) -> None:
        self.kafka = kafka
        self.written = 0
        self.imported = 0
        self.app_id = ""
        self._database = database
        self._writing = asyncio.Lock()

    async def prepare(self, pool: int) -> None:
        """Make the topics, and fill the pool."""
        await create_topics(self.kafka.bootstrap, self.kafka.prefix, PARTITIONS, replication=1)
        ledger = PostgresLedger(self._database)
        for first in range(0, pool, IMPORTED_AT_ONCE):
            several = [f"CODE-{number:07}" for number in range(first, min(first + IMPORTED_AT_ONCE, pool))]
            assert not await ledger.add("camp_1", several)
        await ledger.close()
        self.imported = pool

    async def configure(self, worker: WorkerProcess) -> None:
        """Have a running worker judge campaign and distribution, and know them."""
        await worker.until_ready()
        await send_json(self.kafka, Topic.CAMPAIGNS, campaign())
        await send_json(self.kafka, Topic.DISTRIBUTIONS, codes(channels=[{"type": "email"}, {"type": "sms"}]))

        async def known() -> bool:
            return await worker.metric("streamproc_definitions", kind="live") == 1

        await until(known, within=60, what="the distribution known")

    async def write(self, events: int) -> None:
        """Write the next events as fast as they go."""
        async with self._writing:
            producer = AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap, enable_idempotence=True, linger_ms=5)
            await producer.start()
            try:
                topic = self.kafka.physical(Topic.CUSTOMER_EVENTS)
                numbers = range(self.written, self.written + events)
                sent = [await producer.send(topic, _event(number), key=_customer(number)) for number in numbers]
                await asyncio.gather(*sent)
            finally:
                await producer.stop()
            self.written += events

    async def until_all_sent(self, within: float) -> None:
        """Wait until a committed reader has met as many jobs of one channel as there are events."""
        topic, met = self.kafka.physical(deliveries("email")), 0
        async with asyncio.timeout(within), reader(self.kafka) as consumer:
            consumer.assign([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
            await consumer.seek_to_beginning()
            while met < self.written:
                fetched = await consumer.getmany(timeout_ms=100)
                met += sum(map(len, fetched.values()))

    async def books(self) -> Books:
        """Compare topics and database: every event, job, publication and code."""
        jobs = {channel: await self._jobs(channel) for channel in ("email", "sms")}
        codes_sent = Counter(job["action"]["voucher"]["code"] for job in jobs["email"])
        events = {job["cause"]["event_id"] for job in jobs["email"]}
        published = {
            one["publication"]["id"]: one["voucher"]["code"]
            for one in (orjson.loads(record.value or b"") for record in await read(self.kafka, Topic.PUBLICATIONS))
        }
        given = {
            f"pub_{str(publication).replace('-', '')}": code
            for publication, code in await fetch(
                self._database, "SELECT publication, code FROM streamproc.codes WHERE publication IS NOT NULL"
            )
        }
        ((kept,),) = await fetch(self._database, "SELECT count(*) FROM streamproc.codes")
        by_request = [{job["publication"]["id"]: job["action"]["voucher"]["code"] for job in jobs[one]} for one in jobs]
        assert isinstance(kept, int)
        return Books(
            jobs_missing=self.written - len(events),
            jobs_twice=sum(len(one) - len({job["id"] for job in one}) for one in jobs.values()),
            codes_twice=codes_sent.total() - len(codes_sent),
            wrong_codes=sum(len(one.items() - given.items()) for one in (*by_request, published)),
            burnt=len(set(given.values()) - set(published.values())),
            lost=self.imported - kept,
        )

    async def _jobs(self, channel: str) -> list[dict[str, Any]]:
        return [orjson.loads(record.value or b"") for record in await read(self.kafka, deliveries(channel))]


def _customer(number: int) -> bytes:
    return b"cust_%d" % number


def _event(number: int) -> bytes:
    customer = {"id": _customer(number).decode(), "email": f"{number}@shop.example", "phone": "1"}
    data = {"customer": customer, "order": {"id": f"ord_{number}", "amount": 9000}}
    body = {"id": f"evt_{number}", "type": "customer.order.paid", "created_at": "2026-03-03T12:00:00Z", "data": data}
    return orjson.dumps(body)
