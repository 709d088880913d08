"""Plays records into topics: at a steady rate, each at its moment, or as fast as the brokers take them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from streamproc.local.shop import ShopRecord
from streamproc.runtime.kafka import Kafka

# Larger than the largest record that the shop makes on purpose.
_BATCH_BYTES = 256 * 1024
_REQUEST_BYTES = 2 * 1024 * 1024
_BURST_BLOCK = 2_000  # records between two turns of the event loop
_TICK_SECONDS = 0.005


class Player:
    """Writes the records of a shop, each to the partition of its key, in order and each once.

    A record without key goes to partition 0, so that the same records always make the same topics.
    """

    def __init__(self, kafka: Kafka, partitions: int, producer: AIOKafkaProducer) -> None:
        self._kafka = kafka
        self._producer = producer
        self._all = list(range(partitions))
        self._partitions: dict[bytes | None, int] = {None: 0}
        self._batches: dict[tuple[str, int], Any] = {}
        self._sent: list[Awaitable[object]] = []

    @classmethod
    @asynccontextmanager
    async def opened(cls, kafka: Kafka, partitions: int) -> AsyncIterator[Self]:
        """Give a player for topics with so many partitions."""
        # A retry without idempotence could write a batch twice or out of order, and no count would be right.
        producer = AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap,
            enable_idempotence=True,
            max_batch_size=_BATCH_BYTES,
            max_request_size=_REQUEST_BYTES,
            **kafka.security,
        )
        await producer.start()
        try:
            yield cls(kafka, partitions, producer)
        finally:
            await producer.stop()

    async def steadily(
        self, records: Iterable[ShopRecord], rate: float, sending: Callable[[ShopRecord], object] = lambda _: None
    ) -> None:
        """Send so many records a second, evenly; `sending` is told of each just before."""
        clock = asyncio.get_running_loop()
        begun = clock.time()
        for number, (topic, key, value) in enumerate(records):
            if (ahead := begun + number / rate - clock.time()) > 0:
                await asyncio.sleep(max(ahead, _TICK_SECONDS))
            sending((topic, key, value))
            name, partition = self._kafka.physical(topic), self._partition(key)
            self._sent.append(await self._producer.send(name, value, key=key, partition=partition))
        await self._acknowledged()

    async def quickly(self, records: Iterable[ShopRecord]) -> None:
        """Send as fast as it goes."""
        for number, (topic, key, value) in enumerate(records, start=1):
            partition = self._partition(key)
            batch = self._batches.get((topic, partition))
            if batch is None or batch.append(timestamp=None, key=key, value=value) is None:
                await self._begin_batch(topic, partition, key, value)
            if number % _BURST_BLOCK == 0:
                await asyncio.sleep(0)
        for topic, partition in list(self._batches):
            await self._send_batch(topic, partition)
        await self._acknowledged()

    async def _begin_batch(self, topic: str, partition: int, key: bytes | None, value: bytes | None) -> None:
        await self._send_batch(topic, partition)
        self._batches[topic, partition] = batch = self._producer.create_batch()
        batch.append(timestamp=None, key=key, value=value)

    async def _send_batch(self, topic: str, partition: int) -> None:
        batch = self._batches.pop((topic, partition), None)
        if batch is not None:
            name = self._kafka.physical(topic)
            self._sent.append(await self._producer.send_batch(batch, name, partition=partition))

    async def _acknowledged(self) -> None:
        """Wait for the brokers, and raise what they refused."""
        sent, self._sent = self._sent, []
        await asyncio.gather(*sent)

    def _partition(self, key: bytes | None) -> int:
        """The client's own partitioner, remembered: it hashes each byte in Python."""
        partition = self._partitions.get(key)
        if partition is None:
            partition = self._partitions[key] = DefaultPartitioner()(key, self._all, self._all)
        return partition
