"""Receipts: the answer to each change of a manual distribution, and what it had come to by then."""

from dataclasses import dataclass
from typing import Literal

ReceiptKind = Literal["held", "replaced", "canceled", "released", "stopped", "resumed", "done", "too_late"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one change.

    `version` is that of the pushed record which is answered; of a release and its end, that of the jobs. `emitted` and
    `undeliverable` are sums since the release. `remaining` are the customers not reached, where something was stopped.
    """

    kind: ReceiptKind
    version: int
    emitted: int = 0
    undeliverable: int = 0
    remaining: int | None = None
    #: What may go wrong and need not, of a release.
    warning: str | None = None


def codes_warning(campaign_id: str, needed: int | None, free: int | None) -> str | None:
    """Return the warning of a release to so many customers; None, if there are codes for all of them.

    What is None could not be counted in time, and that is a warning too.
    """
    if needed is None:
        return f"codes_not_counted: how many of {campaign_id} are needed is not known"
    if free is None:
        return f"codes_not_counted: up to {needed} of {campaign_id} are needed, how many are free is not known"
    return f"not_enough_codes: up to {needed} of {campaign_id} are needed, {free} are free" if free < needed else None
