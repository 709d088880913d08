"""The books of manual releases: jobs on the topics, receipts in the log and what was pushed, compared with each other.

Counted without anything of what decides: who belongs to a segment follows from the customers as they were written.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from streamproc.domain.partitions import partition_of
from streamproc.topics import Topic, deliveries
from tests.crash.release_run import CHANNELS, HOLD_SECONDS, PARTITIONS, Life, ReleaseRun
from tests.support.streams import read, read_json

Json = dict[str, Any]
Job = tuple[str, str, str, int]
"""Id, customer, channel and version."""

# What the receipts of one life can be, one after the other.
_HELD = r"held (replaced )*"
_SENT = r"released (too_late |stopped resumed )*((stopped )?canceled |done )"
_LIFE = re.compile(rf"({_HELD}canceled )*({_HELD}{_SENT})?")


@dataclass
class Books:
    """What does not add up. `told` says it for people, the rest counts it."""

    lives: int = 0
    jobs: int = 0
    receipts: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    twice: int = 0
    unasked: int = 0
    told: list[str] = field(default_factory=list)

    @property
    def add_up(self) -> bool:
        """Say whether nothing is wrong."""
        return not (self.missing or self.twice or self.unasked or self.told)

    def __str__(self) -> str:
        receipts = ", ".join(f"{number} {kind}" for kind, number in sorted(self.receipts.items()))
        wrong = f"{self.missing} missing, {self.twice} twice, {self.unasked} unasked"
        return f"{self.lives} distributions, {self.jobs:,} jobs; {receipts}; {wrong}" + "".join(
            f"\n  {told}" for told in self.told[:20]
        )


async def close_books(run: ReleaseRun) -> Books:
    """Compare everything, for each distribution that was pushed."""
    jobs: dict[str, list[Job]] = defaultdict(list)
    for channel in CHANNELS:
        for record in await read(run.kafka, deliveries(channel)):
            job = orjson.loads(record.value or b"")
            distribution = job["distribution"]
            jobs[distribution["id"]].append((job["id"], job["customer"]["id"], job["channel"], distribution["version"]))
    undeliverable = Counter(one["distribution_id"] for one in await read_json(run.kafka, Topic.DECISIONS))
    books = Books(lives=len(run.lives), jobs=sum(map(len, jobs.values())))
    for life in run.lives.values():
        _Audit(run, life, jobs.pop(life.id, []), undeliverable[life.id], books).check()
    if jobs:
        books.told.append(f"jobs of {sorted(jobs)}")
    return books


class _Audit:
    """One distribution."""

    def __init__(self, run: ReleaseRun, life: Life, jobs: list[Job], undeliverable: int, books: Books) -> None:
        self._run = run
        self._life = life
        self._jobs = jobs
        self._undeliverable = undeliverable
        self._books = books
        self._receipts = [entry for entry in run.log[life.id] if "receipt" in entry]
        self._kinds = [entry["receipt"] for entry in self._receipts]

    def check(self) -> None:
        self._books.receipts.update(self._kinds)
        self._check_order()
        self._check_before_release()
        self._check_jobs()
        self._check_sums()

    def _expect(self, holds: object, what: str) -> None:
        if not holds:
            pushed = [(one.version, one.status) for one in self._life.pushed]
            told = [(one["receipt"], one["version"], one["emitted"], one.get("remaining")) for one in self._receipts]
            self._books.told.append(f"{self._life.id}, {what}: pushed {pushed}, receipts {told}")

    def _check_order(self) -> None:
        told = "".join(f"{kind} " for kind in self._kinds)
        self._expect(_LIFE.fullmatch(told), "receipts in an order that cannot be")
        statuses = {one.version: one.status for one in self._life.pushed}
        for entry in self._receipts:
            status = statuses.get(entry["version"], "unknown")
            answers: dict[str, set[str | None]] = {
                "canceled": {"paused", "draft", None},
                "stopped": {"paused", "draft"},
                "too_late": {"live", "paused", "draft", None},
            }
            self._expect(status in answers.get(entry["receipt"], {"live"}), f"{entry['receipt']} for {status}")

    def _check_before_release(self) -> None:
        """Until the release each change has its receipt, and what is released is the version that was last held."""
        place = self._kinds.index("released") if "released" in self._kinds else len(self._kinds)
        released = self._receipts[place] if place < len(self._kinds) else None
        expected: list[tuple[str, int]] = []
        held = None
        for one in self._life.pushed:
            if released is not None and one.version > released["version"]:
                break
            if one.status == "live":
                expected.append(("replaced" if held else "held", one.version))
                held = held or one
            elif held:
                expected.append(("canceled", one.version))
                held = None
        before = [(entry["receipt"], entry["version"]) for entry in self._receipts[:place]]
        self._expect(before == expected, f"instead of {expected}")
        if released is not None and held is not None:
            self._expect(expected[-1][1] == released["version"], "another version released than held")
            after = _milliseconds(released["at"]) - held.at
            self._expect(after >= HOLD_SECONDS * 1000, f"released after {after} ms")
            in_time = [one.version for one in self._life.pushed if one.at < held.at + HOLD_SECONDS * 1000]
            self._expect(in_time[-1] <= released["version"], f"released without {in_time[-1]}, pushed in time")

    def _check_jobs(self) -> None:
        """Nobody twice; everybody when it is done, and in each partition the first ones when it was broken off."""
        sent = Counter((customer, channel) for _, customer, channel, _ in self._jobs)
        self._books.twice += sent.total() - len(sent)
        ids = {job_id for job_id, *_ in self._jobs}
        self._expect(len(ids) == len(sent), "job ids do not tell the same as customers and channels")
        members = [one for one in self._run.customers if one.plan in self._life.plans]
        wanted = {(one.id, channel) for one in members for channel in one.channels}
        self._books.unasked += len(sent.keys() - wanted)
        if "released" not in self._kinds:
            self._books.unasked += len(sent)
        elif self._kinds[-1] == "done":
            self._books.missing += len(wanted - sent.keys())
            nobody = sum(len(CHANNELS) - len(one.channels) for one in members)
            self._expect(self._receipts[-1]["undeliverable"] == nobody, f"{nobody} had to be undeliverable")
        else:
            self._check_broken_off({customer for customer, _ in sent}, self._receipts[-1]["remaining"])

    def _check_broken_off(self, reached: set[str], remaining: int) -> None:
        least = most = 0
        for partition in range(PARTITIONS):
            here = [one for one in self._run.customers if partition_of(one.id.encode(), PARTITIONS) == partition]
            places = [place for place, one in enumerate(here) if one.plan in self._life.plans and one.channels]
            got = [place for place in places if here[place].id in reached]
            self._books.missing += len(places[: len(got)]) - len(set(places[: len(got)]) & set(got))
            most += len(here) - (got[-1] + 1 if got else 0)
            least += len(here) - (places[len(got)] if len(got) < len(places) else len(here))
        self._expect(least <= remaining <= most, f"between {least} and {most} customers were not reached")

    def _check_sums(self) -> None:
        """What went out between two receipts bears the version that the first of them names."""
        by_version: Counter[int] = Counter()
        version, emitted = None, 0
        for entry in self._receipts:
            if entry["receipt"] in {"stopped", "canceled", "done"} and version is not None:
                by_version[version] += entry["emitted"] - emitted
                emitted = entry["emitted"]
            if entry["receipt"] in {"released", "resumed"}:
                version = entry["version"]
        really = Counter(version for *_, version in self._jobs)
        self._expect(really == +by_version, f"jobs by version {dict(really)} and not {dict(by_version)}")
        if self._receipts:
            told = self._receipts[-1]["undeliverable"]
            self._expect(told == self._undeliverable, f"{self._undeliverable} decisions and not {told}")


def _milliseconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp() * 1000
