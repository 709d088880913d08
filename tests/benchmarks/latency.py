"""Latency of the whole path: from the moment an event is handed to a producer to the moment its job can be read.

The reader sees committed jobs only. The cause's event id leads from the job back to the event's moment.
"""

import asyncio
import gc
from collections.abc import Iterable, Iterator
from time import perf_counter

import orjson
from aiokafka import AIOKafkaConsumer

from streamproc.clock import now_milliseconds
from tests.benchmarks.load import trickle

WARM_UP_SECONDS = 3.0


class Stamped:
    """Passes events on and remembers when each went out."""

    def __init__(self, events: Iterator[tuple[bytes, bytes]]) -> None:
        self._events = events
        self.sent_at: dict[str, float] = {}

    def __iter__(self) -> "Stamped":
        return self

    def __next__(self) -> tuple[bytes, bytes]:
        key, value = next(self._events)
        self.sent_at[orjson.loads(value)["id"]] = perf_counter()
        return key, value


async def measure_latency(
    bootstrap: str,
    prefix: str,
    partitions: int,
    events: Iterator[tuple[bytes, bytes]],
    rate: int,
    seconds: float,
    *,
    channel: str = "email",
    warm_up: float = WARM_UP_SECONDS,
    over: asyncio.Event | None = None,
) -> list[tuple[float, float]]:
    """Return when each event went out, in seconds since the epoch, and the latency of its job in milliseconds.

    Jobs are those of one channel, without those of the warm-up. It ends after so many seconds, or before, once `over`
    is set.
    """
    stamped = Stamped(events)
    reader = AIOKafkaConsumer(
        f"{prefix}deliveries.{channel}", bootstrap_servers=bootstrap, isolation_level="read_committed",
        auto_offset_reset="latest", fetch_max_wait_ms=50,
    )  # fmt: skip
    await reader.start()
    await reader.seek_to_end()
    latencies: list[tuple[float, float]] = []
    began = perf_counter()
    clock_began = now_milliseconds() / 1000 - began

    async def read() -> None:
        while True:
            for records in (await reader.getmany(timeout_ms=200)).values():
                now = perf_counter()
                for record in records:
                    sent_at = stamped.sent_at.get(orjson.loads(record.value)["cause"].get("event_id"))
                    if sent_at is not None and sent_at - began > warm_up:
                        latencies.append((clock_began + sent_at, 1000 * (now - sent_at)))

    reading = asyncio.create_task(read())
    gc.collect()
    gc.disable()  # a pause of this process would count as one of the worker's
    try:
        await trickle(bootstrap, f"{prefix}customer-events", partitions, stamped, rate, seconds, over)
        await asyncio.sleep(1)
    finally:
        gc.enable()
        reading.cancel()
        await asyncio.wait([reading])
        await reader.stop()
    return latencies


def sorted_latencies(stamped: Iterable[tuple[float, float]]) -> list[float]:
    """Return what was measured without when, in milliseconds."""
    return sorted(milliseconds for _, milliseconds in stamped)
