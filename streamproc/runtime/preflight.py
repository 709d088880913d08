"""What must hold before a worker joins the group.

The brokers answer, they take part in transactions as `runtime.wire` needs it, the topics exist, partition counts agree.
"""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, UnknownTopicOrPartitionError, for_code

from streamproc.errors import SettingsError
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.listener import Listener
from streamproc.runtime.patience import patiently
from streamproc.runtime.wire import FinalizedFeatures

log = structlog.get_logger(__name__)

ASK_AGAIN_SECONDS = 1.0
EXISTS, MISSING = 0, UnknownTopicOrPartitionError.errno
TRANSACTIONS, TRANSACTIONS_LEVEL = "transaction.version", 2


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


async def require_transactions(kafka: Kafka) -> None:
    """Raise `SettingsError` unless the cluster has switched on the transactions that workers use."""
    level = (await patiently("asking for the brokers' features", lambda: _features(kafka))).get(TRANSACTIONS, 0)
    if level < TRANSACTIONS_LEVEL:
        raised = f"kafka-features.sh upgrade --feature {TRANSACTIONS}={TRANSACTIONS_LEVEL}"
        problem = f"the brokers have {TRANSACTIONS} {level}, and a worker needs {TRANSACTIONS_LEVEL}"
        raise SettingsError([f"{problem}: with Kafka 4.0 or newer on all of them, {raised}"])


async def _features(kafka: Kafka) -> dict[str, int]:
    """Return the features that are switched on, and their levels."""
    client = kafka.client("streamproc-preflight")
    try:
        await client.bootstrap()
        levels: dict[str, int] = await client.send(client.get_random_node(), FinalizedFeatures())
    except IncompatibleBrokerVersion:
        return {}
    finally:
        await client.close()
    return levels


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
