from datetime import UTC, datetime
from time import process_time
from typing import Any

import orjson
import pytest

from streamproc.domain.events import Event
from streamproc.domain.facts import Facts
from streamproc.domain.rules import RuleCompiler, check_rules
from streamproc.domain.rules import compile as compile_module
from tests.support.tiers import tiers_of

Tier = str | list[str] | None

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


def facts(data: dict[str, Any], profile: dict[str, Any] | None = None, tier: Tier = None) -> Facts:
    return Facts(Event("e", "customer.order.paid", NOW, "", "c", data), profile or {}, [], tiers_of(tier))


def order(*items: dict[str, Any]) -> Facts:
    return facts({"order": {"items": list(items)}})


def holds(node: dict[str, Any], known: Facts) -> bool:
    return RuleCompiler(UTC).compile({"1": node}, "order").holds(known)


def lines(word: str, conditions: dict[str, Any], **below: dict[str, Any]) -> dict[str, Any]:
    rules = {name: {"name": f"order.items.{name}", "conditions": one} for name, one in below.items()}
    return {"name": f"order.items.{word}", "conditions": conditions, "rules": rules}


PEN = {"product_id": "pen", "price": 100, "quantity": 2, "collections": ["office"]}
INK = {"product": {"id": "ink"}, "price": 300, "quantity": 1, "collections": [{"id": "office"}, {"id": "bulk"}]}
CUP = {"product": {"source_id": "cup"}, "sku_id": "blue", "price": 100, "quantity": 5}


def test_rules_that_the_logic_does_not_name_have_no_effect() -> None:
    rules = {"1": {"name": "order.amount", "conditions": {"$is": 1}}, "2": {"name": "order.items.count"}, "logic": "2"}
    assert RuleCompiler(UTC).compile(rules, "order").holds(order())


@pytest.mark.parametrize(
    ("told", "known", "read"),
    [
        ({"x": {"n": 1}}, {"x": {"n": 1}, "x.n": 2}, 1),
        ({"x.n": 1}, {"x.n": 1, "x": {"n": 2}}, 1),
        ({"x": {"n": None}}, {"x": {"n": None}, "x.n": 2}, 2),
        ({}, {"x": {"n": 2}}, 2),
        (None, {"x.n": 2}, 2),
        ("odd", {"x.n": 2}, 2),
    ],
)
def test_a_path_with_dots_reads_what_the_event_tells_before_what_is_known(told: object, known: Any, read: int) -> None:
    node = {"name": "customer.metadata", "property": "x.n", "conditions": {"$is": read}}
    assert holds(node, facts({"customer": {"metadata": told}}, {"metadata": known}))
    outline = {"customer": None}  # not decoded yet
    event = Event("e", "customer.order.paid", NOW, "", "c", outline, orjson.dumps({"metadata": told}))
    assert holds(node, Facts(event, {"metadata": known}, []))


@pytest.mark.parametrize("surplus", [5, True, ["a"], {"a": 1}, "a"])
def test_the_property_of_a_name_that_reads_none_is_ignored_whatever_it_is(surplus: object) -> None:
    node = {"name": "order.amount", "property": surplus, "conditions": {"$is": 5}}
    assert check_rules({"1": node}, "$.rules").errors == []
    assert holds(node, facts({"order": {"amount": 5}}))


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(1, True), (0.5, True), (0, False), (-0.5, False), (True, False), ("1", False), (None, False), ([1], False)],
)
def test_an_amount_is_compared_when_it_is_a_number(amount: object, expected: bool) -> None:
    node = {"name": "order.amount", "conditions": {"$more_than": 0}}
    assert holds(node, facts({"order": {"amount": amount}})) is expected


