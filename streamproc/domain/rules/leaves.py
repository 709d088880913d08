"""Leaves: the checks that read one subject and test it, by the name of the rule."""

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter
from sys import intern
from typing import Any

from streamproc.domain.facts import Facts
from streamproc.domain.lines import Line
from streamproc.domain.paths import compile_path
from streamproc.domain.rules.conditions import Check, Function
from streamproc.domain.rules.operators import Comparison, IsText
from streamproc.domain.rules.order_lines import LineScope, per_line
from streamproc.domain.rules.values import Test

Leaf = Callable[[str, Test], Check]


def build_leaf(name: str, path: str, tests: Sequence[Test]) -> Check:
    """Return the check that tests the subject of this name; `path` is the rule's property, else empty.

    Names that stand inside a quantifier, `product.id` or `sku.id` read a `LineScope`, all others `Facts`.
    """
    return _LEAVES[name](path, tests[0] if len(tests) == 1 else _all_of(tuple(tests)))


def _all_of(tests: tuple[Test, ...]) -> Test:
    def test(subject: Any, now: datetime) -> bool:
        return all(one(subject, now) for one in tests)

    return test


class _Leaf(Check):
    """A check that reads a subject by its path and tests it; where the test is for one text, that is part of it."""

    __slots__ = ("_path", "_test", "_text")

    def __init__(self, path: str, test: Test) -> None:
        self._path = intern(path)  # thousands of leaves have the same few, and the one that they share is near
        self._test = test
        self._text: str | None = test.text if isinstance(test, IsText) else None

    def holds_of(self, subject: Any, now: datetime) -> bool:
        """Test a subject; for one text it nearly always is a text or missing."""
        if self._text is None:
            return self._test(subject, now)
        if type(subject) is str:
            return bool(subject == self._text)
        return subject is not None and self._test(subject, now)


class _CustomerMetadata(_Leaf):
    __slots__ = ()

    def holds(self, scope: Facts) -> bool:
        return self.holds_of(scope.customer_metadata.get(self._path), scope.now)


class _OrderMetadata(_Leaf):
    __slots__ = ()

    def holds(self, scope: Facts) -> bool:
        return self.holds_of(scope.order_metadata.get(self._path), scope.now)


class _CustomEventMetadata(_Leaf):
    __slots__ = ()

    def holds(self, scope: Facts) -> bool:
        return self.holds_of(scope.custom_event_metadata.get(self._path), scope.now)


class _OrderField(_Leaf):
    __slots__ = ()

    def holds(self, scope: Facts) -> bool:
        return self._test(scope.order.get(self._path), scope.now)


class _OrderFieldCompared(Check):
    __slots__ = ("_compare", "_field", "_limit")

    def __init__(self, field: str, test: Comparison) -> None:
        self._field = field
        self._compare = test.compare
        self._limit: Any = test.limit

    def holds(self, scope: Facts) -> bool:
        found = scope.order.get(self._field)
        kind = type(found)
        return (kind is int or kind is float) and self._compare(found, self._limit)


class _Segments(_Leaf):
    __slots__ = ()

    def holds(self, scope: Facts) -> bool:
        if self._text is None:
            return self._test(scope.segments, scope.now)
        return self._text in scope.segments


def _metadata(plain: type[_Leaf], read_metadata: Callable[[Facts], dict[str, Any]]) -> Leaf:
    def build(path: str, test: Test) -> Check:
        if "." in path:
            read = compile_path(path)
            return Function(lambda facts: test(read(read_metadata(facts)), facts.now))
        return plain(path, test)

    return build


def _customer_metadata(path: str, test: Test) -> Check:
    """Read what the event tells, else what is known.

    Laid over each other key by key they are one, but for paths with dots: a key with dots that was known wins over
    descending into what the event tells.
    """
    if "." not in path:
        return _CustomerMetadata(path, test)
    read = compile_path(path)

    def holds(facts: Facts) -> bool:
        told = read(facts.told_metadata)
        return test(read(facts.customer_metadata) if told is None else told, facts.now)

    return Function(holds)


def _order_field(field: str) -> Leaf:
    return lambda _path, test: (
        _OrderFieldCompared(field, test) if isinstance(test, Comparison) else _OrderField(field, test)
    )


def _line_field(field: str) -> Leaf:
    return lambda _path, test: Function(lambda scope: test(scope.line.fields.get(field), scope.now))


def _line_metadata(path: str, test: Test) -> Check:
    read = compile_path(path)
    return Function(lambda scope: test(read(scope.line.fields.get("metadata")), scope.now))


def _matching_price(_path: str, test: Test) -> Check:
    def holds(scope: LineScope) -> bool:
        return any(test(line.fields.get("price"), scope.now) for line in scope.matching)

    return Function(holds)


def _prices(*, every: bool) -> Leaf:
    def build(_path: str, test: Test) -> Check:
        return per_line(lambda line, facts: test(line.fields.get("price"), facts.now), every=every)

    return build


def _lines_metadata(*, every: bool) -> Leaf:
    def build(path: str, test: Test) -> Check:
        read = compile_path(path)

        def test_line(line: Line, facts: Facts) -> bool:
            return test(read(line.fields.get("metadata")), facts.now)

        return per_line(test_line, every=every)

    return build


def _loyalty_tier(_path: str, test: Test) -> Check:
    return Function(lambda facts: test(facts.loyalty_tier, facts.now))


def _line_count(_path: str, test: Test) -> Check:
    return Function(lambda facts: test(len(facts.lines), facts.now))


def _quantity(_path: str, test: Test) -> Check:
    return Function(lambda scope: test(scope.quantity, scope.now))


def _amount(_path: str, test: Test) -> Check:
    return Function(lambda scope: test(scope.amount, scope.now))


def _discount_applicable(_path: str, test: Test) -> Check:
    return Function(lambda scope: test(True, scope.now))


_LEAVES: dict[str, Leaf] = {
    "customer.segment": _Segments,
    "customer.metadata": _customer_metadata,
    "customer.loyalty.tier": _loyalty_tier,
    "custom_event.metadata": _metadata(_CustomEventMetadata, attrgetter("custom_event_metadata")),
    "order.amount": _order_field("amount"),
    "order.total_amount": _order_field("total_amount"),
    "order.initial_amount": _order_field("initial_amount"),
    "order.metadata": _metadata(_OrderMetadata, attrgetter("order_metadata")),
    "order.items.count": _line_count,
    "order.items.price_any": _prices(every=False),
    "order.items.price_each": _prices(every=True),
    "order.items.metadata_any": _lines_metadata(every=False),
    "order.items.metadata_each": _lines_metadata(every=True),
    "order.items.quantity": _line_field("quantity"),
    "order.items.price": _line_field("price"),
    "order.items.metadata": _line_metadata,
    "order.items.aggregated_quantity": _quantity,
    "order.items.aggregated_amount": _amount,
    "product.quantity": _quantity,
    "product.price": _matching_price,
    "product.discount_applicable": _discount_applicable,
    "sku.quantity": _quantity,
    "sku.price": _matching_price,
    "sku.discount_applicable": _discount_applicable,
}
