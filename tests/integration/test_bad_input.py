"""What bad input, bad settings and a missing broker come to, through a real worker and real topics."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamproc.domain.events import parse_instant
from streamproc.local.kafka import LocalKafka
from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.kafka import Kafka
from streamproc.topics import INPUT_LIMIT, Topic, deliveries
from tests.support.configuration import distribution
from tests.support.eventually import eventually
from tests.support.runtime import make_topics
from tests.support.streams import Sent, all_committed, read, read_json, send, send_json
from tests.support.workers import WorkerProcess, Workers, until

pytestmark = pytest.mark.broker

PARTITIONS = 2
ANN = {"id": "ann", "name": "Ann", "email": "ann@shop.example", "phone": "+421900"}
BROUGHT = [("trace", b"t-1"), ("reason", b"what upstream means by it")]
HEADERS_OF_OURS = ["reason", "detail", "source-topic", "source-partition", "source-offset", "parked-at", "step"]
IN_TIME = 60.0


@pytest.fixture
async def brokers(kafka: str, topic_prefix: str) -> Kafka:
    """Topics of our own."""
    await create_topics(kafka, topic_prefix, PARTITIONS, 1)
    return Kafka(kafka, topic_prefix)


def paid(event_id: str, **fields: Any) -> dict[str, Any]:
    """An order of Ann's, paid."""
    data = {"customer": ANN, "order": {"id": f"ord_{event_id}", "amount": 100}}
    return {"id": event_id, "type": "customer.order.paid", "created_at": "2026-03-03T12:00:00Z", "data": data} | fields


def sized(event: dict[str, Any], size: int) -> bytes:
    """Fill an event up to so many bytes."""
    bare = len(orjson.dumps({**event, "note": ""}))
    return orjson.dumps({**event, "note": "x" * (size - bare)})


async def apply(brokers: Kafka, worker: WorkerProcess, *distributions: dict[str, Any]) -> None:
    """Put distributions in force, and wait until the worker decides by them."""
    await send_json(brokers, Topic.DISTRIBUTIONS, *distributions)

    async def live() -> bool:
        return await worker.metric("streamproc_definitions", kind="live") == len(distributions)

    await until(live, within=IN_TIME, what="distributions in force")


async def committed(brokers: Kafka, workers: Workers) -> None:
    """Wait until the worker is through with all events and profiles."""
    await all_committed(brokers, workers.app_id, Topic.CUSTOMER_EVENTS, Topic.CUSTOMERS)


@dataclass(frozen=True)
class Bad:
    """A record that must become a dead letter."""

    reason: str
    key: bytes | None
    value: bytes | None


def without(event: dict[str, Any], *path: str) -> dict[str, Any]:
    """Leave a field out."""
    first, *rest = path
    if rest:
        return {**event, first: without(event[first], *rest)}
    return {name: value for name, value in event.items() if name != first}


def with_customer(customer: object) -> dict[str, Any]:
    return paid("bad", data={"customer": customer})


STRANGER = {"id": "ann", "email": "somebody@else.example"}
BAD_EVENTS = [
    Bad("too_large", b"ann", sized(paid("bad"), INPUT_LIMIT + 1)),
    Bad("too_large", b"ann", b"x" * (INPUT_LIMIT + 900_000)),
    Bad("invalid_json", b"ann", b'{"id": "bad"'),
    Bad("invalid_json", b"ann", b""),
    Bad("invalid_json", b"ann", None),
    Bad("invalid_json", b"ann", b'{"id": "\xff"}'),
    Bad("invalid_event", b"ann", orjson.dumps([paid("bad")])),
    *(
        Bad("invalid_event", b"ann", orjson.dumps(event))
        for event in (
            without(paid("bad"), "id"),
            paid("bad", id=""),
            paid("bad", id=17),
            without(paid("bad"), "type"),
            paid("bad", type=""),
            without(paid("bad"), "created_at"),
            paid("bad", created_at="yesterday"),
            paid("bad", created_at="2026-03-03"),
            without(paid("bad"), "data"),
            paid("bad", data="none"),
            without(paid("bad"), "data", "customer"),
            with_customer(None),
            with_customer({"email": "somebody@else.example"}),
            with_customer({"id": ""}),
            with_customer({"id": 5}),
        )
    ),
    Bad("wrong_key", b"bob", orjson.dumps(with_customer(STRANGER))),
    Bad("wrong_key", None, orjson.dumps(with_customer(STRANGER))),
    Bad("wrong_key", b"\xff", orjson.dumps(with_customer(STRANGER))),
]
BAD_PROFILES = [
    Bad("too_large", b"ann", sized(STRANGER, INPUT_LIMIT + 1)),
    Bad("invalid_json", b"ann", b"{"),
    Bad("invalid_json", b"ann", b""),
    Bad("invalid_event", b"ann", orjson.dumps([STRANGER])),
    Bad("invalid_event", b"ann", orjson.dumps(without(STRANGER, "id"))),
    Bad("invalid_event", b"ann", orjson.dumps(STRANGER | {"id": 5})),
    Bad("wrong_key", b"bob", orjson.dumps(STRANGER)),
]


