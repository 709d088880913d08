"""Manual distributions through real workers: synced, held, released, stopped and resumed, each customer once."""

import signal
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamproc.clock import now_milliseconds
from streamproc.codes.ledger import Pool
from streamproc.codes.postgres import PostgresLedger
from streamproc.domain.events import instant_of, parse_instant
from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic, deliveries
from tests.support.codes import CODES
from tests.support.configuration import campaign, distribution, manual, segment
from tests.support.streams import all_committed, read_json, send, send_json, table
from tests.support.workers import Workers, until

pytestmark = pytest.mark.broker

PARTITIONS = 4
IN_TIME = 60.0
HOLD_SECONDS = 2.0
GOLD = {
    "id": "seg_gold",
    "name": "Gold",
    "type": "dynamic",
    "filter": {"metadata.plan": {"conditions": {"$is": "gold"}}},
}
TO_GOLD = manual(audience={"segment_id": "seg_gold"})


@pytest.fixture
async def brokers(kafka: str, topic_prefix: str) -> Kafka:
    """Topics of our own."""
    await create_topics(kafka, topic_prefix, PARTITIONS, 1)
    return Kafka(kafka, topic_prefix)


async def push(brokers: Kafka, kind: str, record: dict[str, Any] | None, key: str = "") -> int:
    """Push one record, and return its version."""
    key = key or (record or {})["id"]
    (offset,) = await send(brokers, kind, [(key.encode(), None if record is None else orjson.dumps(record), [])])
    return offset


async def customers(brokers: Kafka, number: int) -> list[str]:
    """Make so many customers known, every second of them gold; return the gold ones who have an address, sorted."""
    plans = ["gold" if one % 2 else "silver" for one in range(number)]
    records: list[dict[str, Any]] = [
        {"id": f"cust_{one}", "metadata": {"plan": plans[one]}} | ({"email": f"{one}@mail.example"} if one % 10 else {})
        for one in range(number)
    ]
    await send(brokers, Topic.CUSTOMERS, [(record["id"].encode(), orjson.dumps(record), []) for record in records])
    return sorted(record["id"] for record in records if record["metadata"]["plan"] == "gold" and "email" in record)


async def status(brokers: Kafka, identity: str = "distr_1") -> dict[str, Any]:
    found: dict[str, Any] = (await table(brokers, Topic.DISTRIBUTION_STATUS)).get(identity, {})
    return found


async def until_state(brokers: Kafka, state: str, identity: str = "distr_1") -> dict[str, Any]:
    """Return the status of a distribution once it has this state."""

    async def reached() -> bool:
        return (await status(brokers, identity)).get("state") == state

    await until(reached, within=IN_TIME, what=f"{identity} {state}")
    return await status(brokers, identity)


async def receipts(brokers: Kafka, identity: str = "distr_1") -> list[tuple[str, int, int]]:
    """Return kind, version and jobs of each receipt."""
    log = await read_json(brokers, Topic.DISTRIBUTION_LOG)
    mine = [one for one in log if one["distribution_id"] == identity and "receipt" in one]
    return [(one["receipt"], one["version"], one["emitted"]) for one in mine]


async def jobs(brokers: Kafka, identity: str = "distr_1", channel: str = "email") -> list[dict[str, Any]]:
    return [job for job in await read_json(brokers, deliveries(channel)) if job["distribution"]["id"] == identity]


async def test_a_new_segment_is_synced_and_its_members_get_the_edited_version_once(
    brokers: Kafka, tmp_path: Path
) -> None:
    expected = await customers(brokers, 200)
    async with Workers(brokers, tmp_path, settings={"HOLD": HOLD_SECONDS}) as workers:
        worker = await workers.started()
        await push(brokers, "distributions", TO_GOLD)
        await until_state(brokers, "blocked")
        await push(brokers, "segments", GOLD)
        due_at = (await until_state(brokers, "held"))["due_at"]
        assert await push(brokers, "distributions", TO_GOLD | {"name": "Edited"}) == 1
        done = await until_state(brokers, "done")
        await workers.stop(worker)
    sent = await jobs(brokers)
    assert sorted(job["customer"]["id"] for job in sent) == expected
    assert {(job["distribution"]["version"], job["cause"]["release"]) for job in sent} == {(1, "distr_1")}
    progress = {"emitted": len(expected), "undeliverable": 0, "partitions_done": 4, "partitions": 4}
    assert (done["version"], done["progress"]) == (1, progress)
    assert due_at <= done["released_at"]
    assert await receipts(brokers) == [
        ("held", 0, 0),
        ("replaced", 1, 0),
        ("released", 1, 0),
        ("done", 1, len(expected)),
    ]
    assert await table(brokers, Topic.DISTRIBUTION_HOLDS) == {}


