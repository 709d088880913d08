"""Manual distributions pushed wave after wave to segments of known customers, some of them changed while they wait."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaProducer

from streamproc.cli.reading import follow, opened
from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic
from tests.support.configuration import manual
from tests.support.streams import send
from tests.support.workers import until

# A multiple of three: of four, Faust's assignor may leave the third worker without any.
PARTITIONS = 6
PLANS = ("gold", "silver", "tin")
CHANNELS = ("email", "sms")
HOLD_SECONDS = 1.0
# What is pushed while a distribution waits or goes out: each at a moment of its own, in this order.
CHANGES = (
    ("live",),
    ("paused",),
    ("draft", "live"),
    ("paused", "live"),
    ("live", "paused", "live"),
    (None,),
    ("live", None),
    ("paused", None),
)
# From the first push to some time after the due time; or from the release on, while it is sent.
CHANGED_WITHIN_SECONDS = 2.5
CHANGED_WHILE_SENT_SECONDS = 0.3
RELEASED_WITHIN_SECONDS = 60
MOVING = {"syncing", "blocked", "held", "sending"}


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer; `channels` are those that can go."""

    id: str
    plan: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pushed:
    """One record of a distribution: its version, the broker's time in milliseconds, None for a deletion."""

    version: int
    at: int
    status: str | None


@dataclass
class Life:
    """All that was pushed of one distribution, in order. `plans` are those of its segment's members."""

    id: str
    segment_id: str
    plans: tuple[str, ...]
    pushed: list[Pushed] = field(default_factory=list)


