"""Compiled filters decide what the naive evaluator decides, whatever the filter and the customer."""

from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from streamproc.domain.customers import NEW_CUSTOMER
from streamproc.domain.rules import check_filter, compile_filter
from streamproc.domain.rules.operators import ALIASES, OPERATORS
from tests.support import filter_strategies, naive_filters, rule_strategies

ZONES = st.sampled_from([UTC, ZoneInfo("America/New_York"), ZoneInfo("Pacific/Auckland")])
NOWS = st.sampled_from(rule_strategies.NOWS)
many = settings(max_examples=400, suppress_health_check=list(HealthCheck))


@many
@given(filter_strategies.filters, filter_strategies.customers, NOWS, ZONES)
@example(
    {"summary.orders.last_order_date": {"conditions": {"$after": "2026-11-24"}}},
    naive_filters.Known({}, [naive_filters.Order(1, "2026-11-24T09:59:59.999Z")]),
    rule_strategies.NOWS[0],
    UTC,
)
def test_compiled_filters_decide_as_the_naive_evaluator_does(
    given_filter: dict[str, Any], known: naive_filters.Known, now: datetime, zone: tzinfo
) -> None:
    compiled = compile_filter(given_filter, zone)
    decided = compiled.holds(filter_strategies.state_of(known), now)
    assert decided == naive_filters.filter_holds(given_filter, known, now, zone)


@settings(max_examples=800, suppress_health_check=list(HealthCheck))
@given(st.data(), NOWS, ZONES)
def test_each_operator_decides_as_the_naive_evaluator_does(data: st.DataObject, now: datetime, zone: tzinfo) -> None:
    operator = data.draw(st.sampled_from(sorted(rule_strategies.CONDITIONS)))
    value = data.draw(rule_strategies.CONDITIONS[operator])
    subject = data.draw(rule_strategies.moments | rule_strategies.values)
    given_filter = {"metadata.a": {"conditions": {operator: value}}}
    known = naive_filters.Known({"metadata": {"a": subject}})
    decided = compile_filter(given_filter, zone).holds(filter_strategies.state_of(known), now)
    assert decided == naive_filters.filter_holds(given_filter, known, now, zone)


@many
@given(filter_strategies.filters)
def test_filters_of_every_allowed_form_pass_the_checks(given_filter: dict[str, Any]) -> None:
    assert check_filter(given_filter, "$.filter").errors == []


DATED = ("birthdate", "metadata.a", "summary.orders.last_order_date", "events.left_review.last")


@settings(max_examples=1_000, suppress_health_check=list(HealthCheck))
@given(st.data(), rule_strategies.moments, NOWS, NOWS)
def test_a_filter_that_does_not_depend_on_the_date_decides_the_same_at_any_time(
    data: st.DataObject, moment: str, now: datetime, later: datetime
) -> None:
    attribute = data.draw(st.sampled_from(DATED))
    operator = data.draw(st.sampled_from(sorted(rule_strategies.CONDITIONS)))
    conditions = {operator: data.draw(rule_strategies.CONDITIONS[operator])}
    compiled = compile_filter({attribute: {"conditions": conditions}}, UTC)
    known = naive_filters.Known(
        {"birthdate": moment, "metadata": {"a": moment}},
        [naive_filters.Order(5, moment)],
        {"left_review": (1, moment)},
    )
    state = filter_strategies.state_of(known)
    assert compiled.depends_on_date or compiled.holds(state, now) == compiled.holds(state, later)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
JSON = st.recursive(
    SCALARS | rule_strategies.texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "id", "x.y"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
ANY_ATTRIBUTE = st.sampled_from(filter_strategies.ATTRIBUTES) | st.text(max_size=8).map("metadata.{}".format)
ANY_CONDITIONS = st.dictionaries(st.sampled_from([*OPERATORS, *ALIASES]), JSON, max_size=2)
ANY_FILTER = st.dictionaries(
    ANY_ATTRIBUTE, st.fixed_dictionaries({"conditions": ANY_CONDITIONS | rule_strategies.conditions}), max_size=2
)


@settings(max_examples=1_000, suppress_health_check=list(HealthCheck))
@given(ANY_FILTER | JSON, st.dictionaries(st.sampled_from(["name", "metadata", "birthdate", "address"]), JSON), NOWS)
def test_the_checks_take_any_json_and_what_they_pass_decides_about_any_profile(
    given_filter: Any, profile: dict[str, Any], now: datetime
) -> None:
    if check_filter(given_filter, "$.filter").errors == []:
        assert compile_filter(given_filter, UTC).holds(replace(NEW_CUSTOMER, profile=profile), now) in {True, False}
