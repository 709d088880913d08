"""What came out of a run: read back from the topics to their end, committed records only."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from streamproc.cli.reading import read_to_end
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
    changes: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    dead_letters: Counter[tuple[str, bytes | None, str]] = field(default_factory=Counter)
    receipts: Counter[tuple[str, int, str, int, int]] = field(default_factory=Counter)
    malformed: list[str] = field(default_factory=list)

    def take(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]],
    ) -> None:
        """Take one record of a logical topic."""
        told = {name: (text or b"").decode() for name, text in headers}
        if topic == Topic.DEAD_LETTERS:
            self.dead_letters[told["reason"], key, hashlib.sha256(value or b"").hexdigest()] += 1
        elif topic == Topic.DECISIONS:
            self._take_decision(key, orjson.loads(value or b"{}"))
        elif topic == Topic.DISTRIBUTION_LOG:
            self._take_log(orjson.loads(value or b"{}"))
        elif topic == Topic.SEGMENT_CHANGES:
            body = orjson.loads(value or b"{}")
            self.changes[body["customer_id"], body["segment_id"], body["change"], cause_id(body["cause"])] += 1
        else:
            self._take_job(topic, partition, key, orjson.loads(value or b"{}"), told)

    def _take_decision(self, key: bytes | None, body: dict[str, Any]) -> None:
        customer, distribution, cause = (key or b"").decode(), body["distribution_id"], cause_id(body["cause"])
        self.decisions[customer, distribution, body["channel"], body["channel_index"], body["reason"], cause] += 1

    def _take_log(self, body: dict[str, Any]) -> None:
        if "receipt" in body:
            distribution = body["distribution_id"]
            place = sum(count for receipt, count in self.receipts.items() if receipt[0] == distribution)
            self.receipts[distribution, place, body["receipt"], body["emitted"], body["undeliverable"]] += 1

    def _take_job(
        self, topic: str, partition: int, key: bytes | None, body: dict[str, Any], headers: dict[str, str]
    ) -> None:
        job = FoundJob(
            identity=body["id"],
            customer=body["customer"]["id"],
            distribution=body["distribution"]["id"],
            version=body["distribution"]["version"],
            channel=body["channel"],
            lane=(topic, partition),
        )
        self.jobs.append(job)
        due = {
            "job-id": job.identity,
            "distribution-id": job.distribution,
            "distribution-version": str(job.version),
            "cause-id": cause_id(body["cause"]),
        }
        if headers != due or key != job.customer.encode() or topic != deliveries(job.channel):
            self.malformed.append(f"{job.identity} in {topic}/{partition}: topic, headers, key and body differ")


def cause_id(cause: dict[str, Any]) -> str:
    """Return the id of a cause: of the release, event or record that set it off, and the change that this led to."""
    if "release" in cause:
        return f"release:{cause['release']}"
    first = str(cause.get("event_id") or cause["record"])
    return f"{first}#{cause['via']}" if "via" in cause else first


async def read_outcome(kafka: Kafka) -> Outcome:
    """Read all jobs, decisions, changes of membership, dead letters and receipts."""
    outcome = Outcome()
    rest = (Topic.DECISIONS, Topic.SEGMENT_CHANGES, Topic.DEAD_LETTERS, Topic.DISTRIBUTION_LOG)
    topics = [*(deliveries(channel) for channel in CHANNELS), *rest]
    async for record in read_to_end(kafka, topics):
        outcome.take(kafka.logical(record.topic), record.partition, record.key, record.value, record.headers)
    return outcome
