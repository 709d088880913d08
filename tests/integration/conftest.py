"""What tests of whole workers may use."""

from collections.abc import AsyncIterator

import pytest

from streamproc.codes.postgres import PostgresLedger
from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.kafka import Kafka


@pytest.fixture
async def brokers(kafka: str, topic_prefix: str) -> Kafka:
    """All topics under a prefix of their own, those of customers with two partitions, and nobody who writes to them."""
    await create_topics(kafka, topic_prefix, 2, 1)
    return Kafka(kafka, topic_prefix)


@pytest.fixture
async def ledger(database: str) -> AsyncIterator[PostgresLedger]:
    """The ledger of a database that no other test has."""
    real = PostgresLedger(database)
    yield real
    await real.close()
