"""The release: a manual distribution on its way to its audience, from the one `send` in its life to its end.

A release is a value. What happens to it is a function that returns the release as it is afterwards, the receipts that
are due, and the orders to the partitions. Orders are answered in each partition (`domain.commands`), and one is
answered before the next is given, so the numbers in a receipt are final and add up.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

import orjson

from streamproc.domain.commands import Report
from streamproc.domain.receipts import Receipt, ReceiptKind
from streamproc.domain.walks import Part, Parts, decode_parts, encode_parts, note, total, unfinished

Phase = Literal["sending", "stopping", "stopped", "ending", "canceled", "done"]
OrderKind = Literal["send", "stop", "resume", "end"]
#: The phases in which nothing more will happen.
OVER: frozenset[Phase] = frozenset({"canceled", "done"})


@dataclass(frozen=True, slots=True)
class Order:
    """A command to be written, without what it carries; `number` counts the stops."""

    kind: OrderKind
    partitions: tuple[int, ...]
    number: int = 0


@dataclass(frozen=True, slots=True)
class Release:
    """One release.

    `version` is that of its jobs; `audience` what it was released to. `asked` is the version of the record that the
    stop or the end in hand will answer; `wanted` the version that waits to go on, once that stop is answered.
    """

    version: int
    released_at: int
    audience: str
    parts: Parts
    phase: Phase = "sending"
    stops: int = 0
    asked: int = 0
    wanted: int | None = None

    @property
    def unfinished(self) -> tuple[int, ...]:
        """The partitions in which something may be left."""
        return unfinished(self.parts)

    def encode(self) -> bytes:
        """Return the value of its record in the control task's state."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return orjson.dumps(told | {"parts": encode_parts(self.parts)})


def decode_release(value: bytes) -> Release:
    """Read a release back."""
    told = orjson.loads(value)
    return Release(**told | {"parts": decode_parts(told["parts"])})


@dataclass(slots=True)
class Transition:
    """What one change of a release comes to."""

    release: Release
    receipts: list[Receipt] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)

    def tell(self, kind: ReceiptKind, version: int, remaining: int | None = None) -> None:
        """Add a receipt with what the release has come to."""
        parts = self.release.parts
        self.receipts.append(Receipt(kind, version, total(parts, "emitted"), total(parts, "undeliverable"), remaining))


def begin(version: int, now: int, audience: str, partitions: tuple[int, ...]) -> Transition:
    """Release a distribution to these partitions."""
    transition = Transition(Release(version, now, audience, {partition: Part() for partition in partitions}))
    transition.tell("released", version)
    transition.orders.append(Order("send", partitions))
    return transition


def on_live(release: Release, version: int, *, is_ready: bool) -> Transition:
    """Take a further `live` record: while sending it is an edit that comes too late, after a stop it goes on."""
    if release.phase == "sending":
        transition = Transition(release)
        transition.tell("too_late", version)
        return transition
    if release.phase in {"stopping", "stopped"}:
        return settle(replace(release, wanted=version), is_ready=is_ready)
    return Transition(release)


def on_halt(release: Release, version: int) -> Transition:
    """Take a `paused` or `draft` record: it stops what is being sent, and what wanted to go on no longer does."""
    if release.phase == "sending":
        number = release.stops + 1
        stopping = replace(_unanswered(release), phase="stopping", stops=number, asked=version)
        return Transition(stopping, orders=[Order("stop", release.unfinished, number)])
    return Transition(replace(release, wanted=None))


def on_removed(release: Release, version: int) -> Transition:
    """Take the deletion of the distribution: it ends what was not over."""
    if release.phase in OVER or release.phase == "ending":
        return Transition(release)
    ending = replace(_unanswered(release), phase="ending", asked=version, wanted=None)
    return Transition(ending, orders=[Order("end", release.unfinished, release.stops)])


def on_report(release: Release, report: Report, number: int, *, is_ready: bool) -> Transition:
    """Take what a partition reports about an order, of a stop or resume with its number."""
    part = release.parts.get(report.partition)
    if part is None or release.phase in OVER:
        return Transition(release)
    part = note(part, report, finished=report.done and report.kind in {"send", "resume"})
    if report.done and _answers(release, report, number):
        part = replace(part, remaining=report.remaining, answered=True, finished=part.finished or not report.remaining)
    return settle(replace(release, parts={**release.parts, report.partition: part}), is_ready=is_ready)


def settle(release: Release, *, is_ready: bool) -> Transition:
    """Do what has become possible: end, note that it has stopped, and go on if that is wanted and nothing blocks it."""
    transition = Transition(release)
    if release.phase == "stopping" and _is_answered(release):
        if release.unfinished:
            transition.release = replace(release, phase="stopped")
            transition.tell("stopped", release.asked, total(release.parts, "remaining"))
        else:
            _end_too_late(transition)
    elif release.phase == "ending" and _is_answered(release):
        if release.unfinished:
            transition.release = replace(release, phase="canceled")
            transition.tell("canceled", release.asked, total(release.parts, "remaining"))
        else:
            _end_too_late(transition)
    elif release.phase == "sending" and not release.unfinished:
        _end(transition)
    release = transition.release
    if release.phase == "stopped" and release.wanted is not None and is_ready:
        transition.release = replace(release, phase="sending", version=release.wanted, wanted=None)
        transition.tell("resumed", transition.release.version)
        transition.orders.append(Order("resume", release.unfinished, release.stops))
    return transition


def _answers(release: Release, report: Report, number: int) -> bool:
    """Tell whether a report answers the order in hand, and not one before it."""
    if release.phase == "stopping":
        return report.kind == "stop" and number == release.stops
    return release.phase == "ending" and report.kind == "end"


def _is_answered(release: Release) -> bool:
    return all(part.answered or part.finished for part in release.parts.values())


def _unanswered(release: Release) -> Release:
    return replace(release, parts={number: replace(part, answered=False) for number, part in release.parts.items()})


def _end_too_late(transition: Transition) -> None:
    """Answer a stop or an end that has found nothing left."""
    transition.tell("too_late", transition.release.asked)
    _end(transition)


def _end(transition: Transition) -> None:
    transition.release = replace(transition.release, phase="done", wanted=None)
    transition.tell("done", transition.release.version)
