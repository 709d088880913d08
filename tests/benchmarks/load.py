"""Puts the shop's events on a topic, quickly or at a steady rate, to the partitions that Kafka's clients choose."""

import asyncio
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from time import perf_counter
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from streamproc.clock import now_milliseconds
from streamproc.domain.partitions import partition_of
from streamproc.local.shop import Shop, ShopOptions

BATCH_BYTES = 900_000
TICK_SECONDS = 0.005
# Hashing a key costs as much as all the rest of sending a record.
_partition_of = lru_cache(maxsize=100_000)(partition_of)


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

    def measured() -> Iterator[tuple[bytes, bytes]]:
        nonlocal size
        for key, value in islice(events, count):
            size += len(value)
            yield key, value

    try:
        await asyncio.gather(*await send_together(producer, topic, partitions, measured()))
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
    """Append events evenly at `rate` a second, those of a tick together, and return how many.

    It ends after so many seconds, or before, once `over` is set.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=0, max_batch_size=BATCH_BYTES)
    await producer.start()
    count = 0
    try:
        began = perf_counter()
        while (elapsed := perf_counter() - began) < seconds and not (over is not None and over.is_set()):
            due = list(islice(events, max(int(elapsed * rate) - count, 0)))
            await send_together(producer, topic, partitions, due)
            count += len(due)
            await asyncio.sleep(TICK_SECONDS)
        await producer.flush()
    finally:
        await producer.stop()
    return count


async def send_together(
    producer: AIOKafkaProducer, topic: str, partitions: int, events: Iterable[tuple[bytes, bytes]]
) -> list["asyncio.Future[Any]"]:
    """Hand events to a producer in as few batches as they fit into, and return what ends once these are acknowledged.

    Singly they would cost it ten times as much. A record's timestamp is the moment at which this began.
    """
    batches: dict[int, Any] = {}
    sent, now = [], now_milliseconds()
    for key, value in events:
        partition = _partition_of(key, partitions)
        if partition not in batches:
            batches[partition] = producer.create_batch()
        if batches[partition].append(key=key, value=value, timestamp=now) is None:
            sent.append(await producer.send_batch(batches[partition], topic, partition=partition))
            batches[partition] = producer.create_batch()
            batches[partition].append(key=key, value=value, timestamp=now)
    for partition, batch in batches.items():
        sent.append(await producer.send_batch(batch, topic, partition=partition))
    return sent
