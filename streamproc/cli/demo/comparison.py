"""Compares what came out with what had to: nothing missing, nothing twice, nothing else, and in order."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from streamproc.cli.demo.outcome import FoundJob, Outcome
from streamproc.local.recount import ExpectedJob, Recount

_EXAMPLES = 3
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the outcome: how many things it was asked of, and what is wrong with some of them."""

    name: str
    asked: int
    wrong: int
    examples: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return self.wrong == 0


def compare(expected: Recount, outcome: Outcome, versions: Mapping[str, int]) -> list[Check]:
    """Ask everything that can be asked; `versions` are those of the distributions in force."""
    found = Counter(job.identity for job in outcome.jobs)
    return [
        _check("jobs missing", len(expected.jobs), (_told(expected.jobs[job]) for job in expected.jobs.keys() - found)),
        _check("jobs that should not be", len(found), found.keys() - expected.jobs),
        _check("jobs twice", len(found), (job for job, count in found.items() if count > 1)),
        _check("jobs out of order for their customer", len(found), _out_of_order(expected.jobs, outcome.jobs)),
        _check("jobs of another version", len(found), _other_versions(outcome.jobs, versions)),
        _check("jobs that contradict themselves", len(found), outcome.malformed),
        *_same("decisions", expected.decisions, outcome.decisions),
        *_same("changes of membership", expected.changes, outcome.changes),
        *_same("dead letters", expected.dead_letters, outcome.dead_letters),
        *_same("receipts", expected.receipts, outcome.receipts),
    ]


def compare_counts(expected: Recount, counted: Mapping[str, int]) -> Check:
    """Compare the worker's own count of events by outcome with the recount's."""
    due = {
        "processed": expected.processed,
        "ignored": expected.ignored,
        "duplicate": expected.duplicates,
        "dead_letter": expected.dead_letters.total(),
    }
    wrong = (
        f"{outcome}: counted {counted.get(outcome, 0)}, not {due.get(outcome, 0)}"
        for outcome in sorted(due.keys() | counted.keys())
        if counted.get(outcome, 0) != due.get(outcome, 0)
    )
    return _check("events by outcome, in the worker's own count", sum(due.values()), wrong)


def _same(name: str, expected: Counter[_Key], found: Counter[_Key]) -> tuple[Check, Check]:
    return (
        _check(f"{name} missing", expected.total(), (str(one) for one in (expected - found).elements())),
        _check(f"{name} that should not be", found.total(), (str(one) for one in (found - expected).elements())),
    )


def _out_of_order(expected: Mapping[str, ExpectedJob], jobs: Iterable[FoundJob]) -> Iterable[str]:
    """Yield each job that stands after one of a later event of its customer."""
    latest: dict[tuple[str, int, str], int] = {}
    for job in jobs:
        due = expected.get(job.identity)
        if due is None:
            continue
        lane = (*job.lane, job.customer)
        if due.place < latest.get(lane, 0):
            yield f"{job.identity} of {job.customer} in {job.lane[0]}/{job.lane[1]}"
        latest[lane] = max(due.place, latest.get(lane, 0))


def _other_versions(jobs: Iterable[FoundJob], versions: Mapping[str, int]) -> Iterable[str]:
    return (
        f"{job.identity}: {job.distribution} version {job.version}, in force is {versions.get(job.distribution)}"
        for job in jobs
        if job.version != versions.get(job.distribution)
    )


def _told(job: ExpectedJob) -> str:
    return f"{job.distribution} by {job.channel} to {job.customer}, for record {job.place}"


def _check(name: str, asked: int, wrong: Iterable[str]) -> Check:
    listed = list(wrong)
    return Check(name, asked, len(listed), tuple(listed[:_EXAMPLES]))
