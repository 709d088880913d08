"""Compiled conditions: the function that decides, and the keys one of which has to be there for it to hold.

Checks take one argument: `Facts`, or inside a quantifier a scope over order lines. Joining them does not ask which.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from streamproc.domain.rules.logic import Expression

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


class Check:
    """Decides. A class, because compiled code calls its method directly, and finds what it needs near the object."""

    __slots__ = ()

    def holds(self, scope: Any) -> bool:
        """Tell whether it holds for these facts, or this scope."""
        raise NotImplementedError


class Function(Check):
    """A check that is any function."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[Any], bool]) -> None:
        self._function = function

    def holds(self, scope: Any) -> bool:
        """Ask the function."""
        return self._function(scope)


class AllOf(Check):
    """Holds when every part does."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Iterable[Check]) -> None:
        self._parts = tuple(parts)

    def holds(self, scope: Any) -> bool:
        """Ask the parts in their order."""
        for part in self._parts:  # noqa: SIM110  (a generator would cost more than the checks)
            if not part.holds(scope):
                return False
        return True


class AnyOf(Check):
    """Holds when some part does."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Iterable[Check]) -> None:
        self._parts = tuple(parts)

    def holds(self, scope: Any) -> bool:
        """Ask the parts in their order."""
        for part in self._parts:  # noqa: SIM110  (a generator would cost more than the checks)
            if part.holds(scope):
                return True
        return False


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

    check: Check
    accesses: tuple[Access, ...] = ()
    cost: int = 1
    parts: tuple["Condition", ...] = ()

    def holds(self, scope: Any) -> bool:
        """Tell whether the condition holds for these facts, or inside a quantifier for this scope."""
        return self.check.holds(scope)

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


ALWAYS = Condition(AllOf(()), cost=0)
NEVER = Condition(AnyOf(()), (Access(frozenset()),), 0)


def both(conditions: Iterable[Condition]) -> Condition:
    """Return the conjunction."""
    parts = tuple(sorted((part for part in conditions if not part.is_always), key=lambda part: part.cost))
    if any(part.is_never for part in parts):
        return NEVER
    if len(parts) < 2:
        return parts[0] if parts else ALWAYS
    accesses = tuple(access for part in parts for access in part.accesses)
    return Condition(AllOf(part.check for part in parts), accesses, sum(part.cost for part in parts), parts)


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
    return Condition(AnyOf(part.check for part in parts), accesses, sum(part.cost for part in parts))


def join(expression: Expression, parts: dict[str, Condition]) -> Condition:
    """Join the conditions of rules as their logic says."""
    if isinstance(expression, str):
        return parts[expression]
    joined = [join(part, parts) for part in expression.parts]
    return both(joined) if expression.word == "and" else either(joined)
