"""What an input gets: the closed list of outcomes, and of the reasons for those that are not `processed`."""

from dataclasses import dataclass
from typing import Literal

OutcomeName = Literal["processed", "ignored", "duplicate", "dead_letter"]
DeadLetterReason = Literal[
    "too_large", "invalid_json", "invalid_event", "wrong_key", "segment_is_computed", "unexpected_error"
]
IgnoredReason = Literal["unknown_type", "own_publication"]
Step = Literal["check", "state", "segments", "matching", "jobs"]


@dataclass(frozen=True, slots=True)
class Parked:
    """The input becomes a dead letter.

    `detail` says what is wrong without any of the customer's data; `step` is how far the work had come; `type` is
    the event's type where it could be read and is known.
    """

    reason: DeadLetterReason
    detail: str
    step: Step = "check"
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """The input is passed over on purpose and changes nothing; `type` as in `Parked`."""

    reason: IgnoredReason
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The event has been processed already; this time it changes nothing."""

    type: str


#: Every way in which an input is not processed.
Refusal = Parked | Ignored | Duplicate


def outcome_of(refusal: Refusal | None) -> tuple[OutcomeName, DeadLetterReason | IgnoredReason | None]:
    """Name the outcome of an input, with its reason if there is one; None is an input that was processed."""
    match refusal:
        case None:
            return "processed", None
        case Parked():
            return "dead_letter", refusal.reason
        case Ignored():
            return "ignored", refusal.reason
        case Duplicate():
            return "duplicate", None