def test_a_rule_about_the_other_trigger_does_not_hold_whatever_its_operators() -> None:
    node = {"name": "custom_event.metadata", "property": "a", "conditions": {"$is_not": ["x"]}}
    compiler = RuleCompiler(UTC)
    assert not compiler.compile({"1": node}, "order").holds(order())
    assert compiler.compile({"1": node}, "custom_event").holds(order())
    either = {"1": node, "2": {"name": "order.items.count"}, "logic": "1 or 2"}
    assert compiler.compile(either, "order").holds(order())


def test_the_same_leaf_in_two_rules_is_one_function() -> None:
    compiler, node = RuleCompiler(UTC), {"name": "order.amount", "conditions": {"$more_than": 5}}
    one, other = compiler.compile({"1": node}, "order"), compiler.compile({"a": dict(node)}, "order")
    assert one.check is other.check


def test_of_shared_leaves_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_module, "_MOST_LEAVES", 3)
    compiler = RuleCompiler(UTC)
    for amount in range(10):
        compiler.compile({"1": {"name": "order.amount", "conditions": {"$more_than": amount}}}, "order")
        assert len(compiler._leaves) <= 3


@pytest.mark.parametrize(
    ("word", "conditions", "expected"),
    [
        ("any", {"$is": ["pen"]}, True),
        ("any", {"$is": [{"id": "pen", "object": "sku"}]}, False),
        ("any", {"$is": [{"source_id": "cup"}]}, True),
        ("any", {"$is": ["office"], "$from": ["bulk"]}, True),
        ("any", {"$is": ["pen"], "$from": ["bulk"]}, False),
        ("every", {"$is": ["pen", "ink", "cup"]}, True),
        ("every", {"$is": ["office"]}, False),
        ("every", {}, True),
        ("none", {"$is": ["cup"]}, False),
        ("none", {"$is": ["hat"]}, True),
        ("cheapest", {"$is": ["cup"]}, True),
        ("cheapest", {"$is": ["ink"]}, False),
        ("cheapest", {"$is": ["ink"], "$from": ["bulk"]}, True),
        ("most_expensive", {"$is": [{"id": "ink", "object": "product"}]}, True),
        ("most_expensive", {"$is": ["blue"]}, False),
    ],
)
def test_quantifiers_ask_what_the_lines_are_of(word: str, conditions: dict[str, Any], expected: bool) -> None:
    assert holds(lines(word, conditions), order(PEN, INK, CUP)) is expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [("any", False), ("every", False), ("none", True), ("cheapest", False), ("most_expensive", False)],
)
def test_without_lines_only_none_holds(word: str, expected: bool) -> None:
    assert holds(lines(word, {}), order()) is expected


def test_sub_rules_are_decided_line_by_line() -> None:
    both = lines("any", {}, price={"$is": 100}, quantity={"$is": 1})
    assert (holds(both, order(PEN, INK)), holds(both, order({**PEN, "quantity": 1}))) == (False, True)


def test_aggregated_sub_rules_sum_over_all_lines_that_match() -> None:
    many = lines("any", {"$is": ["office"]}, aggregated_quantity={"$is": 3}, aggregated_amount={"$is": 500})
    assert (holds(many, order(PEN, INK, CUP)), holds(many, order(PEN, CUP))) == (True, False)


def test_the_sum_for_the_cheapest_line_is_over_all_that_match_not_over_the_cheapest() -> None:
    node = lines("cheapest", {}, aggregated_quantity={"$is": 8})
    assert holds(node, order(PEN, INK, CUP))


def test_a_line_has_a_subtotal_else_an_amount_else_price_times_quantity() -> None:
    node = lines("any", {}, aggregated_amount={"$is": 111})
    given = order({"subtotal_amount": 1, "amount": 50}, {"amount": 10, "price": 7}, {"price": 50, "quantity": 2})
    assert holds(node, given)


def test_a_line_without_a_quantity_is_one_piece_in_sums_and_has_none_by_itself() -> None:
    summed, own = lines("any", {}, aggregated_quantity={"$is": 1}), lines("any", {}, quantity={"$is_unknown": True})
    assert (holds(summed, order({"price": 5})), holds(own, order({"price": 5}))) == (True, True)


