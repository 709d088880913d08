"""Workers that stand still with codes in hand while their distribution is deleted, and wake when others have gone on.

Three of them, each fenced by the next one: the first is about to ask for two codes, the second has them and has told
nobody, the third has given both requests up and is about to put the codes back. The fourth goes on.
"""

import signal
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from streamproc.cli.audit import audit_codes
from streamproc.codes.ledger import Pool
from streamproc.codes.postgres import PostgresLedger
from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic
from tests.crash.turmoil import fenced
from tests.support.code_orders import IN_TIME, configured, given, pay, requests_decided, until_given
from tests.support.codes import codes
from tests.support.configuration import campaign
from tests.support.streams import read, send, send_json, table
from tests.support.workers import WorkerProcess, Workers, until

pytestmark = [pytest.mark.broker, pytest.mark.crash]

FREEZING_WORKER = (sys.executable, "-m", "tests.support.freezing_worker")
IMPORTED = "abcdef"


@dataclass(frozen=True)
class Books:
    """The code of each event, what the audit has found, and the pool."""

    given: Mapping[str, str]
    found: Mapping[str, int]
    pool: Pool

    @property
    def given_twice(self) -> list[str]:
        return [code for code, times in Counter(self.given.values()).items() if times > 1]


class Scene:
    """One partition, and workers that own it one after the other."""

    def __init__(self, brokers: Kafka, folder: Path, database: str, giving_back: str) -> None:
        self.brokers = brokers
        self.workers = Workers(brokers, folder, command=FREEZING_WORKER, settings={"POSTGRES": database})
        self.ledger = PostgresLedger(database)
        self._folder = folder
        self._database = database
        self._giving_back = giving_back

    def start(self, place: str = "nowhere", *, is_told: bool = True) -> WorkerProcess:
        if is_told:
            self.tell(place)
        return self.workers.start(place, str(self._told(place)), self._giving_back)

    def tell(self, place: str) -> None:
        self._told(place).touch()

    async def until_frozen(self, place: str) -> None:
        async def is_frozen() -> bool:
            return not self._told(place).exists()

        await until(is_frozen, within=IN_TIME, what=f"a worker frozen at {place}")

    async def until_nothing_waits(self) -> None:
        """Wait until no request waits, and no code has to go back."""

        async def is_empty() -> bool:
            return not await table(self.brokers, Topic.CODE_STATE)

        await until(is_empty, within=IN_TIME, what="nothing that waits or has to go back")

    async def wake(self, worker: WorkerProcess) -> None:
        """Let it go on, and see it end because others have its tasks."""
        worker.signal(signal.SIGCONT)
        await worker.ended()
        assert fenced(worker), worker.told()

    async def books(self) -> Books:
        audited = await audit_codes(self.brokers, self.workers.app_id, self._database)
        (pool,) = await self.ledger.pools()
        found: dict[str, int] = {kind: audited.of_kind(kind) for kind, _ in audited.counts}
        return Books(await given(self.brokers), found, pool)

    def _told(self, place: str) -> Path:
        return self._folder / place


async def played(kafka: str, prefix: str, folder: Path, database: str, giving_back: str) -> Books:
    brokers = Kafka(kafka, prefix)
    await create_topics(kafka, prefix, 1, 1)
    scene = Scene(brokers, folder, database, giving_back)
    async with scene.workers:
        # Given two customers who wait for a code, and a worker that is about to ask for both
        asking = scene.start("asking", is_told=False)
        await asking.until_ready()
        await configured(brokers, asking, (Topic.CAMPAIGNS, campaign()), (Topic.DISTRIBUTIONS, codes()))
        await pay(brokers, 1, 2)
        await requests_decided(asking, 2)
        await scene.ledger.add("camp_1", list(IMPORTED))
        scene.tell("asking")
        await send_json(brokers, Topic.DISTRIBUTIONS, codes())
        await scene.until_frozen("asking")
        # And a second one that has taken them
        allocated = scene.start("allocated")
        await scene.until_frozen("allocated")
        assert await scene.ledger.pools() == [Pool("camp_1", free=len(IMPORTED) - 2, given=2)]
        # When the distribution is deleted, and a third one is about to put them back
        await send(brokers, Topic.DISTRIBUTIONS, [(b"distr_codes", None, [])])
        returning = scene.start("giving_back")
        await scene.until_frozen("giving_back")
        # And a fourth one does so, then serves the first customer after all, as a replay does, and two others
        working = scene.start()
        await working.until_ready()
        await scene.until_nothing_waits()
        first, *_ = await read(brokers, Topic.CODE_REQUESTS)
        await send(brokers, Topic.CODE_REQUESTS, [(first.key, first.value, [])])
        await until_given(brokers, 1)
        await configured(brokers, working, (Topic.DISTRIBUTIONS, codes(id="distr_new", name="New")))
        await pay(brokers, 3, 4)
        await until_given(brokers, 3)
        # And all the others wake one by one, while customers go on paying
        await scene.wake(returning)
        await pay(brokers, 5)
        await until_given(brokers, 4)
        await scene.wake(allocated)
        await scene.wake(asking)
        books = await scene.books()
        await scene.workers.stop(working)
        await scene.ledger.close()
    return books


async def test_codes_of_fenced_workers_go_back_once_and_to_one_customer_each(
    kafka: str, topic_prefix: str, tmp_path: Path, database: str
) -> None:
    books = await played(kafka, topic_prefix, tmp_path, database, "sound")
    assert books == Books({"evt_1": "a", "evt_3": "b", "evt_4": "c", "evt_5": "d"}, {}, Pool("camp_1", free=2, given=4))
    assert books.given_twice == []


async def test_when_giving_back_goes_by_the_publication_alone_a_late_worker_burns_codes_and_gives_one_twice(
    kafka: str, topic_prefix: str, tmp_path: Path, database: str
) -> None:
    books = await played(kafka, topic_prefix, tmp_path, database, "careless")
    assert books.given_twice == ["a"]
    assert books.found == {"wrong_code": 1, "never_published": 1}
