"""Compiled rules decide what the naive evaluator decides, whatever the rules and the event."""

from dataclasses import replace
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamproc.domain.catalogue import RuleFamily
from streamproc.domain.events import Event
from streamproc.domain.facts import Facts
from streamproc.domain.rules import RuleCompiler, check_rules
from streamproc.domain.rules.conditions import Access
from streamproc.domain.rules.names import FAMILIES, RULE_NAMES
from streamproc.domain.rules.operators import ALIASES, OPERATORS
from streamproc.matching.groups import Group
from streamproc.matching.tables import make_table
from tests.support import naive_rules, rule_strategies
from tests.support.tiers import tiers_of

ZONES = (UTC, ZoneInfo("America/New_York"), ZoneInfo("Europe/Warsaw"), ZoneInfo("Pacific/Auckland"))
many = settings(max_examples=200, suppress_health_check=list(HealthCheck))


def facts_of(world: naive_rules.World) -> Facts:
    event = Event("e", "customer.order.paid", world.now, "", "c", world.data)
    return Facts(event, world.profile, world.segments, tiers_of(world.tier))


def is_carried(access: Access, facts: Facts) -> bool:
    met: list[Group] = []
    for source, key in access.keys:
        table = make_table(source)
        table.add(key, Group())
        table.meet(facts, met)
    return bool(met)


dense_worlds = st.builds(
    naive_rules.World,
    st.just("order"),
    st.fixed_dictionaries({"order": rule_strategies.dense_orders}),
    rule_strategies.dense_profiles,
    rule_strategies.memberships,
    st.none(),
    st.just(rule_strategies.NOWS[0]),
    st.just(UTC),
)


def worlds(family: RuleFamily) -> st.SearchStrategy[naive_rules.World]:
    data = rule_strategies.data_of_order if family == "order" else rule_strategies.data_of_custom_event
    world = st.builds(
        naive_rules.World,
        st.just(family),
        data,
        rule_strategies.profiles,
        rule_strategies.memberships,
        rule_strategies.tiers,
        st.sampled_from(rule_strategies.NOWS),
        st.sampled_from(ZONES),
    )
    return world | st.builds(with_metadata_told, world, rule_strategies.metadata)


def with_metadata_told(world: naive_rules.World, told: dict[str, Any]) -> naive_rules.World:
    """Let the event tell metadata of its customer, and lay it over what was known."""
    known = world.profile.get("metadata")
    new = {key: value for key, value in told.items() if value is not None}
    metadata = {**(known if isinstance(known, dict) else {}), **new}
    return replace(
        world,
        data={**world.data, "customer": {"metadata": told}},
        profile={**world.profile, "metadata": metadata},
    )


@many
@given(rule_strategies.rules(), worlds("order"))
def test_compiled_rules_decide_on_order_triggers_as_the_naive_evaluator_does(
    rules: dict[str, Any], world: naive_rules.World
) -> None:
    compiled = RuleCompiler(world.zone).compile(rules, "order")
    assert compiled.holds(facts_of(world)) == naive_rules.rules_hold(rules, world)


@many
@given(rule_strategies.rules(), worlds("custom_event"))
def test_compiled_rules_decide_on_custom_events_as_the_naive_evaluator_does(
    rules: dict[str, Any], world: naive_rules.World
) -> None:
    compiled = RuleCompiler(world.zone).compile(rules, "custom_event")
    assert compiled.holds(facts_of(world)) == naive_rules.rules_hold(rules, world)


@settings(max_examples=1_000, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_each_operator_decides_as_the_naive_evaluator_does(data: st.DataObject) -> None:
    operator = data.draw(st.sampled_from(sorted(rule_strategies.CONDITIONS)))
    value = data.draw(rule_strategies.CONDITIONS[operator])
    subject = data.draw(rule_strategies.moments | rule_strategies.values)
    now, zone = data.draw(st.sampled_from(rule_strategies.NOWS)), data.draw(st.sampled_from(ZONES))
    world = naive_rules.World("order", {"order": {"metadata": {"a": subject}}}, {}, [], None, now, zone)
    rules = {"1": {"name": "order.metadata", "property": "a", "conditions": {operator: value}}}
    compiled = RuleCompiler(zone).compile(rules, "order")
    assert compiled.holds(facts_of(world)) == naive_rules.rules_hold(rules, world)


@many
@given(rule_strategies.rules())
def test_rules_of_every_allowed_form_pass_the_checks(rules: dict[str, Any]) -> None:
    assert check_rules(rules, "$.rules").errors == []


@many
@given(rule_strategies.dense_rules(), dense_worlds)
def test_a_rule_holds_when_an_event_carries_a_key_of_any_access_and_what_is_left_holds(
    rules: dict[str, Any], world: naive_rules.World
) -> None:
    compiled, facts = RuleCompiler(world.zone).compile(rules, "order"), facts_of(world)
    holds = compiled.holds(facts)
    assert holds == naive_rules.rules_hold(rules, world)
    for access in compiled.accesses:
        assert holds == (is_carried(access, facts) and compiled.beyond(access).holds(facts))


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["1", "logic", "name", "conditions", "rules", "property", "$is", "$from", "$more_than", "x"]),
        inner | st.sampled_from(["customer.segment", "order.items.any", "1 and (", "1", "product.id"]),
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


any_conditions = st.dictionaries(st.sampled_from([*OPERATORS, *ALIASES, "$from"]), json, max_size=2)
any_node = st.fixed_dictionaries(
    {"name": st.sampled_from(list(RULE_NAMES)), "property": st.sampled_from(["a", "a.b"])},
    optional={"conditions": any_conditions | rule_strategies.conditions | rule_strategies.quantified},
)
any_rules = st.dictionaries(st.sampled_from("12"), any_node, max_size=2)
nested_rules = st.builds(lambda node, rules: {"1": {**node, "rules": rules}}, any_node, any_rules)
any_worlds = st.builds(
    naive_rules.World,
    st.just("order"),
    st.fixed_dictionaries(
        {
            "order": json | st.fixed_dictionaries({"items": st.lists(rule_strategies.lines | json, max_size=3)}),
            "event": st.fixed_dictionaries({"metadata": json}),
        }
    ),
    st.fixed_dictionaries({"metadata": json}),
    rule_strategies.memberships,
    rule_strategies.tiers,
    st.sampled_from(rule_strategies.NOWS),
    st.just(UTC),
)


@settings(max_examples=500, suppress_health_check=list(HealthCheck))
@given(any_rules | nested_rules | json, any_worlds, st.sampled_from(sorted(FAMILIES)))
def test_the_checks_take_any_json_and_what_they_pass_decides_about_any_event(
    rules: Any, world: naive_rules.World, family: RuleFamily
) -> None:
    if check_rules(rules, "$.rules").errors == []:
        assert RuleCompiler(UTC).compile(rules, family).holds(facts_of(world)) in {True, False}