class ReleaseRun:
    """Waves of distributions. `states` and `log` follow what the control task says of them."""

    def __init__(self, kafka: Kafka, producer: AIOKafkaProducer, rng: Random, customers: int, raced: int) -> None:
        self.kafka = kafka
        self.customers = [_customer(number) for number in range(customers)]
        self.lives: dict[str, Life] = {}
        #: By distribution: its latest state, and its log from the beginning.
        self.states: dict[str, str] = {}
        self.log: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._producer = producer
        self._rng = rng
        self._raced = raced
        self._waves = 0
        self._races: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def opened(cls, kafka: Kafka, rng: Random, *, customers: int, raced: int = 0) -> AsyncIterator[Self]:
        """Make the topics and the customers, and follow; `raced` distributions of each wave are changed."""
        await create_topics(kafka.bootstrap, kafka.prefix, PARTITIONS, replication=1)
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, enable_idempotence=True)
        await producer.start()
        run = cls(kafka, producer, rng, customers, raced)
        following = asyncio.create_task(run._follow())
        try:
            await send(kafka, Topic.CUSTOMERS, [(one.id.encode(), _profile(one), []) for one in run.customers])
            yield run
        finally:
            for task in (following, *run._races):
                task.cancel()
            await asyncio.gather(following, *run._races, return_exceptions=True)
            await producer.stop()

    async def write(self, events: int) -> None:
        """Push so many waves."""
        for _ in range(events):
            await self.wave()

    async def wave(self) -> str:
        """Push a new segment and distributions to it; return the id of the one that nobody changes later."""
        self._waves += 1
        segment_id = f"seg_{self._waves}"
        plans = tuple(self._rng.sample(PLANS, self._rng.randint(1, 2)))
        if self._rng.random() < 0.5:
            # What is superseded at once: nobody may get anything for having belonged to it.
            await self._push(Topic.SEGMENTS, _segment(segment_id, PLANS))
        await self._push(Topic.SEGMENTS, _segment(segment_id, plans))
        for number in range(self._raced):
            life = Life(f"raced_{self._waves}_{number}", segment_id, plans)
            race = asyncio.create_task(self._race(life))
            self._races.add(race)
        calm = Life(f"calm_{self._waves}", segment_id, plans)
        await self.save(calm, "live")
        await self.save(calm, "live")
        return calm.id

    async def save(self, life: Life, status: str | None) -> None:
        """Push a further record of a distribution; no status deletes it."""
        self.lives[life.id] = life
        record = _distribution(life, status, f"version {len(life.pushed)}") if status else None
        version, at = await self._push(Topic.DISTRIBUTIONS, record, life.id)
        life.pushed.append(Pushed(version, at, status))

    async def until_state(self, identity: str, states: set[str], within: float) -> None:
        """Wait until a distribution has one of these states."""

        async def reached() -> bool:
            return self.states.get(identity) in states

        await until(reached, within=within, what=f"{identity} {' or '.join(sorted(states))}")

    async def settle(self, within: float) -> None:
        """Let all come to an end: half of what has stopped goes on, and what is not over then is deleted."""
        await asyncio.gather(*self._races)
        await self._all(lambda life: self.states.get(life.id) not in MOVING, within, "at rest")
        for life in [life for life in self.lives.values() if self.states.get(life.id) == "paused"]:
            if self._rng.random() < 0.5:
                await self.save(life, "live")
        await self._all(lambda life: self._heard(life) and self.states.get(life.id) not in MOVING, within, "resumed")
        for life in self.lives.values():
            if life.pushed[-1].status is not None and self._receipts(life)[-1:] != ["done"]:
                await self.save(life, None)
        await self._all(lambda life: self._receipts(life)[-1:] in (["done"], ["canceled"]), within, "over")

    async def _race(self, life: Life) -> None:
        changes, is_sent = self._rng.choice(CHANGES), self._rng.random() < 0.5
        within = CHANGED_WHILE_SENT_SECONDS if is_sent else CHANGED_WITHIN_SECONDS
        moments = sorted(self._rng.uniform(0, within) for _ in changes)
        await self.save(life, "live")
        if is_sent:
            await self.until_state(life.id, {"sending", "done"}, RELEASED_WITHIN_SECONDS)
        clock = asyncio.get_running_loop()
        began = clock.time()
        for moment, status in zip(moments, changes, strict=True):
            await asyncio.sleep(max(began + moment - clock.time(), 0))
            await self.save(life, status)

    def _receipts(self, life: Life) -> list[str]:
        return [entry["receipt"] for entry in self.log[life.id] if "receipt" in entry]

    def _heard(self, life: Life) -> bool:
        """Tell whether the log says anything of what was pushed last, or nothing more has to be said."""
        return self._receipts(life)[-1:] == ["done"] or any(
            entry["version"] >= life.pushed[-1].version for entry in self.log[life.id]
        )

    async def _all(self, holds: Callable[[Life], bool], within: float, what: str) -> None:
        async def for_all() -> bool:
            return all(map(holds, self.lives.values()))

        try:
            await until(for_all, within=within, what=what)
        except AssertionError as error:
            for life in self.lives.values():
                if not holds(life):
                    error.add_note(f"{life.id} {self.states.get(life.id)}: {self._receipts(life)}, {life.pushed}")
            raise

    async def _push(self, topic: Topic, record: dict[str, Any] | None, key: str = "") -> tuple[int, int]:
        value = None if record is None else orjson.dumps(record)
        name = key or (record or {})["id"]
        written = await self._producer.send_and_wait(self.kafka.physical(topic), value, key=name.encode())
        return written.offset, written.timestamp

    async def _follow(self) -> None:
        async with opened(self.kafka, [Topic.DISTRIBUTION_STATUS, Topic.DISTRIBUTION_LOG]) as reader:
            async for records in follow(reader):
                for record in records:
                    identity = (record.key or b"").decode()
                    value = orjson.loads(record.value or b"null")
                    if self.kafka.logical(record.topic) == Topic.DISTRIBUTION_LOG:
                        self.log[identity].append(value)
                    elif value is None:
                        self.states.pop(identity, None)
                    else:
                        self.states[identity] = value["state"]


def _customer(number: int) -> Customer:
    can = {"email": number % 10 != 0, "sms": number % 7 != 0 and number % 11 != 0}
    channels = tuple(channel for channel in CHANNELS if can[channel])
    return Customer(f"cust_{number:06}", PLANS[number % 3], channels)


def _profile(customer: Customer) -> bytes:
    number = int(customer.id.removeprefix("cust_"))
    record: dict[str, Any] = {"id": customer.id, "metadata": {"plan": customer.plan}}
    if number % 10:
        record["email"] = f"{number}@mail.example"
    if number % 7:
        record["phone"] = str(number)
    if number % 11 == 0:
        record["unsubscribed"] = ["sms"]
    return orjson.dumps(record)


def _segment(segment_id: str, plans: tuple[str, ...]) -> dict[str, Any]:
    filters = {"metadata.plan": {"conditions": {"$in": list(plans)}}}
    return {"id": segment_id, "name": segment_id, "type": "dynamic", "filter": filters}


def _distribution(life: Life, status: str, template: str) -> dict[str, Any]:
    channels = [{"type": channel, "template_id": template} for channel in CHANNELS]
    return manual(id=life.id, name=life.id, status=status, audience={"segment_id": life.segment_id}, channels=channels)