async def test_each_bad_event_is_parked_whole_and_the_good_ones_around_it_are_processed(
    brokers: Kafka, tmp_path: Path
) -> None:
    records: list[Sent] = []
    for number, bad in enumerate(BAD_EVENTS):
        records.append((b"ann", orjson.dumps(paid(f"evt_{number}")), []))
        records.append((bad.key, bad.value, BROUGHT))
    records.append((b"ann", sized(paid("evt_largest"), INPUT_LIMIT), []))
    async with Workers(brokers, tmp_path) as workers:
        worker = await workers.started()
        await apply(brokers, worker, distribution())
        await send(brokers, Topic.CUSTOMER_EVENTS, records, partition=0)
        await committed(brokers, workers)
        counted = {
            outcome: await worker.metric("streamproc_events_total", outcome=outcome)
            for outcome in ("processed", "dead_letter", "ignored", "duplicate")
        }
        await workers.stop(worker)
    assert await parked(brokers) == [
        (bad.reason, bad.key, bad.value, Topic.CUSTOMER_EVENTS, 2 * number + 1) for number, bad in enumerate(BAD_EVENTS)
    ]
    jobs = await read_json(brokers, deliveries("email"))
    good = [*(f"evt_{number}" for number in range(len(BAD_EVENTS))), "evt_largest"]
    assert [(job["cause"]["event_id"], job["customer"]["email"]) for job in jobs] == [
        (event_id, ANN["email"]) for event_id in good
    ]
    assert counted == {"processed": len(good), "dead_letter": len(BAD_EVENTS), "ignored": 0, "duplicate": 0}


async def test_each_bad_profile_is_parked_and_leaves_the_one_that_is_known(brokers: Kafka, tmp_path: Path) -> None:
    records: list[Sent] = [(b"ann", orjson.dumps(ANN), [])]
    records += [(bad.key, bad.value, BROUGHT) for bad in BAD_PROFILES]
    async with Workers(brokers, tmp_path) as workers:
        worker = await workers.started()
        await apply(brokers, worker, distribution())
        await send(brokers, Topic.CUSTOMERS, records, partition=0)
        await committed(brokers, workers)
        event = paid("evt_1", data={"customer": {"id": "ann"}, "order": {"id": "ord_1"}})
        await send(brokers, Topic.CUSTOMER_EVENTS, [(b"ann", orjson.dumps(event), [])], partition=0)
        await committed(brokers, workers)
        await workers.stop(worker)
    assert await parked(brokers) == [
        (bad.reason, bad.key, bad.value, Topic.CUSTOMERS, number) for number, bad in enumerate(BAD_PROFILES, start=1)
    ]
    jobs = await read_json(brokers, deliveries("email"))
    assert [job["customer"] for job in jobs] == [{"id": "ann", "email": ANN["email"], "name": "Ann"}]


async def parked(brokers: Kafka) -> list[tuple[str, bytes | None, bytes | None, str, int]]:
    """Return reason, key, value, source and its offset of each dead letter, having looked at all their headers."""
    found = []
    for letter in await read(brokers, Topic.DEAD_LETTERS):
        brought, ours = list(letter.headers[:-7]), letter.headers[-7:]
        told = {name: (value or b"").decode() for name, value in ours}
        assert (brought, [name for name, _ in ours]) == (BROUGHT, HEADERS_OF_OURS)
        assert (told["source-partition"], told["step"]) == ("0", "check")
        assert parse_instant(told["parked-at"]) is not None
        assert told["detail"]
        assert "else.example" not in told["detail"]
        found.append((told["reason"], letter.key, letter.value, told["source-topic"], int(told["source-offset"])))
    return found