async def test_one_customer_who_was_not_known_is_created_and_gets_it(brokers: Kafka, tmp_path: Path) -> None:
    record = manual(audience={"customer": {"id": "cust_new", "email": "ada@mail.example", "name": "Ada"}})
    async with Workers(brokers, tmp_path, settings={"HOLD": 0}) as workers:
        worker = await workers.started()
        await push(brokers, "distributions", record)
        await until_state(brokers, "done")
        await workers.stop(worker)
    (job,) = await jobs(brokers)
    assert job["customer"] == {"id": "cust_new", "email": "ada@mail.example", "name": "Ada"}
    state = await table(brokers, Topic.CUSTOMER_STATE)
    assert state["cust_new"]["profile"]["name"] == "Ada"


async def enter(brokers: Kafka, segment_id: str, members: int) -> None:
    """Tell that so many customers have entered a segment that upstream keeps."""
    records: list[tuple[bytes, bytes, list[tuple[str, bytes]]]] = []
    for number in range(members):
        customer = {"id": f"cust_{number}", "email": f"{number}@mail.example"}
        event = {"id": f"evt_{number}", "type": "customer.segment.entered", "created_at": "2026-03-03T12:00:00Z"}
        data = {"customer": customer, "segment": {"id": segment_id}}
        records.append((customer["id"].encode(), orjson.dumps(event | {"data": data}), []))
    await send(brokers, Topic.CUSTOMER_EVENTS, records)


@pytest.mark.parametrize("hold", [HOLD_SECONDS, 0.0])
async def test_a_release_with_fewer_codes_than_members_is_warned_of_and_gives_those_that_there_are(
    brokers: Kafka, tmp_path: Path, database: str, hold: float
) -> None:
    ledger = PostgresLedger(database)
    await ledger.add("camp_1", ["a", "b", "c"])
    await ledger.close()
    await customers(brokers, 20)
    settings = {"HOLD": hold, "POSTGRES": database}
    async with Workers(brokers, tmp_path, settings=settings) as workers:
        worker = await workers.started()
        await push(brokers, "campaigns", campaign())
        await push(brokers, "segments", GOLD)
        await push(brokers, "distributions", TO_GOLD | {"action": CODES})
        await until_state(brokers, "done")

        async def given() -> bool:
            return len(await jobs(brokers)) == 3

        await until(given, within=IN_TIME, what="the codes given")
        await workers.stop(worker)
    assert {job["action"]["voucher"]["code"] for job in await jobs(brokers)} == {"a", "b", "c"}
    assert await released_with(brokers) == {"distr_1": "not_enough_codes: up to 10 of camp_1 are needed, 3 are free"}


async def released_with(brokers: Kafka) -> dict[str, str | None]:
    """Return the warnings of the releases, by distribution."""
    log = await read_json(brokers, Topic.DISTRIBUTION_LOG)
    return {one["distribution_id"]: one.get("warning") for one in log if one.get("receipt") == "released"}


async def test_members_are_counted_who_came_after_a_segment_was_synced_or_whom_upstream_keeps(
    brokers: Kafka, tmp_path: Path, database: str
) -> None:
    # Nobody is told of a count, so the hold is longer than one takes.
    settings = {"HOLD": 5 * HOLD_SECONDS, "POSTGRES": database}
    ledger = PostgresLedger(database)
    await ledger.add("camp_1", ["a", "b", "c"])
    await ledger.close()
    async with Workers(brokers, tmp_path, settings=settings) as workers:
        worker = await workers.started()
        await push(brokers, "campaigns", campaign())
        await push(brokers, "segments", GOLD)
        await push(brokers, "segments", segment())

        async def synced() -> bool:
            return "segments/seg_gold" in await table(brokers, Topic.DEFINITIONS)

        await until(synced, within=IN_TIME, what="the segment in force")
        await customers(brokers, 40)
        await enter(brokers, "seg_1", 7)
        await all_committed(brokers, workers.app_id, Topic.CUSTOMERS, Topic.CUSTOMER_EVENTS)
        await push(brokers, "distributions", TO_GOLD | {"action": CODES})
        upstream = manual(id="distr_2", name="2", action=CODES, audience={"segment_id": "seg_1"})
        await push(brokers, "distributions", upstream)
        for identity in ("distr_1", "distr_2"):
            await until_state(brokers, "done", identity)
        await workers.stop(worker)
    assert await released_with(brokers) == {
        "distr_1": "not_enough_codes: up to 20 of camp_1 are needed, 3 are free",
        "distr_2": "not_enough_codes: up to 7 of camp_1 are needed, 3 are free",
    }


