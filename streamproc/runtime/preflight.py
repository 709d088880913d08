"""What must hold before a worker joins the group: the brokers answer, the topics exist, partition counts agree."""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streamproc.errors import SettingsError
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.listener import Listener

log = structlog.get_logger(__name__)

ASK_AGAIN_SECONDS = 1.0
EXISTS = 0


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


async def require_topics(kafka: Kafka, together: Sequence[Sequence[str]]) -> None:
    """Raise `SettingsError` unless all topics exist and those of each group have the same number of partitions."""
    admin = kafka.admin()
    await admin.start()
    try:
        partitions = await _partitions(admin, kafka, sorted({topic for group in together for topic in group}))
    finally:
        await admin.close()
    missing = [kafka.physical(topic) for topic, count in partitions.items() if count == 0]
    if missing:
        raise SettingsError([f"no topic {name}: make the topics with streamproc topics create" for name in missing])
    problems = [_unequal(kafka, {topic: partitions[topic] for topic in group}) for group in together]
    if any(problems):
        raise SettingsError([problem for problem in problems if problem])


async def _partitions(admin: AIOKafkaAdminClient, kafka: Kafka, topics: Sequence[str]) -> dict[str, int]:
    described = await admin.describe_topics([kafka.physical(topic) for topic in topics])
    return {
        kafka.logical(topic["topic"]): len(topic["partitions"]) if topic["error_code"] == EXISTS else 0
        for topic in described
    }


def _unequal(kafka: Kafka, partitions: dict[str, int]) -> str:
    if len(set(partitions.values())) == 1:
        return ""
    counts = ", ".join(f"{kafka.physical(topic)} has {count}" for topic, count in sorted(partitions.items()))
    return f"one task reads and writes these topics, so they need the same number of partitions: {counts}"