async def test_unknown_types_and_ids_that_come_again_are_counted_and_do_nothing_also_after_a_kill(
    brokers: Kafka, tmp_path: Path
) -> None:
    first, second = paid("evt_1"), paid("evt_2")
    again = paid("evt_1", data={"customer": {"id": "ann", "email": "new@shop.example"}, "order": {"id": "ord_1"}})
    unknown = paid("evt_3", type="customer.email.opened")
    async with Workers(brokers, tmp_path) as workers:
        worker = await workers.started()
        await apply(brokers, worker, distribution())
        await send_json(brokers, Topic.CUSTOMER_EVENTS, first, again, unknown, unknown, second, key="ann")
        await committed(brokers, workers)
        counted = [
            await worker.metric("streamproc_events_total", outcome=name)
            for name in ("processed", "duplicate", "ignored", "dead_letter")
        ]
        worker.end()
        survivor = await workers.started()
        await send_json(brokers, Topic.CUSTOMER_EVENTS, again, second, paid("evt_4"), key="ann")
        await committed(brokers, workers)
        await workers.stop(survivor)
    jobs = await read_json(brokers, deliveries("email"))
    assert counted == [2, 1, 2, 0]
    assert [(job["cause"]["event_id"], job["customer"]["email"]) for job in jobs] == [
        (event_id, ANN["email"]) for event_id in ("evt_1", "evt_2", "evt_4")
    ]
    assert await read(brokers, Topic.DEAD_LETTERS) == []


async def test_channels_that_cannot_go_leave_decisions_and_the_others_go(brokers: Kafka, tmp_path: Path) -> None:
    webhook = {"type": "webhook", "url": "https://books.example/paid", "event_name": "paid"}
    three = distribution(channels=[{"type": "email"}, {"type": "sms"}, webhook])
    order = {"id": "ord_1"}
    silent = paid("evt_1", data={"customer": {"id": "ann", "unsubscribed": ["sms"], "email": ""}, "order": order})
    gone = paid("evt_2", data={"customer": {"id": "ann", "unsubscribed": True}, "order": order})
    async with Workers(brokers, tmp_path) as workers:
        worker = await workers.started()
        await apply(brokers, worker, three)
        await send_json(brokers, Topic.CUSTOMER_EVENTS, silent, gone, key="ann")
        await committed(brokers, workers)
        await workers.stop(worker)

    def decision(event: dict[str, Any], index: int, channel: str, reason: str) -> dict[str, Any]:
        cause = {"event_id": event["id"], "type": event["type"], "created_at": event["created_at"]}
        named = {"distribution_id": "distr_1", "version": 0, "channel": channel, "channel_index": index}
        return {**named, "reason": reason, "cause": cause}

    assert await read_json(brokers, Topic.DECISIONS) == [
        decision(silent, 0, "email", "missing_contact"),
        decision(silent, 1, "sms", "unsubscribed"),
        decision(gone, 0, "email", "unsubscribed"),
        decision(gone, 1, "sms", "unsubscribed"),
        decision(gone, 2, "webhook", "unsubscribed"),
    ]
    jobs = await read_json(brokers, deliveries("webhook"), deliveries("email"), deliveries("sms"))
    assert [(job["channel"], job["cause"]["event_id"]) for job in jobs] == [("webhook", "evt_1")]


async def test_too_many_dead_letters_stop_the_worker_before_they_are_committed_until_it_is_told_to_go_on(
    brokers: Kafka, tmp_path: Path
) -> None:
    good: list[Sent] = [(b"ann", orjson.dumps(paid(f"evt_{number}")), []) for number in range(300)]
    bad: list[Sent] = [(b"ann", b"{", BROUGHT)] * 501
    last: list[Sent] = [(b"ann", orjson.dumps(paid("evt_last")), [])]
    async with Workers(brokers, tmp_path, settings={"CHUNK_RECORDS": 100}) as workers:
        worker = await workers.started()
        await apply(brokers, worker, distribution())
        await send(brokers, Topic.CUSTOMER_EVENTS, [*good, *bad, *last], partition=0)
        code = await worker.ended()
        (ending,) = worker.entries("ending")
        letters = len(await read(brokers, Topic.DEAD_LETTERS))
        assert (code, ending["reason"]) == (1, "DeadLetterLimitReached")
        assert "501 of the last 801 inputs became dead letters (invalid_json 501)" in ending["detail"]
        assert "--dead-letter-limit" in ending["detail"]
        assert letters <= 500
        patient = await workers.started("--dead-letter-limit", "1")
        await committed(brokers, workers)
        await workers.stop(patient)
    assert len(await parked(brokers)) == 501
    jobs = await read_json(brokers, deliveries("email"))
    assert [job["cause"]["event_id"] for job in jobs] == [*(f"evt_{number}" for number in range(300)), "evt_last"]


