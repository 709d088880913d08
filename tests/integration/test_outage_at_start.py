"""A broker that goes away while a worker starts: what reads from it waits, and ends with everything."""

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest
from aiokafka.errors import GroupAuthorizationFailedError

from streamproc.errors import FatalError
from streamproc.local.kafka import LocalKafka
from streamproc.runtime.gate import Gate
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.patience import patiently
from streamproc.runtime.preflight import require_topics
from streamproc.runtime.restore import read_to_end
from streamproc.runtime.store import StateStore
from streamproc.runtime.table import TableReader
from tests.support.eventually import eventually
from tests.support.runtime import SOURCE, Heard, make_topics, produce

pytestmark = [
    pytest.mark.broker,
    # Connections that broke under a client are left to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

TABLE = "table"
# More than one fetch brings, so that the broker dies in the middle.
RECORDS = [(0, b"%d" % n, b"v" * 4096) for n in range(2000)]
KEYS = [key for _, key, _ in RECORDS]


@pytest.fixture
def broker() -> Iterator[LocalKafka]:
    """A broker of the test's own."""
    with LocalKafka() as started:
        yield started


async def test_what_is_read_at_the_start_survives_an_outage_of_the_broker(broker: LocalKafka) -> None:
    kafka = Kafka(broker.bootstrap, "outage.")
    await make_topics(kafka, {SOURCE: 1, TABLE: 1})
    await produce(kafka, TABLE, RECORDS)
    applied: list[bytes] = []
    store = StateStore({b"from an attempt before": b""})

    def apply(key: bytes, _: bytes | None) -> None:
        applied.append(key)
        if len(applied) == 100:
            broker.kill()

    async def restore() -> int:
        store.clear()
        return await read_to_end(kafka, TABLE, 0, store.restore, lambda _, __: None)

    table = TableReader(kafka, TABLE, apply)
    gate = Gate(kafka, "nobody", [SOURCE], table, Heard(), 60)
    reading = asyncio.create_task(table.run())
    try:
        await eventually(lambda: broker.pid is None, what="the broker's death")
        begun_without = [
            asyncio.create_task(work)
            for work in (
                gate.run(),
                patiently("restoring", restore),
                require_topics(kafka, [[SOURCE, TABLE]]),
            )
        ]
        ended, _ = await asyncio.wait([reading, *begun_without], timeout=0.5)
        assert ended == set()
        await asyncio.to_thread(broker.start)
        async with asyncio.timeout(60):
            await asyncio.gather(table.ready.wait(), *begun_without)
    finally:
        reading.cancel()
        await asyncio.wait([reading])
    assert applied == KEYS
    assert dict(store.items()) == {key: value for _, key, value in RECORDS}


async def test_a_refusal_is_final_and_says_what_to_grant() -> None:
    with pytest.raises(FatalError) as told:
        await patiently("asking", partial(_raise, GroupAuthorizationFailedError("g")))
    assert str(told.value).endswith("grant READ on the consumer group that is named as the application id")


async def _raise(error: BaseException) -> None:
    raise error
