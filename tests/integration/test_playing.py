import asyncio
from itertools import islice

import pytest

from streamproc.cli.reading import read_to_end
from streamproc.local.playing import Player
from streamproc.local.shop import Shop, ShopOptions, ShopRecord
from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.kafka import Kafka

pytestmark = pytest.mark.broker


async def test_played_records_arrive_once_each_key_in_one_partition_and_in_order(kafka: str, topic_prefix: str) -> None:
    brokers = Kafka(kafka, topic_prefix)
    await create_topics(kafka, topic_prefix, 4, 1)
    records = list(islice(Shop(ShopOptions(oversized=True)).events(), 3000))
    sent: list[ShopRecord] = []
    async with asyncio.timeout(60), Player.opened(brokers, 4) as player:
        await player.steadily(records[:500], 2000, sent.append)
        await player.quickly(records[500:])
    found: dict[int, list[tuple[bytes | None, bytes | None]]] = {}
    async for record in read_to_end(brokers, ["customer-events"]):
        found.setdefault(record.partition, []).append((record.key, record.value))
    partition_of = {key: partition for partition, lane in found.items() for key, _ in lane}
    expected: dict[int, list[tuple[bytes | None, bytes | None]]] = {}
    for _, key, value in records:
        expected.setdefault(partition_of[key], []).append((key, value))
    assert found == expected
    assert sent == records[:500]
