"""What must hold before a worker joins the group: the brokers answer, the topics exist, partition counts agree."""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code

from streamproc.errors import SettingsError
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.listener import Listener
from streamproc.runtime.patience import patiently

log = structlog.get_logger(__name__)

ASK_AGAIN_SECONDS = 1.0
EXISTS, MISSING = 0, UnknownTopicOrPartitionError.errno


async def wait_for_brokers(kafka: Kafka, listener: Listener) -> None:
    """Return when the brokers answer; ask for as long as it takes."""
    while True:
        admin = kafka.admin()
        try:
            await admin.start()
        except KafkaError as error:
            log.warning("brokers_do_not_answer", kafka=kafka.bootstrap, error=repr(error))
            listener.brokers_answer(answer=False)
            await asyncio.sleep(ASK_AGAIN_SECONDS)
        else:
            listener.brokers_answer(answer=True)
            return
        finally:
            await admin.close()


async def require_topics(kafka: Kafka, together: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return how many partitions each topic has.

    Raises `SettingsError` unless all exist and those of each group have the same number.
    """
    topics = sorted({topic for group in together for topic in group})
    partitions = await patiently("looking at the topics", lambda: _partitions(kafka, topics))
    missing = [kafka.physical(topic) for topic, count in partitions.items() if count == 0]
    if missing:
        raise SettingsError([f"no topic {name}: make the topics with streamproc topics create" for name in missing])
    problems = [_unequal(kafka, {topic: partitions[topic] for topic in group}) for group in together]
    if any(problems):
        raise SettingsError([problem for problem in problems if problem])
    return partitions


async def _partitions(kafka: Kafka, topics: Sequence[str]) -> dict[str, int]:
    """Return the number of partitions of each topic, 0 where there is none; raise what else the brokers say of one."""
    admin = kafka.admin()
    try:
        await admin.start()
        described = await admin.describe_topics([kafka.physical(topic) for topic in topics])
    finally:
        await admin.close()
    for topic in described:
        if topic["error_code"] not in {EXISTS, MISSING}:
            raise for_code(topic["error_code"])(topic["topic"])
    return {
        kafka.logical(topic["topic"]): len(topic["partitions"]) if topic["error_code"] == EXISTS else 0
        for topic in described
    }


def _unequal(kafka: Kafka, partitions: dict[str, int]) -> str:
    if len(set(partitions.values())) == 1:
        return ""
    counts = ", ".join(f"{kafka.physical(topic)} has {count}" for topic, count in sorted(partitions.items()))
    return f"one task reads and writes these topics, so they need the same number of partitions: {counts}"
