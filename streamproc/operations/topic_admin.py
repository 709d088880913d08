"""Makes the topics on the brokers, and tells how those that exist differ from what they have to be."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from streamproc.topics import CO_PARTITIONED, TOPICS, TopicSpec, physical

# What decides whether records survive, arrive and are dated rightly; the rest is tuning, and the operator's to change.
CHECKED_SETTINGS = ("cleanup.policy", "retention.ms", "message.timestamp.type", "max.message.bytes")
_METADATA_WAIT_SECONDS = 0.05
_METADATA_ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class Created:
    """What `create_topics` found and did, by physical name."""

    created: tuple[str, ...]
    existing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about the topics that is not as it has to be.

    `aspect`: `topic` (missing), `partitions`, `co-partitioning`, or the name of a Kafka setting. `expected` and
    `actual` are as Kafka spells them; `advice` says what to do.
    """

    topic: str
    aspect: str
    expected: str
    actual: str
    advice: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.aspect} is {self.actual}, has to be {self.expected}: {self.advice}"


@dataclass(frozen=True, slots=True)
class _Existing:
    partitions: int
    settings: Mapping[str, str]


async def create_topics(
    bootstrap: str, prefix: str, partitions: int, replication: int, *, security: Mapping[str, Any] | None = None
) -> Created:
    """Make the topics that are missing and wait until the brokers show them; those that exist stay as they are.

    `partitions` is the count of the customer topics. Raises aiokafka's error when the brokers refuse one.
    """
    specs = {physical(prefix, spec.name): spec for spec in TOPICS.values()}
    async with _admin(bootstrap, security) as admin:
        existing = specs.keys() & set(await admin.list_topics())
        wanted = [
            _new_topic(name, spec, partitions, replication) for name, spec in specs.items() if name not in existing
        ]
        if wanted:
            response = await admin.create_topics(wanted)
            existing |= _already_there(response.topic_errors)
            await _wait_until_shown(admin, specs)
    return Created(
        created=tuple(name for name in specs if name not in existing),
        existing=tuple(name for name in specs if name in existing),
    )


async def check_topics(
    bootstrap: str, prefix: str, partitions: int | None = None, *, security: Mapping[str, Any] | None = None
) -> list[Difference]:
    """Compare the topics with what they have to be. Empty: nothing is different.

    `partitions` is the expected count of the customer topics; without it they only have to agree among each other.
    """
    async with _admin(bootstrap, security) as admin:
        existing = await _describe(admin, [physical(prefix, name) for name in TOPICS])
    differences = _co_partitioning(prefix, existing)
    for spec in TOPICS.values():
        name = physical(prefix, spec.name)
        if name not in existing:
            differences.append(Difference(name, "topic", "there", "missing", "make it with `streamproc topics create`"))
            continue
        differences += _partitions(name, spec, existing[name], partitions)
        differences += _settings(name, spec, existing[name])
    return differences


async def shortest_retention(
    bootstrap: str, prefix: str, topics: Sequence[str], *, security: Mapping[str, Any] | None = None
) -> int | None:
    """Return for how many milliseconds all of these logical topics keep their records; None: for ever."""
    async with _admin(bootstrap, security) as admin:
        existing = await _describe(admin, [physical(prefix, topic) for topic in topics])
    kept = [int(one.settings["retention.ms"]) for one in existing.values()]
    return min((milliseconds for milliseconds in kept if milliseconds >= 0), default=None)


@asynccontextmanager
async def _admin(bootstrap: str, security: Mapping[str, Any] | None) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **(security or {}))
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def _new_topic(name: str, spec: TopicSpec, partitions: int, replication: int) -> NewTopic:
    return NewTopic(name, spec.partition_count(partitions), replication, topic_configs=spec.configuration())


def _already_there(errors: Sequence[tuple[str, int, str | None]]) -> set[str]:
    """Topics that somebody else made in the meantime. Any other error is raised."""
    existing = set()
    for name, code, message in errors:
        error = for_code(code)
        if error is TopicAlreadyExistsError:
            existing.add(name)
        elif code:
            raise error(f"{name}: {message}")
    return existing


async def _wait_until_shown(admin: AIOKafkaAdminClient, names: Collection[str]) -> None:
    """The controller answers before every broker has heard of the topics; what starts next would not find them."""
    for _ in range(_METADATA_ATTEMPTS):
        if set(names) <= set(await admin.list_topics()):
            return
        await asyncio.sleep(_METADATA_WAIT_SECONDS)
    raise UnknownTopicOrPartitionError("the brokers made the topics, but do not show them")


async def _describe(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, _Existing]:
    found = set(await admin.list_topics())
    names = [name for name in names if name in found]
    if not names:
        return {}
    counts = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(names)}
    settings: dict[str, dict[str, str]] = {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    for response in await admin.describe_configs(resources):
        for code, message, _, name, entries in response.resources:
            if code:
                raise for_code(code)(f"{name}: {message}")
            settings[name] = {entry[0]: entry[1] for entry in entries}
    return {name: _Existing(counts[name], settings[name]) for name in names}


def _co_partitioning(prefix: str, existing: Mapping[str, _Existing]) -> list[Difference]:
    names = [physical(prefix, name) for name in CO_PARTITIONED]
    by_count: dict[int, list[str]] = {}
    for name in names:
        if name in existing:
            by_count.setdefault(existing[name].partitions, []).append(name)
    if len(by_count) <= 1:
        return []
    told = "; ".join(f"{count}: {', '.join(by_count[count])}" for count in sorted(by_count))
    return [
        Difference(
            f"{prefix}*",
            "co-partitioning",
            "one partition count for all customer topics",
            told,
            "no worker starts like this; keys cannot move to other partitions, so make all topics anew "
            "(under another STREAMPROC_PREFIX to keep these)",
        )
    ]


def _partitions(name: str, spec: TopicSpec, actual: _Existing, partitions: int | None) -> list[Difference]:
    if spec.partitions == "N" and partitions is None:
        return []
    expected = spec.partition_count(partitions or 0)
    if actual.partitions == expected:
        return []
    advice = (
        f"check with --partitions {actual.partitions} if that count is meant; keys cannot move to other partitions, "
        "so another count needs topics made anew"
        if spec.partitions == "N"
        else "its order is one order for all: delete it if it is empty, and `streamproc topics create`"
    )
    return [Difference(name, "partitions", str(expected), str(actual.partitions), advice)]


def _settings(name: str, spec: TopicSpec, actual: _Existing) -> list[Difference]:
    expected = spec.configuration()
    return [
        Difference(
            name,
            setting,
            expected[setting],
            actual.settings[setting],
            f"kafka-configs.sh --alter --entity-type topics --entity-name {name} "
            f"--add-config {setting}={expected[setting]}",
        )
        for setting in CHECKED_SETTINGS
        if setting in expected and actual.settings[setting] != expected[setting]
    ]
