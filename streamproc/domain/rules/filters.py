"""Compiled filters: what decides about a customer's state at a time."""

from collections.abc import Sequence
from datetime import datetime

from streamproc.domain.attributes import ReadAttribute
from streamproc.domain.customers import CustomerState
from streamproc.domain.rules.values import Test


class FilterPart:
    """The conditions on one attribute."""

    __slots__ = ("_read", "_tests")

    def __init__(self, read: ReadAttribute, tests: Sequence[Test]) -> None:
        self._read = read
        self._tests = tuple(tests)

    def holds(self, state: CustomerState, now: datetime) -> bool:
        """Tell whether the attribute passes all tests."""
        subject = self._read(state)
        for test in self._tests:  # noqa: SIM110  (a generator would cost more than the tests)
            if not test(subject, now):
                return False
        return True


class Filter:
    """One compiled filter: all of its parts have to hold, or any.

    For one customer its answer can change when `domain.customers.changed` names something in `reads`, and, if it
    `depends_on_date`, as time passes.
    """

    __slots__ = ("_parts", "_wants_all", "depends_on_date", "reads")

    def __init__(
        self, parts: Sequence[FilterPart], reads: frozenset[str], *, wants_all: bool, depends_on_date: bool
    ) -> None:
        self._parts = tuple(parts)
        self._wants_all = wants_all
        self.reads = reads
        self.depends_on_date = depends_on_date

    def holds(self, state: CustomerState, now: datetime) -> bool:
        """Decide about a state at a time."""
        for part in self._parts:
            if part.holds(state, now) is not self._wants_all:
                return not self._wants_all
        return self._wants_all
