"""Pushes configuration and waits for what the control task says of it: the work of `streamproc apply` and `delete`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streamproc.cli.answers import Answer, answer_to
from streamproc.cli.configuration_files import FileRecord
from streamproc.cli.reading import follow, opened
from streamproc.domain.configuration import KINDS, Configuration
from streamproc.domain.judge import EXPECTED_VERSION, judge
from streamproc.errors import StreamprocError
from streamproc.runtime.kafka import Kafka
from streamproc.topics import INPUT_LIMIT, Topic

_Pushed = TypeVar("_Pushed")

if_version_option = click.option(
    "--if-version", type=click.IntRange(0), help="Only if this version of the object is in force."
)
timeout_option = click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), default=30, show_default=True, help="Seconds without verdict."
)


class NoVerdictError(StreamprocError):
    """Nobody has judged what was pushed."""

    def __init__(self, waiting: int, seconds: float) -> None:
        super().__init__(
            f"no verdict on {waiting} of the pushed records for {seconds:g} s: is a worker running "
            "(`streamproc worker`) with the same STREAMPROC_KAFKA and STREAMPROC_PREFIX? "
            "A worker that starts later will judge them; nothing has to be pushed again"
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """One record of a file, and its verdict as `config-verdicts` holds it.

    The verdict's `version` is None for a record that was not pushed, because the brokers could not have taken it.
    """

    record: FileRecord
    verdict: dict[str, Any]

    @property
    def accepted(self) -> bool:
        """Whether it was accepted, blocked or not."""
        return bool(self.verdict["accepted"])

    @property
    def answer(self) -> Answer:
        """The answer in one word."""
        return answer_to(accepted=self.accepted, blocked=self.verdict["blocked"])


async def push(
    kafka: Kafka, records: Sequence[FileRecord], *, expected_version: int | None = None, limit_seconds: float = 30
) -> AsyncIterator[Judged]:
    """Push records and yield each with its verdict, in the order of judging.

    One kind after the other (campaigns, segments, validation rules, distributions), each when the one before has
    been judged, so that nothing is told to be missing which comes with it. Raises `NoVerdictError` when no verdict
    comes for `limit_seconds`; pushing the same records again is harmless.
    """
    headers = _headers(expected_version)
    async with _opened(kafka) as (verdicts, producer):
        for kind in KINDS:
            waiting: dict[int, FileRecord] = {}
            for record in (one for one in records if one.kind == kind):
                key = _key(record)
                if key is None:
                    yield Judged(record, _verdict_here(record))
                else:
                    topic = kafka.physical(kind)
                    sent = await producer.send_and_wait(topic, record.value, key=key, headers=headers)
                    waiting[sent.offset] = record
            if waiting:
                async for record, verdict in _await_verdicts(verdicts, kind, waiting, limit_seconds):
                    yield Judged(record, verdict)


async def push_deletion(
    kafka: Kafka, kind: str, object_id: str, *, expected_version: int | None = None, limit_seconds: float = 30
) -> dict[str, Any]:
    """Push the deletion of an object and return its verdict. Raises `NoVerdictError` as `push` does."""
    async with _opened(kafka) as (verdicts, producer):
        topic = kafka.physical(kind)
        sent = await producer.send_and_wait(topic, None, key=object_id.encode(), headers=_headers(expected_version))
        judged = _await_verdicts(verdicts, kind, {sent.offset: object_id}, limit_seconds)
        return (await anext(judged))[1]


@asynccontextmanager
async def _opened(kafka: Kafka) -> AsyncIterator[tuple[AIOKafkaConsumer, AIOKafkaProducer]]:
    """Give a reader of the verdicts that come from now on, and a producer."""
    async with opened(kafka, [Topic.CONFIG_VERDICTS], at_end=True) as verdicts:
        producer = AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap,
            enable_idempotence=True,
            max_request_size=2 * INPUT_LIMIT,
            **kafka.security,
        )
        await producer.start()
        try:
            yield verdicts, producer
        finally:
            await producer.stop()


def _headers(expected_version: int | None) -> list[tuple[str, bytes]]:
    return [] if expected_version is None else [(EXPECTED_VERSION, str(expected_version).encode())]


async def _await_verdicts(
    reader: AIOKafkaConsumer, kind: str, waiting: dict[int, _Pushed], limit_seconds: float
) -> AsyncIterator[tuple[_Pushed, dict[str, Any]]]:
    """Yield what was pushed, by its version, with its verdict, until nothing is waiting any more."""
    clock = asyncio.get_running_loop()
    latest = clock.time()
    async for records in follow(reader):
        for record in records:
            verdict = orjson.loads(record.value) if record.value else {}
            if verdict.get("kind") == kind and verdict.get("version") in waiting:
                latest = clock.time()
                yield waiting.pop(verdict["version"]), verdict
        if not waiting:
            return
        if clock.time() - latest > limit_seconds:
            raise NoVerdictError(len(waiting), limit_seconds)


def _key(record: FileRecord) -> bytes | None:
    """Return the object's id, None for a record that no compacted topic would take or whose size it refuses."""
    if len(record.value) > INPUT_LIMIT:
        return None
    try:
        told = orjson.loads(record.value)
    except orjson.JSONDecodeError:
        return None
    identity = told.get("id") if isinstance(told, dict) else None
    return identity.encode() if isinstance(identity, str) and identity else None


def _verdict_here(record: FileRecord) -> dict[str, Any]:
    """Judge a record that cannot be pushed; the judge is the control task's, and such a record is wrong by itself."""
    verdict = judge(record.kind, None, record.value, record.version, None, Configuration())
    return verdict.as_json() | {"version": None, "in_force_version": None}
