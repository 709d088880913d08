"""A steady load of any rate that costs the measuring process little, and when its jobs can be read.

Events are prepared beforehand and sent in batches, under ids that tell when they were sent; jobs carry them back in a
header.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import cycle, islice
from time import perf_counter

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streamproc.topics import Topic, deliveries
from tests.benchmarks.load import BATCH_BYTES, TICK_SECONDS, send_together, shop_events

TEMPLATES = 20_000
READ_MILLISECONDS = 20
FETCH_BYTES = 4 * 1024 * 1024
_ID = b'"id":"'


class Load:
    """Prepared events, sent at a steady rate under new ids."""

    def __init__(self, prefix: str, partitions: int) -> None:
        prepared = [(key, *_around_id(value)) for key, value in islice(shop_events(), TEMPLATES)]
        self._events = cycle(prepared)
        self._topic = prefix + Topic.CUSTOMER_EVENTS
        self._partitions = partitions
        #: When the events of each tick went out.
        self.sent_at: list[float] = []

    async def run(self, bootstrap: str, rate: int) -> None:
        """Send until cancelled."""
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=0, max_batch_size=BATCH_BYTES)
        await producer.start()
        sent, began = 0, perf_counter()
        try:
            while True:
                due = int((perf_counter() - began) * rate) - sent
                await self._send(producer, due)
                sent += due
                await asyncio.sleep(TICK_SECONDS)
        finally:
            await producer.stop()

    async def _send(self, producer: AIOKafkaProducer, number: int) -> None:
        tick, events = len(self.sent_at), islice(self._events, number)
        self.sent_at.append(perf_counter())
        await send_together(
            producer,
            self._topic,
            self._partitions,
            ((key, b"%b%d-%d%b" % (head, tick, place, tail)) for place, (key, head, tail) in enumerate(events)),
        )


def _around_id(value: bytes) -> tuple[bytes, bytes]:
    """Return an event's bytes before and after its id."""
    start = value.index(_ID) + len(_ID)
    return value[:start], value[value.index(b'"', start) :]


@dataclass
class Jobs:
    """What was read of the jobs of a channel."""

    #: How many of the events of a tick had their jobs read when.
    read: dict[tuple[int, float], int] = field(default_factory=lambda: defaultdict(int))
    #: When each partition had some.
    arrivals: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    #: Of which distributions in which versions they were.
    versions: set[tuple[str, int]] = field(default_factory=set)

    async def run(self, bootstrap: str, prefix: str, channel: str = "email") -> None:
        """Read until cancelled."""
        reader = AIOKafkaConsumer(
            prefix + deliveries(channel), bootstrap_servers=bootstrap, isolation_level="read_committed",
            auto_offset_reset="latest", check_crcs=False, max_partition_fetch_bytes=FETCH_BYTES,
        )  # fmt: skip
        await reader.start()
        seen: set[tuple[bytes, bytes]] = set()
        try:
            while True:
                fetched = await reader.getmany(timeout_ms=READ_MILLISECONDS)
                now = perf_counter()
                for tp, records in fetched.items():
                    self.arrivals[tp.partition].append(now)
                    for record in records:
                        _, (_, distribution), (_, version), (_, cause) = record.headers
                        seen.add((distribution, version))
                        self.read[int(cause[: cause.index(b"-")]), now] += 1
        finally:
            self.versions = {(distribution.decode(), int(version)) for distribution, version in seen}
            await reader.stop()
