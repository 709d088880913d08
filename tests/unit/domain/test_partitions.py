"""Partitions of keys: those of Kafka's own partitioner."""

import random

from aiokafka.partitioner import DefaultPartitioner

from streamproc.domain.partitions import partition_of


def test_keys_go_where_the_client_sends_them() -> None:
    client, chance = DefaultPartitioner(), random.Random(7)
    keys = [chance.randbytes(chance.randrange(1, 40)) for _ in range(2000)]
    for partitions in (1, 8, 13):
        every = list(range(partitions))
        assert [partition_of(key, partitions) for key in keys] == [client(key, every, every) for key in keys]