def test_names_of_order_and_customer_inside_a_quantifier_are_read_at_their_level() -> None:
    below = {"1": {"name": "customer.metadata", "property": "plan", "conditions": {"$is": "gold"}},
             "2": {"name": "order.items.none", "conditions": {"$is": ["hat"]}}}  # fmt: skip
    node = {"name": "order.items.any", "conditions": {"$is": ["pen"]}, "rules": below}
    assert holds(node, facts({"order": {"items": [PEN]}}, {"metadata": {"plan": "gold"}}))


def test_quantifiers_in_quantifiers_as_deep_as_can_be_are_decided_soon() -> None:
    node: dict[str, Any] = {"name": "order.items.price", "conditions": {"$is": -1}}
    for word in ("any", "every", "none", "cheapest", "most_expensive") * 8:
        node = {"name": f"order.items.{word}", "rules": {"1": node, "2": {"name": "order.items.count"}}}
    assert check_rules({"1": node}, "$.rules").errors == []
    known = order(*[{"price": 5, "quantity": number} for number in range(20)])
    started = process_time()
    assert not holds(node, known)
    assert process_time() - started < 1


def test_product_sums_quantities_over_its_lines_and_one_of_its_prices_is_enough() -> None:
    def product(**below: dict[str, Any]) -> dict[str, Any]:
        rules = {name: {"name": f"product.{name}", "conditions": one} for name, one in below.items()}
        return {"name": "product.id", "conditions": {"$is": [{"id": "pen"}]}, "rules": rules}

    known = order(PEN, {**PEN, "price": 90}, INK)
    assert [
        holds(product(), known),
        holds(product(quantity={"$is": 4}), known),
        holds(product(price={"$less_than": 95}), known),
        holds(product(discount_applicable={"$is": [True]}), known),
        holds(product(price={"$is": 300}), known),
        holds(product(), order(INK)),
    ] == [True, True, True, True, False, False]


@pytest.mark.parametrize(
    ("tier", "conditions", "expected"),
    [("gold", {"$is": "gold"}, True), (["silver", "gold"], {"$is": "gold"}, True),
     ("gold", {"$in": ["gold"]}, True), (None, {"$is": "gold"}, False), (None, {"$is_not": "gold"}, True)],
)  # fmt: skip
def test_a_loyalty_tier_is_missing_if_there_is_none(tier: Tier, conditions: dict[str, Any], expected: bool) -> None:
    assert holds({"name": "customer.loyalty.tier", "conditions": conditions}, facts({}, None, tier)) is expected


@pytest.mark.parametrize(
    ("metadata", "path", "expected"),
    [({"a.b": 1, "a": {"b": 2}}, "a.b", 1), ({"a": {"b": 2}}, "a.b", 2), ({"a": {"b.c": 3}}, "a.b.c", 3),
     ({"a.b": {"c": 4}, "a": {"b": {"c": 5}}}, "a.b.c", 4)],
)  # fmt: skip
def test_a_key_with_dots_wins_over_descending(metadata: dict[str, Any], path: str, expected: int) -> None:
    node = {"name": "order.metadata", "property": path, "conditions": {"$is": expected}}
    assert holds(node, facts({"order": {"metadata": metadata}}))


def test_what_an_exact_access_has_decided_is_not_decided_again() -> None:
    rules = {"1": {"name": "order.items.any", "conditions": {"$is": ["pen"]}},
             "2": {"name": "order.amount", "conditions": {"$more_than": 5}}}  # fmt: skip
    compiled = RuleCompiler(UTC).compile(rules, "order")
    (access,) = compiled.accesses
    assert access.keys == {("product", "pen"), ("sku", "pen"), ("products_collection", "pen")}
    assert compiled.beyond(access).holds(facts({"order": {"amount": 6}}))