async def test_wrong_settings_are_told_all_at_once_and_nothing_is_started(brokers: Kafka, tmp_path: Path) -> None:
    async with Workers(brokers, tmp_path) as workers:
        wrong = {"KAFKA": "", "TIME_ZONE": "Europe/Nowhere", "WEB_PORT": 99_999, "DEAD_LETTER_LIMIT": 7}
        worker = workers.start(**wrong)
        code = await worker.ended()
        assert code == 2
        assert [line.split(":")[1].strip() for line in worker.log.splitlines()] == [
            "kafka", "time_zone", "dead_letter_limit", "web_port",
        ]  # fmt: skip
        for variable in wrong:
            assert f"STREAMPROC_{variable}" in worker.log
        assert await worker.readiness() is None


async def test_without_topics_the_worker_ends_and_says_how_to_make_them(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    async with Workers(Kafka(kafka, topic_prefix), tmp_path) as workers:
        worker = workers.start()
        assert await worker.ended() == 2
        for topic in (Topic.CUSTOMER_EVENTS, Topic.TASK_STATE, Topic.DEFINITIONS, Topic.DISTRIBUTIONS):
            assert f"Error: no topic {topic_prefix}{topic}: make the topics with streamproc topics create" in worker.log


async def test_topics_of_unequal_partitions_end_the_worker_with_their_counts(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    brokers = Kafka(kafka, topic_prefix)
    await make_topics(brokers, {Topic.CUSTOMERS: PARTITIONS + 1})
    await create_topics(kafka, topic_prefix, PARTITIONS, 1)
    async with Workers(brokers, tmp_path) as workers:
        worker = workers.start()
        assert await worker.ended() == 2
        assert "need the same number of partitions" in worker.log
        assert f"{topic_prefix}customers has 3" in worker.log
        assert f"{topic_prefix}customer-events has 2" in worker.log


async def test_a_worker_whose_broker_is_not_there_yet_says_so_waits_and_starts_by_itself(tmp_path: Path) -> None:
    with LocalKafka() as broker:
        brokers = Kafka(broker.bootstrap, "early.")
        await create_topics(brokers.bootstrap, brokers.prefix, PARTITIONS, 1)
        broker.stop()
        async with Workers(brokers, tmp_path) as workers:
            impatient, patient = workers.start(), workers.start()
            await impatient.until_unready("brokers", within=IN_TIME)
            await patient.until_unready("brokers", within=IN_TIME)
            await workers.stop(impatient)
            broker.start()
            await patient.until_ready()
            await apply(brokers, patient, distribution())
            await send_json(brokers, Topic.CUSTOMER_EVENTS, paid("evt_1"), key="ann")
            await committed(brokers, workers)
            await workers.stop(patient)
        assert len(await read(brokers, deliveries("email"))) == 1


@pytest.mark.parametrize(("client", "told"), [("producer", "Faust's producer"), ("consumer", "the consumer")])
async def test_a_broker_that_goes_just_before_a_client_of_a_worker_connects_is_waited_for(
    tmp_path: Path, client: str, told: str
) -> None:
    def is_waiting(worker: WorkerProcess) -> bool:
        return f"starting {told}" in {entry["what"] for entry in worker.entries("brokers_do_not_answer")}

    command = (sys.executable, "-m", "tests.support.paused_worker", client, str(tmp_path))
    with LocalKafka() as broker:
        brokers = Kafka(broker.bootstrap, "gone.")
        await create_topics(brokers.bootstrap, brokers.prefix, PARTITIONS, 1)
        async with Workers(brokers, tmp_path, command=command) as workers:
            impatient, patient = workers.start(), workers.start()
            await eventually(
                lambda: len(list(tmp_path.glob("found-*"))) == 2, what="all before it connected", within=IN_TIME
            )
            broker.kill()
            (tmp_path / "go").touch()
            await eventually(lambda: is_waiting(impatient) and is_waiting(patient), what="waiting", within=IN_TIME)
            await workers.stop(impatient)
            broker.start()
            await patient.until_ready()
            await workers.stop(patient)
