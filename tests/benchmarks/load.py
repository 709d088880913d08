"""Puts the shop's events on a topic, quickly or at a steady rate, to the partitions that Kafka's clients choose."""

import asyncio
from collections.abc import Iterator
from itertools import islice
from time import perf_counter

import orjson
from aiokafka import AIOKafkaProducer

from streamproc.clock import now_milliseconds
from streamproc.domain.partitions import partition_of
from streamproc.local.shop import Shop, ShopOptions

BATCH_BYTES = 900_000


def shop_events(seed: int = 1, customers: int = 20_000) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of events without faults, about 850 bytes each."""
    shop = Shop(ShopOptions(seed=seed, customers=customers, flawless=True))
    for _, key, value in shop.events():
        assert key is not None
        assert value is not None
        yield key, value


def paid_order(number: int) -> tuple[bytes, bytes]:
    """Key and value of a small order that a customer of its own has paid."""
    customer = {"id": f"cust_{number}", "name": "Ann", "email": "ann@shop.example"}
    order = {"id": f"ord_{number}", "amount": 9000, "items": [{"product_id": "p", "price": 9000}]}
    data = {"customer": customer, "order": order}
    body = {"id": f"evt_{number}", "type": "customer.order.paid", "created_at": "2026-11-24T10:00:00Z", "data": data}
    return customer["id"].encode(), orjson.dumps(body)


async def fill(bootstrap: str, topic: str, partitions: int, events: Iterator[tuple[bytes, bytes]], count: int) -> int:
    """Append `count` events as fast as possible; returns their mean size in bytes."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES)
    await producer.start()
    size = 0
    try:
        batches = [producer.create_batch() for _ in range(partitions)]
        sent = []
        now = now_milliseconds()
        for key, value in islice(events, count):
            partition = partition_of(key, partitions)
            size += len(value)
            if batches[partition].append(key=key, value=value, timestamp=now) is None:
                sent.append(await producer.send_batch(batches[partition], topic, partition=partition))
                batches[partition] = producer.create_batch()
                batches[partition].append(key=key, value=value, timestamp=now)
        sent += [
            await producer.send_batch(batch, topic, partition=partition)
            for partition, batch in enumerate(batches)
            if batch.record_count()
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    return size // count


async def trickle(
    bootstrap: str,
    topic: str,
    partitions: int,
    events: Iterator[tuple[bytes, bytes]],
    rate: int,
    seconds: float,
    over: asyncio.Event | None = None,
) -> int:
    """Append events evenly at `rate` a second; a record's timestamp is the moment it was handed to the client.

    It ends after so many seconds, or before, once `over` is set.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=0)
    await producer.start()
    count = 0
    try:
        began = perf_counter()
        while (elapsed := perf_counter() - began) < seconds and not (over is not None and over.is_set()):
            for key, value in islice(events, max(int(elapsed * rate) - count, 0)):
                await producer.send(
                    topic, key=key, value=value, partition=partition_of(key, partitions),
                    timestamp_ms=now_milliseconds(),
                )  # fmt: skip
                count += 1
            await asyncio.sleep(0.001)
        await producer.flush()
    finally:
        await producer.stop()
    return count
