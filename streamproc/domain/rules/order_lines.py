"""Rules over order lines: quantifiers with their sub-rules, and the older `product.id` and `sku.id`.

Sub-rules of a quantifier are decided line by line; what is aggregated is summed once, over all lines that match.
"""

from collections.abc import Callable
from typing import Any

from streamproc.domain.facts import Facts
from streamproc.domain.lines import Kind, Line, Reference
from streamproc.domain.rules.conditions import Access, Check, Condition, Function
from streamproc.domain.rules.references import read_references

Holds = Callable[[Facts], bool]


class LineScope:
    """What sub-rules read inside a quantifier: the line at hand, the lines that match, and the facts around.

    Inside `product.id` and `sku.id` there is no line at hand; the matching lines are judged together.
    """

    __slots__ = ("_amount", "_decided", "_quantity", "facts", "line", "matching", "now")

    def __init__(self, facts: Facts, matching: list[Line]) -> None:
        self.facts = facts
        self.now = facts.now
        self.matching = matching
        self.line = matching[0]
        self._quantity: int | float | None = None
        self._amount: int | float | None = None
        self._decided: dict[Check, bool] | None = None

    @property
    def quantity(self) -> int | float:
        """The pieces of all matching lines."""
        if self._quantity is None:
            self._quantity = sum(line.pieces for line in self.matching)
        return self._quantity

    @property
    def amount(self) -> int | float:
        """The amount of all matching lines."""
        if self._amount is None:
            self._amount = sum(line.amount for line in self.matching)
        return self._amount

    def decide_around(self, check: Check) -> bool:
        """Decide about the facts around, once for all lines: else quantifiers in quantifiers would multiply."""
        decided = self._decided
        if decided is None:
            decided = self._decided = {}
        if check not in decided:
            decided[check] = check.holds(self.facts)
        return decided[check]


def compile_quantifier(name: str, conditions: dict[str, Any], inside: Condition) -> Condition:
    """Compile `order.items.any` and the like; `inside` are its sub-rules, checks of a `LineScope`."""
    of = read_references(conditions["$is"]) if "$is" in conditions else None
    within = read_references(conditions["$from"]) if "$from" in conditions else None
    holds = _QUANTIFIERS[name](_Wanted(of), _Wanted(within), None if inside.is_always else inside.check)
    accesses: tuple[Access, ...] = ()
    if name != "order.items.none":
        alone = name == "order.items.any" and within is None and inside.is_always
        accesses = (*_access(of, is_exact=alone), *_access(within, is_exact=False))
    return Condition(Function(holds), accesses, 20 + inside.cost)


def compile_item(kind: Kind, conditions: dict[str, Any], inside: Condition) -> Condition:
    """Compile `product.id` or `sku.id`: some line is of it, and the sub-rules hold for such lines together."""
    of = read_references(conditions["$is"], kind) if "$is" in conditions else None
    wanted, satisfied = _Wanted(of), None if inside.is_always else inside.check

    def holds(facts: Facts) -> bool:
        matching = [line for line in facts.lines if wanted.takes(line)]
        return bool(matching) and (satisfied is None or satisfied.holds(LineScope(facts, matching)))

    return Condition(Function(holds), _access(of, is_exact=inside.is_always), 20 + inside.cost)


def per_line(test: Callable[[Line, Facts], bool], *, every: bool) -> Check:
    """Compile a condition on the lines of an order without sub-rules; false without lines."""

    def holds_for_some(facts: Facts) -> bool:
        return any(test(line, facts) for line in facts.lines)

    def holds_for_every(facts: Facts) -> bool:
        lines = facts.lines
        return bool(lines) and all(test(line, facts) for line in lines)

    return Function(holds_for_every if every else holds_for_some)


class _Wanted:
    """What a line has to be of: one of some products, SKUs or collections; of anything, without references."""

    __slots__ = ("_collections", "_is_anything", "_products", "_skus")

    def __init__(self, references: frozenset[Reference] | None) -> None:
        self._is_anything = references is None
        references = references or frozenset()
        self._products: frozenset[Any] = _of_kind(references, "product")
        self._skus: frozenset[Any] = _of_kind(references, "sku")
        self._collections: frozenset[Any] = _of_kind(references, "products_collection")

    def takes(self, line: Line) -> bool:
        """Decide about a line; only what is asked for is read of it."""
        if self._is_anything:
            return True
        if self._products and line.product in self._products:
            return True
        if self._skus and line.sku in self._skus:
            return True
        return bool(self._collections) and not self._collections.isdisjoint(line.collections)


def _of_kind(references: frozenset[Reference], kind: Kind) -> frozenset[Any]:
    return frozenset([found for one, found in references if one == kind])


def _access(references: frozenset[Reference] | None, *, is_exact: bool) -> tuple[Access, ...]:
    if references is None:
        return ()
    # Only texts share their key with nothing else.
    return (Access(frozenset(references), is_exact and all(type(found) is str for _kind, found in references)),)


def _any(of: _Wanted, within: _Wanted, satisfied: Check | None) -> Holds:
    def holds(facts: Facts) -> bool:
        if satisfied is None:
            for line in facts.lines:  # noqa: SIM110  (a generator would cost more than the tests)
                if of.takes(line) and within.takes(line):
                    return True
            return False
        matching = [line for line in facts.lines if of.takes(line) and within.takes(line)]
        return bool(matching) and _some(facts, matching, matching, satisfied)

    return holds


def _none(of: _Wanted, within: _Wanted, satisfied: Check | None) -> Holds:
    some = _any(of, within, satisfied)
    return lambda facts: not some(facts)


def _every(of: _Wanted, within: _Wanted, satisfied: Check | None) -> Holds:
    def holds(facts: Facts) -> bool:
        lines = facts.lines
        if not lines or not all(of.takes(line) and within.takes(line) for line in lines):
            return False
        if satisfied is None:
            return True
        scope = LineScope(facts, lines)
        return all(_satisfies(scope, line, satisfied) for line in lines)

    return holds


def _extreme(
    extreme: Callable[[list[int | float]], int | float],
) -> Callable[[_Wanted, _Wanted, Check | None], Holds]:
    def build(of: _Wanted, within: _Wanted, satisfied: Check | None) -> Holds:
        def holds(facts: Facts) -> bool:
            priced = [line for line in facts.lines if line.price is not None and within.takes(line)]
            if not priced:
                return False
            price = extreme([line.price for line in priced if line.price is not None])
            chosen = [line for line in priced if line.price == price and of.takes(line)]
            if not chosen:
                return False
            matching = [line for line in facts.lines if of.takes(line) and within.takes(line)]
            return _some(facts, matching, chosen, satisfied)

        return holds

    return build


def _some(facts: Facts, matching: list[Line], lines: list[Line], satisfied: Check | None) -> bool:
    if satisfied is None:
        return True
    scope = LineScope(facts, matching)
    return any(_satisfies(scope, line, satisfied) for line in lines)


def _satisfies(scope: LineScope, line: Line, satisfied: Check) -> bool:
    scope.line = line
    return satisfied.holds(scope)


_QUANTIFIERS: dict[str, Callable[[_Wanted, _Wanted, Check | None], Holds]] = {
    "order.items.any": _any,
    "order.items.every": _every,
    "order.items.none": _none,
    "order.items.cheapest": _extreme(min),
    "order.items.most_expensive": _extreme(max),
}
