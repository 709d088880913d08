"""A table reader: follows a compacted topic from its beginning, without a group, on every worker.

Ready when it has read what stood in the topic at its start; the end is told by position, as in `restore`. Faust's own
tables hang on transaction markers, and its agents would give each worker only its own partitions.
"""

import asyncio

import structlog
from aiokafka.structs import TopicPartition

from streamproc.runtime.kafka import Kafka
from streamproc.runtime.patience import patiently
from streamproc.runtime.restore import FETCH_BYTES, POLL_MILLISECONDS, Apply

log = structlog.get_logger(__name__)

# One poll. Applying a record may compile something, up to a millisecond each, and meanwhile no chunk is worked on.
POLL_RECORDS = 50


class TableReader:
    """Applies every record of a one-partition topic, and then those that come."""

    def __init__(self, kafka: Kafka, topic: str, apply: Apply) -> None:
        self.topic = topic
        self.ready = asyncio.Event()
        self.position = 0
        self._kafka = kafka
        self._apply = apply
        self._moved = asyncio.Condition()

    async def run(self) -> None:
        """Read until cancelled. An exception of `apply` ends it: a table with a hole would decide wrongly."""
        await patiently(f"reading {self.topic}", self._read)

    async def _read(self) -> None:
        """Read on from where the attempt before this one ended: going back would put old records in force again."""
        reader = self._kafka.reader(max_partition_fetch_bytes=FETCH_BYTES, fetch_max_wait_ms=POLL_MILLISECONDS)
        tp = TopicPartition(self._kafka.physical(self.topic), 0)
        try:
            await reader.start()
            reader.assign([tp])
            end = (await reader.end_offsets([tp]))[tp]
            if self.position:
                reader.seek(tp, self.position)
            else:
                await reader.seek_to_beginning(tp)
            while True:
                fetched = await reader.getmany(tp, timeout_ms=POLL_MILLISECONDS, max_records=POLL_RECORDS)
                for record in fetched.get(tp, ()):
                    if record.key is not None:
                        self._apply(record.key, record.value)
                await self._move(await reader.position(tp))
                if not self.ready.is_set() and self.position >= end:
                    log.info("table_ready", topic=self.topic, position=self.position)
                    self.ready.set()
                await asyncio.sleep(0)
        finally:
            await reader.stop()

    async def wait_for(self, position: int) -> None:
        """Return when everything before this offset has been applied."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.position >= position)

    async def _move(self, position: int) -> None:
        if position != self.position:
            async with self._moved:
                self.position = position
                self._moved.notify_all()
