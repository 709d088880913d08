"""What all tests may use: one real broker for the session and topic names of their own."""

import asyncio
import gc
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis  # see below
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from streamproc.local.kafka import kafka as local_or_existing_kafka
from streamproc.local.postgres import postgres as local_or_existing_postgres
from streamproc.runtime.compiled import stale_modules
from tests.support.databases import fresh_database

# Hypothesis is loaded here, before any test: loaded for the first time in the middle of a session by a plugin, while
# Faust's leftovers are collected, it can end CPython 3.11 with "AST constructor recursion depth mismatch".

# Quick compaction and takeover are what the tests need of a broker of their own.
_PROPERTIES = {"log.cleaner.backoff.ms": "200"}
# Temporary folders in memory, where there is room: making the topics of a test, and deleting them, takes a broker half
# the time. Whoever sets TMPDIR has their way, and a server that is killed loses nothing there.
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 8 * 1024**3
# The default, 700 objects, is a seventh of the time of property tests, which make many short-lived ones.
_GC_THRESHOLDS = (50_000, 20, 100)


def pytest_configure() -> None:
    """Refuse to test something else than the sources say; see that what the tests do all the time takes little time."""
    if stale := stale_modules():
        pytest.exit(f"older than its source: {stale[0].name}; run `make compile`, or `make pure`", returncode=2)
    gc.set_threshold(*_GC_THRESHOLDS)
    # An example that takes long has told of the other processes on the cores so far, never of our code.
    hypothesis.settings.register_profile("shared cores", deadline=None)
    hypothesis.settings.load_profile("shared cores")
    if "TMPDIR" not in os.environ and _is_roomy(_MEMORY):
        # By the variable too, for the processes that tests start.
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


def pytest_collection_finish() -> None:
    """Keep what was imported out of the collector's way: all of it stays until the end."""
    gc.collect()
    gc.freeze()


def _is_roomy(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= _ROOM_BYTES


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap address of a real broker: the one that STREAMPROC_KAFKA names, else one started for the session."""
    with local_or_existing_kafka(_PROPERTIES) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of a real PostgreSQL: the one that STREAMPROC_POSTGRES names, else one started for the session."""
    with local_or_existing_postgres() as address:
        yield address


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """Address of an empty database that no other test has."""
    with fresh_database(postgres) as address:
        yield address


@pytest.fixture
def no_collector() -> Iterator[None]:
    """No garbage collector: it frees nothing, and does not walk through all that the other tests have left."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def topic_prefix(kafka: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A prefix that no other test has; what was made under it is deleted afterwards."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    prefix = f"test-{name}-{uuid.uuid4().hex[:8]}."
    yield prefix
    with asyncio.Runner() as runner:
        runner.run(_delete_topics(kafka, prefix))


async def _delete_topics(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        if topics := [topic for topic in await admin.list_topics() if topic.startswith(prefix)]:
            await admin.delete_topics(topics)
    finally:
        await admin.close()
