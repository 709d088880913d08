from typing import Any

import pytest

from streamproc.domain.rules import RuleFindings, check_rules


def findings(rules: object) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return paths and codes of errors and of warnings."""
    found = check_rules(rules, "$.rules")
    return [(one.path, one.code) for one in found.errors], [(one.path, one.code) for one in found.warnings]


def amount(operator: str, value: Any) -> dict[str, Any]:
    return {"1": {"name": "order.amount", "conditions": {operator: value}}}


@pytest.mark.parametrize("rules", [{}, {"logic": ""}, {"logic": None}])
def test_rules_without_rules_are_fine_and_fit_every_trigger(rules: dict[str, Any]) -> None:
    assert check_rules(rules, "$.rules") == RuleFindings()


def test_families_are_those_for_which_a_name_is_available_sub_rules_included() -> None:
    order = {"1": {"name": "order.amount"}}
    nested = {"1": {"name": "order.amount", "rules": {"1": {"name": "custom_event.metadata", "property": "a"}}}}
    customer = {"1": {"name": "customer.segment"}}
    assert [check_rules(rules, "$").families for rules in (order, nested, customer)] == [
        {"order"},
        {"order", "custom_event"},
        {"order", "custom_event"},
    ]


def test_segments_are_the_ids_that_a_segment_rule_compares_with() -> None:
    rules = {
        "1": {"name": "customer.segment", "conditions": {"$is": ["seg_2", {"id": "seg_1"}], "$count": 2}},
        "2": {"name": "order.amount", "rules": {"x": {"name": "customer.segment", "conditions": {"$not_in": "seg_2"}}}},
    }
    assert check_rules(rules, "$.rules").segments == ["seg_2", "seg_1"]


@pytest.mark.parametrize(
    ("rules", "errors"),
    [
        ([], [("$.rules", "schema")]),
        ({"1": "x"}, [("$.rules.1", "schema")]),
        ({"1": {}}, [("$.rules.1.name", "schema")]),
        ({"1": {"name": "order.colour"}}, [("$.rules.1.name", "unknown_rule_name")]),
        ({"1": {"name": "redemption.count.per_customer"}}, [("$.rules.1.name", "rule_not_available")]),
        ({"1": {"name": "campaign.orders.amount"}}, [("$.rules.1.name", "rule_not_available")]),
        ({"1": {"name": "product.metadata.match_all"}}, [("$.rules.1.name", "rule_not_available")]),
        ({"1": {"name": "order.items.price"}}, [("$.rules.1.name", "rule_not_available")]),
        ({"1": {"name": "product.quantity"}}, [("$.rules.1.name", "rule_not_available")]),
        ({"1": {"name": "customer.metadata"}}, [("$.rules.1.property", "schema")]),
        ({"1": {"name": "order.amount", "conditions": []}}, [("$.rules.1.conditions", "schema")]),
        ({"1": {"name": "order.amount"}, "logic": "1 and 2"}, [("$.rules.logic", "unknown_rule_key")]),
        ({"1": {"name": "order.amount"}, "logic": "1 and"}, [("$.rules.logic", "bad_logic")]),
        ({"1": {"name": "order.amount"}, "logic": 1}, [("$.rules.logic", "bad_logic")]),
        (
            {"1": {"name": "order.amount", "rules": {"2": {"name": "nope"}}}},
            [("$.rules.1.rules.2.name", "unknown_rule_name")],
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(rules: Any, errors: list[tuple[str, str]]) -> None:
    assert findings(rules)[0] == errors


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("$is", []),
        ("$is", None),
        ("$is", [["a"]]),
        ("$is", [{"name": "no id"}]),
        ("$more_than", [1, 2]),
        ("$more_than", "soon"),
        ("$more_than", True),
        ("$starts_with", 5),
        ("$count", -1),
        ("$count", 1.5),
        ("$after", "tomorrow"),
        ("$after", 5),
        ("$more_than_ago", -1),
        ("$more_than_ago", "x"),
        ("$is_days_ago", 1.5),
        ("$dow", [7]),
        ("$dow", [True]),
        ("$today", [False]),
        ("$has_value", "yes"),
        ("$timeframe", "2026-11-24;P1M;PT1H"),
        ("$timeframe", "2026-11-24;PT0H;PT1H"),
        ("$timeframe", "2026-11-24;P1D"),
        ("$timeframe_absolute", "2026-11-24"),
        ("$timeframe_daily_hours", "18:00;24:01;1"),
        ("$timeframe_daily_hours", "18:00;20:00"),
        ("$timeframe_daily_hours", "18:00;20:00;7"),
        ("$from", ["pc_1"]),
    ],
)
def test_values_that_cannot_be_read_are_refused(operator: str, value: Any) -> None:
    assert findings(amount(operator, value)) == ([(f"$.rules.1.conditions.{operator}", "bad_value")], [])


@pytest.mark.parametrize(("dots", "errors"), [(100, []), (101, [("$.rules.1.property", "schema")])])
def test_a_property_is_short_enough_to_be_read_soon(dots: int, errors: list[tuple[str, str]]) -> None:
    assert findings({"1": {"name": "order.metadata", "property": "." * dots}})[0] == errors


@pytest.mark.parametrize("operator", ["$in_location", "$near", "is"])
def test_operators_that_there_are_not_are_refused(operator: str) -> None:
    assert findings(amount(operator, [1]))[0] == [(f"$.rules.1.conditions.{operator}", "unknown_operator")]


@pytest.mark.parametrize("name", ["order.items.any", "order.items.most_expensive", "product.id"])
def test_quantifiers_and_items_take_no_other_operators(name: str) -> None:
    rules = {"1": {"name": name, "conditions": {"$more_than": 1}}}
    assert findings(rules)[0] == [("$.rules.1.conditions.$more_than", "bad_value")]


@pytest.mark.parametrize("value", [[], [None], [{"object": "product"}], [{"id": "x", "object": "voucher"}]])
def test_references_that_cannot_be_read_are_refused(value: Any) -> None:
    rules = {"1": {"name": "order.items.any", "conditions": {"$is": value}}}
    assert findings(rules)[0] == [("$.rules.1.conditions.$is", "bad_value")]


@pytest.mark.parametrize("alias", ["$more_than_equal", "$greater_than_or_equal", "$less_than_equal", "$greater_than"])
def test_aliases_are_accepted_with_a_warning(alias: str) -> None:
    assert findings(amount(alias, [1])) == ([], [(f"$.rules.1.conditions.{alias}", "operator_alias")])


def test_a_rule_that_the_logic_does_not_name_is_a_warning_and_is_judged_like_the_others() -> None:
    rules = {"1": {"name": "order.amount"}, "2": {"name": "nope"}, "logic": "1"}
    assert findings(rules) == ([("$.rules.2.name", "unknown_rule_name")], [("$.rules.2", "rule_without_effect")])


def test_line_names_may_stand_below_other_rules_inside_a_quantifier() -> None:
    deep = {"1": {"name": "order.amount", "rules": {"1": {"name": "order.items.price"}}}}
    assert findings({"1": {"name": "order.items.any", "rules": deep}}) == ([], [])


def test_rules_nested_too_deep_are_refused_and_do_not_break_the_check() -> None:
    rules: dict[str, Any] = {}
    for _ in range(400):
        rules = {"1": {"name": "order.amount", "rules": rules}}
    assert [code for _path, code in findings(rules)[0]] == ["schema"]
