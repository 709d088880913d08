"""What a worker asks of its brokers before it begins."""

import struct
from io import BytesIO

import pytest
from aiokafka.protocol.types import Int16, Int32

from streamproc.errors import SettingsError
from streamproc.local.kafka import LocalKafka
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.preflight import require_transactions
from streamproc.runtime.wire import Request

pytestmark = pytest.mark.broker


class UpdateFeatures(Request):
    """Sets the level of `transaction.version`, as `kafka-features.sh downgrade` does."""

    API_KEY = 57
    API_VERSION = 1

    def __init__(self, level: int) -> None:
        self._level = level

    def encode(self) -> bytes:
        name = b"transaction.version"
        one = bytes([len(name) + 1]) + name + struct.pack(">hb", self._level, 2) + b"\0"
        return struct.pack(">i", 30_000) + b"\2" + one + b"\0" + b"\0"

    def decode(self, answer: BytesIO) -> int:
        Int32.decode(answer)
        return int(Int16.decode(answer))


async def test_brokers_that_do_not_take_part_in_transactions_are_refused_with_what_to_do() -> None:
    with LocalKafka() as broker:
        kafka = Kafka(broker.bootstrap, "")
        await require_transactions(kafka)
        client = kafka.client("downgrade")
        await client.bootstrap()
        try:
            assert await client.send(client.get_random_node(), UpdateFeatures(1)) == 0
        finally:
            await client.close()
        with pytest.raises(SettingsError, match=r"transaction\.version 1.*needs 2.*kafka-features\.sh upgrade"):
            await require_transactions(kafka)
