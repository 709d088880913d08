"""What a reader of the delivery jobs sees while they come: counts by channel and distribution, and latencies."""

import asyncio
from collections import Counter
from math import ceil

from aiokafka import AIOKafkaConsumer

from streamproc.cli.reading import follow, opened
from streamproc.local.shop import ShopRecord
from streamproc.runtime.kafka import Kafka
from streamproc.topics import CHANNELS, deliveries

# Each event of the shop begins with its id; records that do not are faults, from which no job comes.
_ID_STARTS = b'{"id":"'
_POLL_SECONDS = 0.02


class Arrivals:
    """Jobs as they become readable for somebody who reads committed records only.

    `latencies` are seconds from handing an event to the Kafka client until a job of it was read.
    """

    def __init__(self) -> None:
        self.by_channel: Counter[str] = Counter()
        self.by_distribution: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.ready = asyncio.Event()
        self._sent_at: dict[bytes, float] = {}
        self._reader: AIOKafkaConsumer | None = None

    @property
    def jobs(self) -> int:
        """How many jobs there were so far."""
        return self.by_channel.total()

    def expect(self, record: ShopRecord) -> None:
        """Note the moment at which an event is sent."""
        value = record[2] or b""
        if value.startswith(_ID_STARTS):
            identity = value[len(_ID_STARTS) : value.index(b'"', len(_ID_STARTS))]
            self._sent_at.setdefault(identity, asyncio.get_running_loop().time())

    async def watch(self, kafka: Kafka) -> None:
        """Read until cancelled; `ready` is set when nothing can be missed any more."""
        channels = {kafka.physical(deliveries(channel)): channel for channel in CHANNELS}
        clock = asyncio.get_running_loop()
        async with opened(kafka, [deliveries(channel) for channel in CHANNELS], at_end=True) as reader:
            self._reader = reader
            self.ready.set()
            async for records in follow(reader):
                now = clock.time()
                for record in records:
                    headers = {name: text or b"" for name, text in record.headers}
                    self.by_channel[channels[record.topic]] += 1
                    self.by_distribution[headers["distribution-id"].decode()] += 1
                    sent_at = self._sent_at.get(headers["cause-id"].partition(b"#")[0])
                    if sent_at is not None:
                        self.latencies.append(now - sent_at)

    async def caught_up(self) -> None:
        """Return when every job that is readable now has been read."""
        assert self._reader is not None
        ends = await self._reader.end_offsets(list(self._reader.assignment()))
        for partition, end in ends.items():
            while await self._reader.position(partition) < end:  # noqa: ASYNC110  (a position sets no event)
                await asyncio.sleep(_POLL_SECONDS)

    def percentile(self, share: float) -> float | None:
        """Return the latency that this share of the jobs did not exceed, in seconds; None without jobs."""
        ordered = sorted(self.latencies)
        return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None
