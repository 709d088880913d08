"""Reads a compacted partition from its beginning to its end, as it stands when the reading starts."""

import asyncio
from collections.abc import Callable

from aiokafka.structs import TopicPartition

from streamproc.runtime.kafka import Kafka

# One poll; small enough that restoring never holds the event loop for more than a few milliseconds.
POLL_RECORDS = 4000
POLL_MILLISECONDS = 200
FETCH_BYTES = 4 * 1024 * 1024

Apply = Callable[[bytes, bytes | None], None]
Progress = Callable[[int, int], None]


async def read_to_end(kafka: Kafka, topic: str, partition: int, apply: Apply, progress: Progress) -> int:
    """Apply every committed record up to the present end, and return the number of records.

    The end is reached when the *position* is there: the last offsets may be transaction markers or may have been
    compacted away, so no record need have them. `progress` gets (offsets read, offsets in all).

    Raises `KafkaError` when the brokers do not answer; what was applied until then is not the whole.
    """
    reader = kafka.reader(max_partition_fetch_bytes=FETCH_BYTES, fetch_max_wait_ms=POLL_MILLISECONDS)
    tp = TopicPartition(kafka.physical(topic), partition)
    try:
        await reader.start()
        reader.assign([tp])
        end = (await reader.end_offsets([tp]))[tp]
        start = (await reader.beginning_offsets([tp]))[tp]
        reader.seek(tp, start)
        records = 0
        position = start
        while position < end:
            fetched = await reader.getmany(tp, timeout_ms=POLL_MILLISECONDS, max_records=POLL_RECORDS)
            for record in fetched.get(tp, ()):
                if record.key is not None:
                    apply(record.key, record.value)
                records += 1
            position = await reader.position(tp)
            progress(min(position, end) - start, end - start)
            await asyncio.sleep(0)
        return records
    finally:
        await reader.stop()