async def test_what_is_due_while_no_worker_runs_goes_when_one_does_and_what_was_paused_meanwhile_does_not(
    brokers: Kafka, tmp_path: Path
) -> None:
    await customers(brokers, 20)
    async with Workers(brokers, tmp_path, settings={"HOLD": HOLD_SECONDS}) as workers:
        worker = await workers.started()
        await push(brokers, "segments", GOLD)
        for identity in ("distr_1", "distr_2"):
            await push(brokers, "distributions", TO_GOLD | {"id": identity, "name": identity})
        await until_state(brokers, "held", "distr_2")
        await workers.stop(worker)
        await push(brokers, "distributions", TO_GOLD | {"id": "distr_2", "name": "distr_2", "status": "paused"})
        again = await workers.started()
        await until_state(brokers, "done")
        await until_state(brokers, "paused", "distr_2")
        assert await again.metric("streamproc_receipts_total", receipt="released") == 1
        assert await again.metric("streamproc_hold_lateness_seconds_count") == 1
        assert await again.metric("streamproc_distributions", state="done") == 1
        await workers.stop(again)
    assert await receipts(brokers, "distr_2") == [("held", 1, 0), ("canceled", 2, 0)]


@pytest.mark.parametrize("others", [0, 3_000])
async def test_what_was_called_off_in_time_does_not_go_out_from_a_worker_that_is_behind(
    brokers: Kafka, tmp_path: Path, others: int
) -> None:
    """It stands still when the time comes, and wakes up to many records or to few."""
    record = manual(audience={"customer": {"id": "cust_1", "email": "ada@mail.example"}})
    async with Workers(brokers, tmp_path, settings={"HOLD": 3 * HOLD_SECONDS, "SESSION_TIMEOUT": 30}) as workers:
        worker = await workers.started()
        await push(brokers, "distributions", record)
        due_at = parse_instant((await until_state(brokers, "held"))["due_at"])
        assert due_at is not None
        worker.signal(signal.SIGSTOP)
        drafts = [manual(id=f"draft_{number}", name=f"Draft {number}", status="draft") for number in range(others)]
        await send_json(brokers, Topic.DISTRIBUTIONS, *drafts, record | {"status": "paused"})
        pushed_at = instant_of(now_milliseconds())

        async def is_due() -> bool:
            return instant_of(now_milliseconds()) > due_at

        await until(is_due, within=IN_TIME, what="its time")
        worker.signal(signal.SIGCONT)
        await until_state(brokers, "paused")
        await workers.stop(worker)
    assert pushed_at < due_at
    assert await receipts(brokers) == [("held", 0, 0), ("canceled", others + 1, 0)]


async def test_current_members_are_reached_once_by_a_distribution_that_includes_them(
    brokers: Kafka, tmp_path: Path
) -> None:
    expected = await customers(brokers, 100)
    trigger = {"event": "customer.segment.entered", "segment_id": "seg_gold", "include_current_members": True}
    async with Workers(brokers, tmp_path) as workers:
        worker = await workers.started()
        await push(brokers, "distributions", distribution(trigger=trigger))
        await push(brokers, "segments", GOLD)

        async def all_reached() -> bool:
            return len(await jobs(brokers)) >= len(expected)

        await until(all_reached, within=IN_TIME, what="the members reached")
        await push(brokers, "distributions", distribution(trigger=trigger, name="Edited"))
        await until_state(brokers, "live")
        await workers.stop(worker)
    sent = await jobs(brokers)
    assert Counter(job["customer"]["id"] for job in sent) == Counter(expected)
    assert {orjson.dumps(job["cause"]) for job in sent} == {b'{"backfill":"distr_1"}'}


async def test_each_member_gets_one_code_of_a_static_pool_the_same_through_all_channels(
    brokers: Kafka, database: str, tmp_path: Path
) -> None:
    expected = await customers(brokers, 400)
    pool = [f"CODE-{number:04}" for number in range(len(expected))]
    ledger = PostgresLedger(database)
    assert not await ledger.add("camp_1", pool)
    channels = [{"type": "email"}, {"type": "webhook", "url": "https://hook.example", "event_name": "sale"}]
    async with Workers(brokers, tmp_path, settings={"HOLD": 0, "POSTGRES": database}) as workers:
        worker = await workers.started()
        await push(brokers, "campaigns", campaign())
        await push(brokers, "segments", GOLD)
        await push(brokers, "distributions", TO_GOLD | {"action": CODES, "channels": channels})
        done = await until_state(brokers, "done")

        async def all_given() -> bool:
            return len(await jobs(brokers)) >= len(expected)

        await until(all_given, within=IN_TIME, what="the codes given")
        await workers.stop(worker)
    by_channel = [
        [(job["customer"]["id"], job["action"]["voucher"]["code"]) for job in await jobs(brokers, channel=channel)]
        for channel in ("email", "webhook")
    ]
    mail, hook = map(sorted, by_channel)
    assert [customer for customer, _ in mail] == expected
    assert done["progress"]["emitted"] == 2 * len(expected)
    assert mail == hook
    assert sorted(code for _, code in mail) == pool
    assert await ledger.pools() == [Pool("camp_1", free=0, given=len(pool))]
    await ledger.close()
