"""Compiled conditions: the function that decides, and the keys one of which has to be there for it to hold.

Functions take one argument: `Facts`, or inside a quantifier a scope over order lines. Joining them does not ask which.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from streamproc.domain.rules.logic import Expression

Holds = Callable[[Any], bool]
Source = Literal[
    "customer.segment", "customer.metadata", "order.metadata", "custom_event.metadata", "loyalty_tier", "order.items"
]
Key = tuple[Source, Hashable]


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One compiled condition.

    `keys` holds alternatives: for the condition to hold, an event must carry at least one key of *each* alternative.
    An alternative without keys says that it never holds. `cost` orders the parts of a conjunction: cheap ones first.
    """

    holds: Holds
    keys: tuple[frozenset[Key], ...] = ()
    cost: int = 1

    @property
    def is_never(self) -> bool:
        """Whether the condition cannot hold."""
        return frozenset() in self.keys

    @property
    def is_always(self) -> bool:
        """Whether the condition holds whatever the event."""
        return self is ALWAYS


ALWAYS = Condition(lambda _facts: True, cost=0)
NEVER = Condition(lambda _facts: False, (frozenset(),), 0)


def both(conditions: Iterable[Condition]) -> Condition:
    """Return the conjunction."""
    parts = sorted((part for part in conditions if not part.is_always), key=lambda part: part.cost)
    if any(part.is_never for part in parts):
        return NEVER
    if len(parts) < 2:
        return parts[0] if parts else ALWAYS
    keys = tuple(dict.fromkeys(alternative for part in parts for alternative in part.keys))
    return Condition(_all_of([part.holds for part in parts]), keys, sum(part.cost for part in parts))


def either(conditions: Iterable[Condition]) -> Condition:
    """Return the disjunction."""
    parts = sorted((part for part in conditions if not part.is_never), key=lambda part: part.cost)
    if any(part.is_always for part in parts):
        return ALWAYS
    if len(parts) < 2:
        return parts[0] if parts else NEVER
    keys: tuple[frozenset[Key], ...] = ()
    if all(part.keys for part in parts):
        # One of the parts has to hold, so one of the keys that each needs has to be there.
        keys = (frozenset[Key]().union(*(min(part.keys, key=len) for part in parts)),)
    return Condition(_any_of([part.holds for part in parts]), keys, sum(part.cost for part in parts))


def join(expression: Expression, parts: dict[str, Condition]) -> Condition:
    """Join the conditions of rules as their logic says."""
    if isinstance(expression, str):
        return parts[expression]
    joined = [join(part, parts) for part in expression.parts]
    return both(joined) if expression.word == "and" else either(joined)


def _all_of(parts: Sequence[Holds]) -> Holds:
    if len(parts) == 2:
        first, second = parts
        return lambda facts: first(facts) and second(facts)
    if len(parts) == 3:
        one, two, three = parts
        return lambda facts: one(facts) and two(facts) and three(facts)
    listed = tuple(parts)

    def holds(facts: Any) -> bool:
        for part in listed:  # noqa: SIM110  (a generator would cost more than the tests)
            if not part(facts):
                return False
        return True

    return holds


def _any_of(parts: Sequence[Holds]) -> Holds:
    if len(parts) == 2:
        first, second = parts
        return lambda facts: first(facts) or second(facts)
    listed = tuple(parts)

    def holds(facts: Any) -> bool:
        for part in listed:  # noqa: SIM110  (a generator would cost more than the tests)
            if part(facts):
                return True
        return False

    return holds
