"""Configuration through a real worker and real topics: judged, in force, blocked, healed, kept, and waited for."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic, deliveries
from tests.support.configuration import distribution, validation_rule
from tests.support.streams import (
    COMPACT_AT_ONCE,
    all_committed,
    configure,
    read,
    read_json,
    send,
    send_json,
    table,
    table_read,
)
from tests.support.workers import Workers, until

pytestmark = pytest.mark.broker

IN_TIME = 60.0
RULED = {"event": "customer.order.paid", "validation_rule_id": "val_1"}
MISSING = "missing validation-rules val_1"


async def push(
    brokers: Kafka, kind: str, key: str, value: dict[str, Any] | bytes | None, *, expected_version: int | None = None
) -> tuple[bool, list[str], list[str], int | None]:
    """Push one record and return what its verdict says: accepted, error codes, causes, version in force."""
    headers = [] if expected_version is None else [("expected-version", str(expected_version).encode())]
    encoded = orjson.dumps(value) if isinstance(value, dict) else value
    (offset,) = await send(brokers, kind, [(key.encode(), encoded, headers)])
    verdicts: list[dict[str, Any]] = []

    async def judged() -> bool:
        verdicts[:] = [
            verdict
            for verdict in await read_json(brokers, Topic.CONFIG_VERDICTS)
            if (verdict["kind"], verdict["version"]) == (kind, offset)
        ]
        return bool(verdicts)

    await until(judged, within=IN_TIME, what=f"a verdict on {kind} {offset}")
    (verdict,) = verdicts
    codes = [error["code"] for error in verdict["errors"]]
    return verdict["accepted"], codes, verdict["blocked"], verdict["in_force_version"]


async def in_force(brokers: Kafka) -> dict[str, int]:
    """Return the versions in force by kind and id."""
    return {key: record["version"] for key, record in (await table(brokers, Topic.DEFINITIONS)).items()}


async def statuses(brokers: Kafka) -> dict[str, tuple[str, int, str | None]]:
    """Return state, version and problem of each distribution."""
    found = await table(brokers, Topic.DISTRIBUTION_STATUS)
    return {key: (status["state"], status["version"], status.get("problem")) for key, status in found.items()}


def paid(event_id: str) -> dict[str, Any]:
    """An order that the rule lets through."""
    data = {"customer": {"id": "ann", "email": "ann@shop.example"}, "order": {"id": "ord_1", "amount": 9000}}
    return {"id": event_id, "type": "customer.order.paid", "created_at": "2026-03-03T12:00:00Z", "data": data}


async def jobs_of(brokers: Kafka, workers: Workers, event_id: str) -> list[tuple[str, int]]:
    """Send an event, and return by which distributions in which versions it became jobs."""
    await send_json(brokers, Topic.CUSTOMER_EVENTS, paid(event_id), key="ann")
    await all_committed(brokers, workers.app_id, Topic.CUSTOMER_EVENTS)
    jobs = [job for job in await read_json(brokers, deliveries("email")) if job["cause"]["event_id"] == event_id]
    return [(job["distribution"]["id"], job["distribution"]["version"]) for job in jobs]


async def test_a_distribution_is_blocked_healed_edited_refused_and_deleted_and_decides_by_what_is_in_force(
    brokers: Kafka, tmp_path: Path
) -> None:
    ruled = distribution(trigger=RULED)
    async with Workers(brokers, tmp_path) as workers:
        worker = await workers.started()

        async def outcome(event_id: str) -> tuple[object, object, object]:
            await table_read(brokers, worker, Topic.DEFINITIONS)
            return await in_force(brokers), await statuses(brokers), await jobs_of(brokers, workers, event_id)

        # It lacks its rule: accepted and blocked. Then the rule comes, and it goes by itself.
        assert await push(brokers, "distributions", "distr_1", ruled) == (True, [], [MISSING], 0)
        assert await outcome("evt_1") == ({"distributions/distr_1": 0}, {"distr_1": ("blocked", 0, MISSING)}, [])
        assert await push(brokers, "validation-rules", "val_1", validation_rule()) == (True, [], [], 0)
        both = {"distributions/distr_1": 0, "validation-rules/val_1": 0}
        live = {"distr_1": ("live", 0, None)}
        assert await outcome("evt_2") == (both, live, [("distr_1", 0)])
        # What is refused changes nothing.
        assert await push(brokers, "distributions", "distr_1", ruled | {"channels": []}) == (False, ["schema"], [], 0)
        assert await push(brokers, "distributions", "distr_1", b"{") == (False, ["schema"], [], 0)
        conflict = await push(brokers, "distributions", "distr_1", ruled | {"name": "Seen 7"}, expected_version=7)
        assert conflict == (False, ["version_conflict"], [], 0)
        assert await push(brokers, "validation-rules", "val_1", {"id": "val_1"}) == (False, ["schema"] * 2, [], 0)
        assert await outcome("evt_3") == (both, live, [("distr_1", 0)])
        # An edit by somebody who has seen the version in force.
        edited = await push(brokers, "distributions", "distr_1", ruled | {"name": "Edited"}, expected_version=0)
        assert edited == (True, [], [], 4)
        assert await outcome("evt_4") == (
            both | {"distributions/distr_1": 4},
            {"distr_1": ("live", 4, None)},
            [("distr_1", 4)],
        )
        # Without its rule it stops; deleted it is gone.
        assert await push(brokers, "validation-rules", "val_1", None) == (True, [], [], None)
        assert await outcome("evt_5") == ({"distributions/distr_1": 4}, {"distr_1": ("blocked", 4, MISSING)}, [])
        assert await push(brokers, "distributions", "distr_1", None) == (True, [], [], None)
        assert await outcome("evt_6") == ({}, {}, [])
        await workers.stop(worker)


async def test_a_distribution_that_never_was_in_force_is_shown_as_rejected_until_a_good_version_comes(
    brokers: Kafka, tmp_path: Path
) -> None:
    manual = distribution(kind="manual")
    async with Workers(brokers, tmp_path) as workers:
        worker = await workers.started()
        accepted, codes, _, version = await push(brokers, "distributions", "distr_1", manual)
        assert (accepted, bool(codes), version) == (False, True, None)
        ((state, rejected, problem),) = (await statuses(brokers)).values()
        assert (state, rejected, bool(problem)) == ("rejected", 0, True)
        assert await push(brokers, "distributions", "distr_1", distribution()) == (True, [], [], 1)
        assert await statuses(brokers) == {"distr_1": ("live", 1, None)}
        await workers.stop(worker)


async def test_the_last_good_version_outlives_compaction_of_what_was_pushed_and_a_restart(
    brokers: Kafka, tmp_path: Path
) -> None:
    await configure(brokers, Topic.DISTRIBUTIONS, COMPACT_AT_ONCE)
    async with Workers(brokers, tmp_path) as workers:
        first = await workers.started()
        assert await push(brokers, "distributions", "distr_1", distribution()) == (True, [], [], 0)

        async def compacted() -> bool:
            await push(brokers, "distributions", "distr_1", distribution(channels=[]))
            return 0 not in [record.offset for record in await read(brokers, Topic.DISTRIBUTIONS)]

        await until(compacted, within=IN_TIME, what="the good record compacted away")
        first.end()
        second = await workers.started()
        assert await in_force(brokers) == {"distributions/distr_1": 0}
        assert await jobs_of(brokers, workers, "evt_1") == [("distr_1", 0)]
        bad_again = await push(brokers, "distributions", "distr_1", distribution(channels=[]))
        assert bad_again == (False, ["schema"], [], 0)
        await workers.stop(second)


async def test_a_worker_that_starts_together_with_its_configuration_decides_its_first_event_with_it(
    brokers: Kafka, tmp_path: Path
) -> None:
    count = 200
    many = [distribution(id=f"distr_{number}", name=f"Number {number}", trigger=RULED) for number in range(count)]
    await send_json(brokers, Topic.CUSTOMER_EVENTS, paid("evt_1"), key="ann")
    await send_json(brokers, Topic.DISTRIBUTIONS, *many)
    await send_json(brokers, Topic.VALIDATION_RULES, validation_rule())
    async with Workers(brokers, tmp_path) as workers:
        worker = workers.start()
        await all_committed(brokers, workers.app_id, Topic.CUSTOMER_EVENTS)
        timeouts = await worker.metric("streamproc_gate_timeouts_total")
        await workers.stop(worker)
    assert timeouts == 0
    assert len(await read_json(brokers, deliveries("email"))) == count


async def test_a_worker_whose_configuration_nobody_judges_starts_after_the_timeout_says_so_and_gets_it_later(
    brokers: Kafka, tmp_path: Path
) -> None:
    # The control task cannot write its verdicts: it tries again and again.
    await configure(brokers, Topic.CONFIG_VERDICTS, {"max.message.bytes": "100"})
    await send_json(brokers, Topic.DISTRIBUTIONS, distribution())
    async with Workers(brokers, tmp_path, settings={"TABLES_TIMEOUT": 2}) as workers:
        worker = workers.start()
        await worker.until_unready("tables", within=IN_TIME)
        assert await jobs_of(brokers, workers, "evt_1") == []
        assert [entry["seconds"] for entry in worker.entries("starting_with_what_is_in_force")] == [2]
        assert await worker.metric("streamproc_gate_timeouts_total") == 1
        await configure(brokers, Topic.CONFIG_VERDICTS, {})

        async def live() -> bool:
            return await worker.metric("streamproc_definitions", kind="live") == 1

        await until(live, within=IN_TIME, what="the distribution in force")
        assert await jobs_of(brokers, workers, "evt_2") == [("distr_1", 0)]
        await workers.stop(worker)
