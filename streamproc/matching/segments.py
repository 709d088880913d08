"""Computed segments, static and dynamic: compiled, and indexed so that a change meets only those that it may touch."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, tzinfo
from operator import attrgetter
from typing import Literal

from streamproc.domain.configuration import InForce
from streamproc.domain.customers import CustomerState
from streamproc.domain.rules import Filter, compile_filter

# Sets of changes whose segments are kept at hand; customers' changes are of few sorts.
_KEPT = 1_000


class ComputedSegment:
    """One segment whose members are found here.

    Who belongs to it can change with what `reads` names (as `domain.customers.changed` does), and as time passes if it
    `depends_on_date`.
    """

    __slots__ = ("_customers", "_filter", "depends_on_date", "id", "name", "reads", "type", "version")

    def __init__(self, in_force: InForce, zone: tzinfo) -> None:
        record = in_force.record
        self.id = in_force.id
        self.type: Literal["static", "dynamic"] = record["type"]
        self.version = in_force.version
        self.name: str = record["name"]
        self._customers: frozenset[str] = frozenset(record["customers"] if self.type == "static" else ())
        self._filter: Filter | None = compile_filter(record["filter"], zone) if self.type == "dynamic" else None
        self.reads: frozenset[str] = frozenset() if self._filter is None else self._filter.reads
        self.depends_on_date = self._filter is not None and self._filter.depends_on_date

    def holds(self, state: CustomerState, customer_id: str, now: datetime) -> bool:
        """Tell whether a customer, by state and id, belongs to it at a time."""
        if self._filter is None:
            return customer_id in self._customers
        return self._filter.holds(state, now)


class ComputedSegments:
    """The computed segments of a task, by id; `zone` is where the project's days begin."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._segments: dict[str, ComputedSegment] = {}
        self._is_stale = False
        # Made anew when first needed after a change, since many segments may come at once: all by id, those that
        # depend on the date, by each name those that read it, and what was found for some changes already.
        self._sorted: tuple[ComputedSegment, ...] = ()
        self._dated: tuple[ComputedSegment, ...] = ()
        self._readers: dict[str, set[ComputedSegment]] = {}
        self._names: frozenset[str] = frozenset()
        self._found: dict[frozenset[str], tuple[ComputedSegment, ...]] = {}

    def put(self, segment_id: str, in_force: InForce | None) -> None:
        """Take in a segment, in the place of its earlier version; None, or an external one, takes it out."""
        self._segments.pop(segment_id, None)
        if in_force is not None and in_force.record["type"] != "external":
            self._segments[segment_id] = ComputedSegment(in_force, self._zone)
        self._is_stale = True

    def get(self, segment_id: str) -> ComputedSegment | None:
        """Return a segment, None for one that is not computed here."""
        return self._segments.get(segment_id)

    def __len__(self) -> int:
        return len(self._segments)

    def __iter__(self) -> Iterator[ComputedSegment]:
        """Yield all, by id."""
        if self._is_stale:
            self._renew()
        return iter(self._sorted)

    @property
    def depend_on_date(self) -> bool:
        """Whether the answer of one of them may be another one as time passes."""
        if self._is_stale:
            self._renew()
        return bool(self._dated)

    def affected(self, changed: Collection[str]) -> Sequence[ComputedSegment]:
        """Return those whose answer about a customer may be another one after these changes of it, by id.

        `changed` is what `domain.customers.changed` names. They read something of that, or depend on the date.
        """
        if self._is_stale:
            self._renew()
        names = self._names.intersection(changed)
        if not names:
            return self._dated
        found = self._found.get(names)
        if found is None:
            reading = set[ComputedSegment]().union(*(self._readers[name] for name in names))
            found = tuple(one for one in self._sorted if one.depends_on_date or one in reading)
            if len(self._found) >= _KEPT:
                self._found.clear()
            self._found[names] = found
        return found

    def _renew(self) -> None:
        self._sorted = tuple(sorted(self._segments.values(), key=attrgetter("id")))
        self._dated = tuple(one for one in self._sorted if one.depends_on_date)
        self._readers = {}
        for one in self._sorted:
            for name in one.reads:
                self._readers.setdefault(name, set()).add(one)
        self._names = frozenset(self._readers)
        self._found = {}
        self._is_stale = False
