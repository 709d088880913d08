"""The sample shop on real topics: configured, played in parts, and compared with what had to come of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Self

from streamproc.cli.configuration_files import read_configuration
from streamproc.cli.demo.comparison import Check, compare
from streamproc.cli.demo.outcome import Outcome, read_outcome
from streamproc.cli.demo.waiting import segments_synced
from streamproc.cli.pushing import push
from streamproc.local.expectations import COMPUTED_SEGMENTS
from streamproc.local.playing import Player
from streamproc.local.recount import Recount
from streamproc.local.sample import CONFIGURATION
from streamproc.local.shop import Shop, ShopOptions
from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.restore import read_to_end
from streamproc.runtime.store import StateStore
from streamproc.topics import CHANNELS, Topic, deliveries
from tests.support.full_recount import Customer, FullRecount, written_customer
from tests.support.streams import COMPACT_AT_ONCE, all_committed, configure, ends, read, read_uncommitted

PARTITIONS = 8
JUDGING_SECONDS = 60


class ShopRun:
    """One seeded stream, written in parts; `written` counts its events so far."""

    def __init__(self, kafka: Kafka, player: Player, seed: int) -> None:
        self.kafka = kafka
        self.written = 0
        self._player = player
        self._shop = Shop(ShopOptions(seed=seed, oversized=True))
        self._events = self._shop.events()
        self._versions: dict[str, int] = {}
        self._writing = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def opened(cls, kafka: Kafka, seed: int) -> AsyncIterator[Self]:
        """Make the topics, with changelogs that are compacted all the time, and connect."""
        await create_topics(kafka.bootstrap, kafka.prefix, PARTITIONS, replication=1)
        for changelog in (Topic.CUSTOMER_STATE, Topic.TASK_STATE):
            await configure(kafka, changelog, COMPACT_AT_ONCE)
        async with Player.opened(kafka, PARTITIONS) as player:
            yield cls(kafka, player, seed)

    async def configure(self) -> None:
        """Have a running worker judge the sample configuration."""
        records = list(read_configuration(CONFIGURATION))
        async for judged in push(self.kafka, records, limit_seconds=JUDGING_SECONDS):
            assert judged.accepted, judged
            if judged.record.kind == Topic.DISTRIBUTIONS:
                self._versions[judged.verdict["id"]] = judged.verdict["version"]
        await segments_synced(self.kafka, COMPUTED_SEGMENTS)

    async def introduce(self, app_id: str) -> None:
        """Write the profiles, and wait until they are known: they and the events have no common order."""
        await self._player.quickly(self._shop.profiles())
        await all_committed(self.kafka, app_id, Topic.CUSTOMERS)

    async def write(self, events: int) -> None:
        """Write the next events as fast as they go, in the order of the stream."""
        async with self._writing:
            await self._player.quickly(islice(self._events, events))
            self.written += events

    def recount(self) -> FullRecount:
        """Count naively what has to come of everything written."""
        recount = FullRecount(PARTITIONS)
        for _, key, value in self._shop.profiles():
            assert key is not None
            recount.profile(key, value)
        for _, key, value in islice(self._shop.events(), self.written):
            recount.event(key, value or b"")
        return recount

    async def checks(self, expected: Recount) -> tuple[list[Check], Outcome]:
        """Compare what committed readers find with what has to be there."""
        outcome = await read_outcome(self.kafka)
        return compare(expected, outcome, self._versions), outcome

    async def restored_customers(self) -> dict[str, Customer]:
        """Read every customer's state back from the changelog, as a worker does."""
        customers: dict[str, Customer] = {}
        for partition in range(PARTITIONS):
            store = StateStore()
            await read_to_end(self.kafka, Topic.CUSTOMER_STATE, partition, store.restore, lambda _, __: None)
            customers |= {key.decode(): written_customer(value) for key, value in store.items()}
        return customers

    async def changelogs_end_with_markers(self) -> bool:
        """Tell whether the last offset of each changelog partition belongs to no record."""
        last = {(one.topic, one.partition): one.offset for one in await read(self.kafka, Topic.CUSTOMER_STATE)}
        return all(last[tp] < end - 1 for tp, end in (await ends(self.kafka, [Topic.CUSTOMER_STATE])).items())

    async def uncommitted_duplicates(self) -> int:
        """Count the jobs that a reader without `read_committed` meets more than once."""
        seen: Counter[bytes] = Counter()
        async for record in read_uncommitted(self.kafka, [deliveries(channel) for channel in CHANNELS]):
            seen[dict(record.headers)["job-id"] or b""] += 1
        return seen.total() - len(seen)
