"""The oracle of long work: every sync, drop and tick reaches all customers in the moment in which it begins.

Slow and obvious on purpose; of the package nothing is used, of filters their own oracle.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from streamproc.local.naive_customers import merged
from tests.support.naive_filters import Known, filter_holds

Json = dict[str, Any]


@dataclass
class Customer:
    """One customer: what is known, for when, and where it belongs."""

    profile: Json
    now: datetime
    segments: set[str] = field(default_factory=set)


class AtOnce:
    """All customers; `told` are for each the causes, changes and segments that were told, in their order.

    `dated` are the segments whose answer changes as time passes.
    """

    def __init__(self, dated: set[str]) -> None:
        self.customers: dict[str, Customer] = {}
        self.told: dict[str, list[tuple[str, str, str]]] = {}
        self._dated = dated
        self._segments: dict[str, Json] = {}
        self._latest: datetime | None = None

    @property
    def memberships(self) -> dict[str, list[str]]:
        """The segments of each customer who is in any."""
        return {who: sorted(one.segments) for who, one in sorted(self.customers.items()) if one.segments}

    def take(self, who: str, profile: Json, at: datetime, cause: str, *, replaces: bool) -> None:
        """Take what is told of a customer."""
        known = self.customers.get(who)
        if known is not None:
            at = max(at, known.now)
        if self._latest is not None and self._dated & self._segments.keys():
            at = max(at, self._latest)
        before = {} if known is None or replaces else known.profile
        one = self.customers[who] = Customer(merged(before, profile), at, set() if known is None else known.segments)
        silent = {name for name, told in self._segments.items() if known is None and told["type"] == "static"}
        self._look_again(who, one, sorted(self._segments), at, cause, silent)

    def forget(self, who: str) -> None:
        """Forget a customer; nobody is told."""
        self.customers.pop(who, None)

    def sync(self, segment: Json, at: datetime) -> None:
        """Let a segment take effect, silently."""
        self._segments[segment["id"]] = segment
        self._move_on(at)
        for who, one in self.customers.items():
            self._look_again(who, one, [segment["id"]], max(at, one.now), "", {segment["id"]})

    def drop(self, segment_id: str, at: datetime) -> None:
        """Take a segment out, silently."""
        self._segments.pop(segment_id, None)
        self._move_on(at)
        for one in self.customers.values():
            one.segments.discard(segment_id)

    def tick(self, at: datetime) -> None:
        """Begin a day."""
        dated = sorted(self._dated & self._segments.keys())
        if not dated:
            return
        self._move_on(at)
        for who, one in self.customers.items():
            self._look_again(who, one, dated, max(at, one.now), f"tick:{at.date()}", set())

    def is_known(self, segment_id: str) -> bool:
        """Tell whether a segment is in force."""
        return segment_id in self._segments

    def _move_on(self, at: datetime) -> None:
        self._latest = at if self._latest is None else max(self._latest, at)

    def _look_again(
        self, who: str, one: Customer, segment_ids: list[str], at: datetime, cause: str, silent: set[str]
    ) -> None:
        for segment_id in segment_ids:
            segment = self._segments[segment_id]
            if segment["type"] == "static":
                holds = who in segment["customers"]
            else:
                holds = filter_holds(segment["filter"], Known(one.profile), at, UTC)
            if holds is (segment_id in one.segments):
                continue
            (one.segments.add if holds else one.segments.discard)(segment_id)
            if segment_id not in silent:
                self.told.setdefault(who, []).append((cause, "entered" if holds else "left", segment_id))
