"""The yardstick: a plain aiokafka loop that decodes each event and produces one job for it. No transaction, no rules.

Run as a process of its own, like a worker; prints the events a second between its first record after those of the
warm-up and its last one.
"""

import asyncio
import sys
from time import perf_counter

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

JOB = b'{"id":"%b","customer":%b,"cause":{"event_id":"%b"},"settings":{"template_id":"tpl_1"}}'
POLL_RECORDS = 16_000


async def run(bootstrap: str, source: str, target: str, partitions: int, count: int, warm_up: int) -> float:
    """Return events a second."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=2 * 1024 * 1024,
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=900_000)
    await consumer.start()
    await producer.start()
    sent: list[asyncio.Future[object]] = []
    try:
        consumer.assign([TopicPartition(source, partition) for partition in range(partitions)])
        await consumer.seek_to_beginning()
        done, first, began = 0, 0, 0.0
        while done < count:
            fetched = await consumer.getmany(timeout_ms=1000, max_records=POLL_RECORDS)
            if not began and done >= warm_up:
                first, began = done, perf_counter()
            for tp, records in fetched.items():
                batch = producer.create_batch()
                for record in records:
                    event = orjson.loads(record.value)
                    job = JOB % (event["id"].encode(), orjson.dumps(event["data"]["customer"]), event["id"].encode())
                    if batch.append(key=record.key, value=job, timestamp=record.timestamp) is None:
                        sent.append(await producer.send_batch(batch, target, partition=tp.partition))
                        batch = producer.create_batch()
                        batch.append(key=record.key, value=job, timestamp=record.timestamp)
                sent.append(await producer.send_batch(batch, target, partition=tp.partition))
                done += len(records)
        await asyncio.gather(*sent)
        return (done - first) / (perf_counter() - began)
    finally:
        await producer.stop()
        await consumer.stop()


if __name__ == "__main__":
    bootstrap, source, target, *numbers = sys.argv[1:]
    print(uvloop.run(run(bootstrap, source, target, *map(int, numbers))))
