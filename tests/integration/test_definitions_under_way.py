"""Definitions that change while events flow: each event is decided by one version, the one that its jobs name.

Distributions and a rule are pushed, edited, broken, mended and deleted on a real broker, with a real worker, while
events flow at a steady rate. Afterwards what the worker has written is compared with what was pushed: from outside,
event by event. Controls: two careless workers, at which the same comparison finds something.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka.structs import TopicPartition

from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.offsets import committed_offsets
from streamproc.topics import CONFIG_TOPICS, Topic, deliveries
from tests.benchmarks.load import trickle
from tests.support.configuration import distribution, validation_rule
from tests.support.histories import Outcome, Place, SentEvent, State, decided_alone, unexplained
from tests.support.streams import all_committed, ends, read, read_json, send, table_read
from tests.support.workers import STREAMPROC_WORKER, WorkerProcess, Workers, until

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]

CARELESS_WORKER = (sys.executable, "-m", "tests.support.careless_worker")
PARTITIONS = 4
RATE = 300  # events a second
CUSTOMERS = 60
ROUNDS = 3
ENOUGH = 5  # events of each partition between two pushes
AT_ONCE = 5  # edits that follow each other without a pause
IN_TIME = 60.0
FOREVER = 3600.0
BROKEN = b'{"id": "broken", "status": "live"}'
PARITIES = ("even", "odd")


def has_email(event: SentEvent) -> bool:
    """Whether the customer of an event can get an e-mail; otherwise there is a decision instead."""
    return event.number % CUSTOMERS % 3 > 0


def events(sent: list[int]) -> Iterator[tuple[bytes, bytes]]:
    """Orders, even and odd ones."""
    for number in count():
        customer = {"id": f"cust_{number % CUSTOMERS}", "name": "Ada"}
        if number % CUSTOMERS % 3 > 0:
            customer["email"] = "ada@mail.example"
        order = {"id": f"ord_{number}", "amount": 9000, "metadata": {"parity": PARITIES[number % 2]}}
        event = {"id": f"evt_{number}", "type": "customer.order.paid", "created_at": "2026-03-03T12:00:00Z"}
        sent.append(number)
        yield customer["id"].encode(), orjson.dumps(event | {"data": {"customer": customer, "order": order}})


def edited(distribution_id: str, text: str, **trigger: str) -> dict[str, Any]:
    """A distribution that says in each of its parts which push it is of."""
    return distribution(
        id=distribution_id,
        name=f"{distribution_id} {text}",
        trigger={"event": "customer.order.paid", **trigger},
        channels=[
            {"type": "email", "template_id": text},
            {
                "type": "webhook",
                "url": "https://shop.example",
                "event_name": "hook",
                "payload": f'{{"push": "{text}"}}',
            },
        ],
    )


def of_version(version: int, text: str) -> Callable[[SentEvent], Outcome]:
    """Say what a version of such a distribution does about an event."""

    def outcome(event: SentEvent) -> Outcome:
        mail = (deliveries("email"), version, f"{text} {text}")
        missing = (Topic.DECISIONS, version, "missing_contact")
        return sorted([mail if has_email(event) else missing, (deliveries("webhook"), version, f"{text} {text}")])

    return outcome


def nothing(_: SentEvent) -> Outcome:
    """What no distribution in force does about an event."""
    return []


@dataclass
class Flow:
    """Events that flow, and what is pushed meanwhile."""

    brokers: Kafka
    app_id: str
    worker: WorkerProcess
    histories: dict[str, list[State]] = field(default_factory=lambda: defaultdict(list))
    pushes: Iterator[int] = field(default_factory=count)
    refused: list[tuple[str, int]] = field(default_factory=list)

    async def step(self, *pushes: tuple[str, str, Sequence[bytes | None]]) -> list[list[int]]:
        """Push to several objects, by kind, id and values; return the versions once all is in force."""
        versions = [
            await send(self.brokers, kind, [(object_id.encode(), value, []) for value in values])
            for kind, object_id, values in pushes
        ]
        await all_committed(self.brokers, self.app_id, *CONFIG_TOPICS)
        await table_read(self.brokers, self.worker, Topic.DEFINITIONS)
        return versions

    async def sent(self) -> dict[int, int]:
        """Return where the events end."""
        return {tp.partition: end for tp, end in (await ends(self.brokers, [Topic.CUSTOMER_EVENTS])).items()}

    async def committed(self) -> dict[int, int]:
        """Return how far the application has come."""
        topic = self.brokers.physical(Topic.CUSTOMER_EVENTS)
        admin = self.brokers.admin()
        await admin.start()
        try:
            asked = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
            found = await committed_offsets(admin, self.app_id, asked)
        finally:
            await admin.close()
        return {tp.partition: offset or 0 for tp, offset in found.items()}

    async def until_enough(self) -> None:
        """Return when enough events have been decided by what is in force now."""
        stood = await self.sent()

        async def decided() -> bool:
            committed = await self.committed()
            return all(committed[partition] >= end + ENOUGH for partition, end in stood.items())

        await until(decided, within=IN_TIME, what="events decided")


@asynccontextmanager
async def flowing(flow: Flow, sent: list[int]) -> AsyncIterator[None]:
    """Send events at a steady rate meanwhile, and have all of them decided at the end."""
    over, topic = asyncio.Event(), flow.brokers.physical(Topic.CUSTOMER_EVENTS)
    sending = asyncio.create_task(trickle(flow.brokers.bootstrap, topic, PARTITIONS, events(sent), RATE, FOREVER, over))
    try:
        yield
    finally:
        over.set()
        await sending
    await all_committed(flow.brokers, flow.app_id, Topic.CUSTOMER_EVENTS)


async def change_everything(flow: Flow, rounds: int) -> None:
    """Push, edit, break, mend and delete a distribution, and the rule of another, so many times."""
    start: Place = dict.fromkeys(range(PARTITIONS), 0)
    flow.histories["distr_1"].append(State("not yet", nothing, start, start))
    flow.histories["distr_ruled"].append(State("blocked", nothing, start, start))
    ruled = orjson.dumps(edited("distr_ruled", "ruled", validation_rule_id="val_1"))
    ((version,),) = await flow.step(("distributions", "distr_ruled", [ruled]))
    for _ in range(rounds):
        for texts, parity in ((1, "even"), (AT_ONCE, "odd"), (0, None), (1, "even")):
            await _change(flow, version, [f"push-{next(flow.pushes)}" for _ in range(texts)], parity)
        await _delete(flow)


async def _change(flow: Flow, ruled: int, texts: Sequence[str], parity: str | None) -> None:
    """Push these edits of the one and this rule of the other; without any, records that are refused."""
    pushed = await flow.committed()
    values = [orjson.dumps(edited("distr_1", text)) for text in texts]
    rules = {"1": {"name": "order.metadata", "property": "parity", "conditions": {"$is": [parity]}}}
    rule = orjson.dumps(validation_rule(rules=rules)) if parity else BROKEN
    versions, (rule_version,) = await flow.step(
        ("distributions", "distr_1", values or [BROKEN]), ("validation-rules", "val_1", [rule])
    )
    in_force = await flow.sent()
    if parity is None:
        flow.refused += [("distributions", versions[0]), ("validation-rules", rule_version)]
    else:
        flow.histories["distr_1"] += [
            State(text, of_version(version, text), pushed, in_force)
            for version, text in zip(versions, texts, strict=True)
        ]
        outcome, passing = of_version(ruled, "ruled"), PARITIES.index(parity)
        flow.histories["distr_ruled"].append(
            State(parity, lambda event: outcome(event) if event.number % 2 == passing else [], pushed, in_force)
        )
    await flow.until_enough()


async def _delete(flow: Flow) -> None:
    pushed = await flow.committed()
    await flow.step(("distributions", "distr_1", [None]), ("validation-rules", "val_1", [None]))
    in_force = await flow.sent()
    for history in flow.histories.values():
        history.append(State("deleted", nothing, pushed, in_force))
    await flow.until_enough()


async def outcomes(brokers: Kafka) -> dict[str, dict[int, Outcome]]:
    """Return what each event has led to, by distribution."""
    found: dict[str, dict[int, Outcome]] = defaultdict(lambda: defaultdict(list))
    for topic in (deliveries("email"), deliveries("webhook"), Topic.DECISIONS):
        for told in await read_json(brokers, topic):
            number = int(told["cause"]["event_id"].removeprefix("evt_"))
            if topic == Topic.DECISIONS:
                identity, version, text = told["distribution_id"], told["version"], told["reason"]
            else:
                of, body = told["distribution"], told.get("payload")
                identity, version = of["id"], of["version"]
                designed = told["settings"]["template_id"] if body is None else body["data"]["push"]
                text = f"{of['name'].removeprefix(identity).strip()} {designed}"
            found[identity][number].append((topic, version, text))
    return found


async def run(
    brokers: Kafka, folder: Path, *, rounds: int, command: Sequence[str] = STREAMPROC_WORKER
) -> tuple[Flow, list[SentEvent], dict[str, dict[int, Outcome]]]:
    """Let events flow through a worker while everything changes; return what was done, and what came of it."""
    sent: list[int] = []
    async with Workers(brokers, folder, command=command) as workers:
        worker = await workers.started()
        flow = Flow(brokers, workers.app_id, worker)
        async with flowing(flow, sent):
            await flow.until_enough()
            await change_everything(flow, rounds)
        await workers.stop(worker)
    placed = [
        SentEvent(int(orjson.loads(record.value or b"")["id"].removeprefix("evt_")), record.partition, record.offset)
        for record in await read(brokers, Topic.CUSTOMER_EVENTS)
    ]
    assert sorted(event.number for event in placed) == sent
    return flow, placed, await outcomes(brokers)


@pytest.fixture
async def brokers(kafka: str, topic_prefix: str) -> Kafka:
    """Topics of our own."""
    await create_topics(kafka, topic_prefix, PARTITIONS, 1)
    return Kafka(kafka, topic_prefix)


async def test_each_event_is_decided_by_one_version_and_its_jobs_name_it_whatever_changes_meanwhile(
    brokers: Kafka, tmp_path: Path
) -> None:
    flow, placed, found = await run(brokers, tmp_path, rounds=ROUNDS)
    assert found.keys() == flow.histories.keys() == {"distr_1", "distr_ruled"}
    for identity, history in flow.histories.items():
        assert unexplained(history, placed, found[identity]) == []
        # Between any two pushes that were not at once there were events that only the one before can have decided.
        shown = [number for number, state in enumerate(history) if state.in_force != _next(history, number)]
        assert all(decided_alone(history, number, placed) >= ENOUGH * PARTITIONS for number in shown), history
    verdicts = [verdict for verdict in await read_json(brokers, Topic.CONFIG_VERDICTS) if not verdict["accepted"]]
    assert sorted((one["kind"], one["version"]) for one in verdicts) == sorted(flow.refused)
    assert len(flow.refused) == 2 * ROUNDS


@pytest.mark.parametrize("way", ["stamp", "reload"])
async def test_control_with_a_careless_worker_the_same_comparison_finds_events_that_nothing_explains(
    brokers: Kafka, tmp_path: Path, way: str
) -> None:
    flow, placed, found = await run(brokers, tmp_path, rounds=1, command=(*CARELESS_WORKER, way))
    history = flow.histories["distr_1"]
    problems = unexplained(history, placed, found["distr_1"])
    # The one stamps what there never was, the other goes back to what there was.
    assert {any(state.outcome(event) == got for state in history) for event, got in problems} == {way == "reload"}


def _next(history: Sequence[State], number: int) -> Place | None:
    return history[number + 1].in_force if number + 1 < len(history) else None
