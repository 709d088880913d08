"""Unique codes through real workers, a real broker and a real database."""

from pathlib import Path
from typing import Any

import pytest

from streamproc.codes.ledger import Pool
from streamproc.codes.postgres import PostgresLedger
from streamproc.codes.sql import migrations, query
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic, deliveries
from tests.support.code_orders import configured, given, pay, requests_decided, until_given
from tests.support.codes import codes
from tests.support.configuration import campaign, distribution
from tests.support.databases import fetch
from tests.support.proxy import Proxy
from tests.support.streams import all_committed, read_json
from tests.support.workers import Workers, until

pytestmark = pytest.mark.broker

IN_TIME = 60.0
PUBLISHED = {"event": "customer.publication.succeeded", "campaign_id": "camp_1"}
SMS = [{"type": "sms"}]


async def until_news(brokers: Kafka, number: int) -> list[dict[str, Any]]:
    news: list[dict[str, Any]] = []

    async def enough() -> bool:
        jobs = await read_json(brokers, deliveries("sms"))
        news[:] = [job for job in jobs if job["distribution"]["id"] == "news"]
        return len(news) == number

    await until(enough, within=IN_TIME, what=f"{number} jobs that publications started")
    return news


async def test_a_code_is_taken_given_through_all_channels_and_published_and_what_that_starts_follows(
    brokers: Kafka, tmp_path: Path, database: str, ledger: PostgresLedger
) -> None:
    await ledger.add("camp_1", ["a", "b", "c"])
    both = [{"type": "email"}, *SMS]
    async with Workers(brokers, tmp_path, settings={"POSTGRES": database}) as workers:
        worker = await workers.started()
        await configured(
            brokers,
            worker,
            (Topic.CAMPAIGNS, campaign()),
            (Topic.DISTRIBUTIONS, codes(channels=both)),
            (Topic.DISTRIBUTIONS, distribution(id="news", name="News", trigger=PUBLISHED, channels=SMS)),
        )

        async def shows_what_is_left() -> bool:
            return await worker.metric("streamproc_codes_free", campaign="camp_1") == 3

        await until(shows_what_is_left, within=IN_TIME, what="the metric of what is left")
        await pay(brokers, 1, 2)
        found = await until_given(brokers, 2)
        news = await until_news(brokers, 2)
        assert await given(brokers, "sms") == found
        assert set(found.values()) < {"a", "b", "c"}
        published = {one["voucher"]["code"]: one for one in await read_json(brokers, Topic.PUBLICATIONS)}
        assert set(published) == set(found.values())
        assert {job["cause"]["via"] for job in news} == {
            f"published:{one['publication']['id']}" for one in published.values()
        }
        assert await ledger.pools() == [Pool("camp_1", free=1, given=2)]
        await workers.stop(worker)


async def test_an_empty_pool_lets_requests_wait_until_there_are_codes_and_it_is_set_live_again(
    brokers: Kafka, tmp_path: Path, database: str, ledger: PostgresLedger
) -> None:
    await ledger.add("camp_1", ["a"])
    async with Workers(brokers, tmp_path, settings={"POSTGRES": database}) as workers:
        worker = await workers.started()
        await configured(brokers, worker, (Topic.CAMPAIGNS, campaign()), (Topic.DISTRIBUTIONS, codes()))
        await pay(brokers, 1, 2, 3)
        await all_committed(brokers, workers.app_id, Topic.CUSTOMER_EVENTS)
        await requests_decided(worker, 3)
        assert set((await given(brokers)).values()) == {"a"}
        kinds = {report["kind"] for report in await read_json(brokers, Topic.PARTITION_REPORTS)}
        assert kinds == {"out_of_codes"}
        assert await worker.metric("streamproc_out_of_codes_total") >= 1
        # Whoever waits is in the changelog: another worker goes on with them.
        await workers.stop(worker)
        worker = await workers.started()
        await ledger.add("camp_1", ["b", "c"])
        await configured(brokers, worker, (Topic.DISTRIBUTIONS, codes(name="Again")))
        assert set((await until_given(brokers, 3)).values()) == {"a", "b", "c"}
        assert await read_json(brokers, Topic.DECISIONS) == []
        await workers.stop(worker)


async def test_without_its_database_only_codes_wait_and_they_go_on_by_themselves(
    brokers: Kafka, tmp_path: Path, database: str, ledger: PostgresLedger
) -> None:
    await ledger.add("camp_1", [str(number) for number in range(10)])
    async with Proxy(database) as network, Workers(brokers, tmp_path) as workers:
        worker = await workers.started(POSTGRES=network.address)
        await configured(
            brokers,
            worker,
            (Topic.CAMPAIGNS, campaign()),
            (Topic.DISTRIBUTIONS, codes()),
            (Topic.DISTRIBUTIONS, distribution(id="plain", name="Plain", channels=SMS)),
        )
        await pay(brokers, 1)
        await until_given(brokers, 1)
        await network.cut()
        await pay(brokers, 2, 3, 4)
        await all_committed(brokers, workers.app_id, Topic.CUSTOMER_EVENTS)
        assert len(await read_json(brokers, deliveries("sms"))) == 4
        assert len(await given(brokers)) == 1

        async def says_so() -> bool:
            return await worker.metric("streamproc_ledger_answers") == 0

        await until(says_so, within=IN_TIME, what="the metric that tells of it")
        assert await worker.readiness() == (200, {})
        # A rebalance does not wait for the database either.
        other = await workers.started(POSTGRES=network.address)
        assert other.owned()
        await network.join()
        assert len(set((await until_given(brokers, 4)).values())) == 4
        assert await ledger.pools() == [Pool("camp_1", free=6, given=4)]
        await workers.stop(other)
        await workers.stop(worker)


async def test_a_worker_without_a_database_or_with_one_of_a_later_release_lets_codes_wait(
    brokers: Kafka, tmp_path: Path, database: str, ledger: PostgresLedger
) -> None:
    await ledger.add("camp_1", ["a"])
    async with Workers(brokers, tmp_path) as workers:
        worker = await workers.started()
        await configured(brokers, worker, (Topic.CAMPAIGNS, campaign()), (Topic.DISTRIBUTIONS, codes()))
        await pay(brokers, 1)
        await all_committed(brokers, workers.app_id, Topic.CUSTOMER_EVENTS)

        async def says_so() -> bool:
            return bool(worker.entries("codes_wait"))

        await until(says_so, within=IN_TIME, what="a word about it")
        assert "STREAMPROC_POSTGRES is not set" in worker.entries("codes_wait")[0]["reason"]
        await workers.stop(worker)
        # The one that it comes to know has a schema that this release cannot work with, at first.
        await fetch(database, query("note_migration"), len(migrations()) + 1, len(migrations()) + 1)
        worker = await workers.started(POSTGRES=database)
        await until(says_so, within=IN_TIME, what="a word about that")
        assert "upgrade streamproc" in worker.entries("codes_wait")[0]["reason"]
        assert await worker.readiness() == (200, {})
        await fetch(database, "DELETE FROM streamproc.migrations WHERE number = $1", len(migrations()) + 1)
        assert await until_given(brokers, 1) == {"evt_1": "a"}
        await workers.stop(worker)
