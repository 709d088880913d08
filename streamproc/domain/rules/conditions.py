"""Compiled conditions: the function that decides, and the keys one of which has to be there for it to hold.

Functions take one argument: `Facts`, or inside a quantifier a scope over order lines. Joining them does not ask which.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from streamproc.domain.rules.logic import Expression

Holds = Callable[[Any], bool]
Source = Literal[
    "customer.segment",
    "customer.metadata",
    "order.metadata",
    "custom_event.metadata",
    "loyalty_tier",
    "product",
    "sku",
    "products_collection",
]
Key = tuple[Source, Hashable]


@dataclass(frozen=True, slots=True, eq=False)
class Access:
    """Keys of which an event must carry one for a condition to hold; no keys at all: it never holds.

    `is_exact` says that carrying one is also enough.
    """

    keys: frozenset[Key]
    is_exact: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One compiled condition.

    `accesses` are alternatives: an index may be built on any of them. `parts` are those of a conjunction, and `cost`
    orders them: cheap ones first.
    """

    holds: Holds
    accesses: tuple[Access, ...] = ()
    cost: int = 1
    parts: tuple["Condition", ...] = ()

    @property
    def is_never(self) -> bool:
        """Whether the condition cannot hold."""
        return any(not access.keys for access in self.accesses)

    @property
    def is_always(self) -> bool:
        """Whether the condition holds whatever the event."""
        return self is ALWAYS

    def beyond(self, access: Access) -> "Condition":
        """Return what is left to decide when an event carries a key of one of the accesses."""
        if not access.is_exact:
            return self
        if access in self.accesses and not self.parts:
            return ALWAYS
        return both(part.beyond(access) if access in part.accesses else part for part in self.parts)


ALWAYS = Condition(lambda _facts: True, cost=0)
NEVER = Condition(lambda _facts: False, (Access(frozenset()),), 0)


def both(conditions: Iterable[Condition]) -> Condition:
    """Return the conjunction."""
    parts = tuple(sorted((part for part in conditions if not part.is_always), key=lambda part: part.cost))
    if any(part.is_never for part in parts):
        return NEVER
    if len(parts) < 2:
        return parts[0] if parts else ALWAYS
    accesses = tuple(access for part in parts for access in part.accesses)
    return Condition(_all_of([part.holds for part in parts]), accesses, sum(part.cost for part in parts), parts)


def either(conditions: Iterable[Condition]) -> Condition:
    """Return the disjunction."""
    parts = sorted((part for part in conditions if not part.is_never), key=lambda part: part.cost)
    if any(part.is_always for part in parts):
        return ALWAYS
    if len(parts) < 2:
        return parts[0] if parts else NEVER
    accesses: tuple[Access, ...] = ()
    if all(part.accesses for part in parts):
        # One of the parts has to hold, so one of the keys that each needs has to be there.
        chosen = [min(part.accesses, key=lambda access: len(access.keys)) for part in parts]
        exact = all(access.is_exact and not part.parts for access, part in zip(chosen, parts, strict=True))
        accesses = (Access(frozenset[Key]().union(*(access.keys for access in chosen)), exact),)
    return Condition(_any_of([part.holds for part in parts]), accesses, sum(part.cost for part in parts))


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
