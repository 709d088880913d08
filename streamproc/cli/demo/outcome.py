"""What came out of a run: read back from the topics to their end, committed records only."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

import orjson

from streamproc.cli.reading import Consumed, read_to_end
from streamproc.runtime.kafka import Kafka
from streamproc.topics import CHANNELS, Topic, deliveries


@dataclass(frozen=True, slots=True)
class FoundJob:
    """One delivery job as it stands in its topic; `lane` is the topic and partition."""

    identity: str
    customer: str
    distribution: str
    version: int
    channel: str
    lane: tuple[str, int]


@dataclass(slots=True)
class Outcome:
    """Everything that came out; `jobs` in the order of each lane, the rest keyed as in the recount.

    `malformed` tells of records that contradict themselves: headers, key and body have to say the same.
    """

    jobs: list[FoundJob] = field(default_factory=list)
    decisions: Counter[tuple[str, str, str, int, str, str]] = field(default_factory=Counter)
    dead_letters: Counter[tuple[str, bytes | None, str]] = field(default_factory=Counter)
    malformed: list[str] = field(default_factory=list)


async def read_outcome(kafka: Kafka) -> Outcome:
    """Read all jobs, decisions and dead letters."""
    outcome = Outcome()
    topics = [*(deliveries(channel) for channel in CHANNELS), Topic.DECISIONS, Topic.DEAD_LETTERS]
    async for record in read_to_end(kafka, topics):
        topic = kafka.logical(record.topic)
        if topic == Topic.DECISIONS:
            _take_decision(outcome, record)
        elif topic == Topic.DEAD_LETTERS:
            reason = dict(record.headers)["reason"].decode()
            digest = hashlib.sha256(record.value or b"").hexdigest()
            outcome.dead_letters[reason, record.key, digest] += 1
        else:
            _take_job(outcome, topic, record)
    return outcome


def _take_decision(outcome: Outcome, record: Consumed) -> None:
    told = orjson.loads(record.value or b"{}")
    outcome.decisions[
        (record.key or b"").decode(),
        told["distribution_id"],
        told["channel"],
        told["channel_index"],
        told["reason"],
        told["cause"]["event_id"],
    ] += 1


def _take_job(outcome: Outcome, topic: str, record: Consumed) -> None:
    body = orjson.loads(record.value or b"{}")
    job = FoundJob(
        identity=body["id"],
        customer=body["customer"]["id"],
        distribution=body["distribution"]["id"],
        version=body["distribution"]["version"],
        channel=body["channel"],
        lane=(topic, record.partition),
    )
    outcome.jobs.append(job)
    told = {
        "job-id": job.identity,
        "distribution-id": job.distribution,
        "distribution-version": str(job.version),
        "cause-id": body["cause"]["event_id"],
    }
    headers = {name: value.decode() for name, value in record.headers}
    if headers != told or record.key != job.customer.encode() or topic != deliveries(job.channel):
        outcome.malformed.append(f"{topic}/{record.partition}/{record.offset}: headers, key and body differ")
