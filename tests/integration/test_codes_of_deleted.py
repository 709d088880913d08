"""A campaign, or a distribution, deleted while requests for its codes wait: nothing is lost, nobody gets two."""

from collections import Counter
from pathlib import Path

import pytest

from streamproc.cli.audit import audit_codes
from streamproc.codes.ledger import Pool
from streamproc.codes.postgres import PostgresLedger
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic, deliveries
from tests.support.code_orders import IN_TIME, configured, given, pay, requests_decided, until_given
from tests.support.codes import codes
from tests.support.configuration import campaign
from tests.support.proxy import Proxy
from tests.support.streams import all_committed, read_json, send, table
from tests.support.workers import WorkerProcess, Workers, until

pytestmark = pytest.mark.broker


async def delete(brokers: Kafka, kind: Topic, identity: str) -> None:
    await send(brokers, kind, [(identity.encode(), None, [])])


async def until_shown(brokers: Kafka, state: str, problem: str | None) -> None:
    """Wait until the distribution has this state, and this problem."""

    async def shown() -> bool:
        status = (await table(brokers, Topic.DISTRIBUTION_STATUS)).get("distr_codes", {})
        return (status.get("state"), status.get("problem")) == (state, problem)

    await until(shown, within=IN_TIME, what=f"{state}, {problem}")


async def two_wait(brokers: Kafka, worker: WorkerProcess, ledger: PostgresLedger) -> None:
    """Let three ask for a code where there is one."""
    await ledger.add("camp_1", ["a"])
    await configured(brokers, worker, (Topic.CAMPAIGNS, campaign()), (Topic.DISTRIBUTIONS, codes()))
    await pay(brokers, 1, 2, 3)
    await requests_decided(worker, 3)
    await until_shown(brokers, "paused", "out_of_codes")


async def assert_books_add_up(brokers: Kafka, app_id: str, database: str, jobs: int) -> None:
    audited = await audit_codes(brokers, app_id, database)
    assert (audited.adds_up, audited.published, audited.jobs) == (True, jobs, jobs), audited.counts
    sent = Counter(job["id"] for job in await read_json(brokers, deliveries("email")))
    assert set(sent.values()) == {1}


async def test_requests_outlast_the_deletion_of_their_campaign_and_go_on_by_themselves_when_it_is_back(
    brokers: Kafka, tmp_path: Path, database: str, ledger: PostgresLedger
) -> None:
    async with Workers(brokers, tmp_path, settings={"POSTGRES": database}) as workers:
        worker = await workers.started()
        await two_wait(brokers, worker, ledger)
        await delete(brokers, Topic.CAMPAIGNS, "camp_1")
        # Codes and `live` would let them go on, but what is blocked does not fire.
        await ledger.add("camp_1", ["b", "c", "d"])
        await configured(brokers, worker, (Topic.DISTRIBUTIONS, codes(name="Again")))
        await until_shown(brokers, "blocked", "missing campaigns camp_1")
        await pay(brokers, 4)
        await all_committed(brokers, workers.app_id, Topic.CUSTOMER_EVENTS)
        # They wait over a change of the worker too.
        await workers.stop(worker)
        worker = await workers.started()
        assert set((await given(brokers)).values()) == {"a"}
        assert await ledger.pools() == [Pool("camp_1", free=3, given=1)]
        await configured(brokers, worker, (Topic.CAMPAIGNS, campaign()))
        found = await until_given(brokers, 3)
        assert set(found) == {"evt_1", "evt_2", "evt_3"}
        assert set(found.values()) == {"a", "b", "c"}
        await workers.stop(worker)
    assert await ledger.pools() == [Pool("camp_1", free=1, given=3)]
    assert await read_json(brokers, Topic.DEAD_LETTERS) == []
    await assert_books_add_up(brokers, workers.app_id, database, jobs=3)


async def test_with_their_distribution_they_are_given_up_and_leave_the_codes_to_others(
    brokers: Kafka, tmp_path: Path, database: str, ledger: PostgresLedger
) -> None:
    async with Workers(brokers, tmp_path, settings={"POSTGRES": database}) as workers:
        worker = await workers.started()
        await two_wait(brokers, worker, ledger)
        await delete(brokers, Topic.CAMPAIGNS, "camp_1")
        await delete(brokers, Topic.DISTRIBUTIONS, "distr_codes")

        async def given_up() -> bool:
            return await worker.metric("streamproc_code_requests_canceled_total") == 2

        await until(given_up, within=IN_TIME, what="the requests given up")
        await ledger.add("camp_1", ["b"])
        anew = codes(id="distr_new", name="New")
        await configured(brokers, worker, (Topic.CAMPAIGNS, campaign()), (Topic.DISTRIBUTIONS, anew))
        await pay(brokers, 4)
        assert await until_given(brokers, 2) == {"evt_1": "a", "evt_4": "b"}
        await workers.stop(worker)
    await assert_books_add_up(brokers, workers.app_id, database, jobs=2)


async def test_what_waits_for_the_database_gets_its_code_though_campaign_and_distribution_are_deleted(
    brokers: Kafka, tmp_path: Path, database: str, ledger: PostgresLedger
) -> None:
    """Each event was decided when they were in force."""
    await ledger.add("camp_1", ["a", "b", "c"])
    async with Proxy(database) as network, Workers(brokers, tmp_path) as workers:
        worker = await workers.started(POSTGRES=network.address)
        await configured(brokers, worker, (Topic.CAMPAIGNS, campaign()), (Topic.DISTRIBUTIONS, codes()))
        await network.cut()
        await pay(brokers, 1, 2)
        await all_committed(brokers, workers.app_id, Topic.CUSTOMER_EVENTS)
        await delete(brokers, Topic.CAMPAIGNS, "camp_1")
        await delete(brokers, Topic.DISTRIBUTIONS, "distr_codes")

        async def gone() -> bool:
            return await worker.metric("streamproc_definitions") == 0

        await until(gone, within=IN_TIME, what="both gone")
        assert await given(brokers) == {}
        await network.join()
        assert set((await until_given(brokers, 2)).values()) == {"a", "b"}
        await workers.stop(worker)
    await assert_books_add_up(brokers, workers.app_id, database, jobs=2)
