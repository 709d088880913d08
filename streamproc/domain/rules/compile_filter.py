"""From a checked filter to what decides about a customer's state, and what its answer hangs on."""

from datetime import tzinfo
from typing import Any

from streamproc.domain.attributes import beginnings, compile_attribute
from streamproc.domain.rules.attributes import may_be_a_date
from streamproc.domain.rules.check_filter import JUNCTION, filter_attributes
from streamproc.domain.rules.filters import Filter, FilterPart
from streamproc.domain.rules.operators import build_test, is_relative

#: With these a subject is looked up among the listed values; with any other it is compared with one after the other.
_LOOKED_UP = frozenset({"$is", "$in", "$is_not", "$not_in", "$not_differ", "$not_intersect"})


def count_comparisons(given: dict[str, Any]) -> int:
    """Return how many comparisons it takes, at most, to decide about one customer."""
    comparisons = 0
    for entry in filter_attributes(given).values():
        comparisons += 1
        for operator, value in (entry.get("conditions") or {}).items():
            comparisons += len(value) - 1 if type(value) is list and operator not in _LOOKED_UP else 0
    return comparisons


def compile_filter(given: dict[str, Any], zone: tzinfo) -> Filter:
    """Compile a filter that `check_filter` has passed; `zone` is where the project's days begin."""
    parts: list[FilterPart] = []
    reads: set[str] = set()
    depends_on_date = False
    for attribute, entry in filter_attributes(given).items():
        conditions = entry.get("conditions") or {}
        tests = [build_test(operator, value, "filter", zone) for operator, value in conditions.items()]
        parts.append(FilterPart(compile_attribute(attribute), tests))
        if tests:
            reads.update(beginnings(attribute))
        if may_be_a_date(attribute):
            depends_on_date |= any(is_relative(operator, value) for operator, value in conditions.items())
    junction = given.get(JUNCTION) or "and"
    return Filter(parts, frozenset(reads), wants_all=junction.lower() == "and", depends_on_date=depends_on_date)
