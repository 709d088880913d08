"""Whatever is told of a customer, the segments that may be touched are among those that are looked at again."""

from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamproc.domain.configuration import InForce
from streamproc.domain.customers import NEW_CUSTOMER, CustomerState, after_event, after_record, changed
from streamproc.domain.events import Event, read_event
from streamproc.matching.segments import ComputedSegments
from tests.support import filter_strategies, rule_strategies

SEGMENTS = st.lists(
    filter_strategies.filters.map(lambda given: {"type": "dynamic", "filter": given})
    | st.just({"type": "static", "customers": ["cust_1"]}),
    max_size=6,
)
#: What tells something of a customer: a record of `customers`, or an event with its type and data.
PROFILES = filter_strategies.profiles.map(lambda profile: {"id": "cust_1"} | profile)
ORDERS = st.fixed_dictionaries(
    {"id": st.sampled_from(["ord_1", "ord_2"]), "status": st.sampled_from(["PAID", "CANCELED", None])},
    optional={"amount": filter_strategies.amounts},
)
SCHEMAS = st.sampled_from([*filter_strategies.NAMES, "other"]).map(lambda name: {"name": name})
CAMPAIGNS = st.sampled_from(filter_strategies.CAMPAIGNS).map(lambda one: {"id": one[0], "name": one[1]})
EVENTS: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    st.tuples(
        st.sampled_from(["customer.order.paid", "customer.order.updated"]), st.fixed_dictionaries({"order": ORDERS})
    ),
    st.tuples(st.just("customer.custom_event"), st.fixed_dictionaries({"event_schema": SCHEMAS})),
    st.tuples(
        st.just("customer.voucher.loyalty_card.points_added"),
        st.fixed_dictionaries(
            {"campaign": CAMPAIGNS, "balance": filter_strategies.amounts.map(lambda one: {"balance": one})}
        ),
    ),
    st.tuples(
        st.sampled_from(["customer.loyalty.tier.joined", "customer.loyalty.tier.left"]),
        st.fixed_dictionaries(
            {"campaign": CAMPAIGNS, "loyalty_tier": st.sampled_from(["gold", "1"]).map(lambda one: {"id": one})}
        ),
    ),
    st.tuples(st.just("customer.updated"), st.just({})),
)
TOLD = st.lists(st.tuples(PROFILES, st.none() | EVENTS, st.sampled_from(rule_strategies.NOWS)), max_size=8)


def segments_of(records: list[dict[str, Any]]) -> ComputedSegments:
    segments = ComputedSegments(UTC)
    for number, record in enumerate(records):
        segments.put(f"seg_{number}", InForce("segments", f"seg_{number}", number, {"name": "x"} | record))
    return segments


def event_of(kind: str, data: dict[str, Any], profile: dict[str, Any], at: datetime) -> Event:
    body = {"id": "e", "type": kind, "created_at": at.isoformat(), "data": data | {"customer": profile}}
    event = read_event(b"cust_1", orjson.dumps(body))
    assert isinstance(event, Event)
    return event


def members(segments: ComputedSegments, state: CustomerState, now: datetime) -> dict[str, bool]:
    return {segment.id: segment.holds(state, "cust_1", now) for segment in segments}


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(SEGMENTS, TOLD)
def test_a_segment_whose_answer_changes_is_among_those_affected(
    records: list[dict[str, Any]], told: list[tuple[dict[str, Any], tuple[str, dict[str, Any]] | None, datetime]]
) -> None:
    segments, state, now = segments_of(records), NEW_CUSTOMER, rule_strategies.NOWS[0]
    for profile, event, at in told:
        earlier = members(segments, state, now)
        if event is None:
            after, now = after_record(state, profile, at), at
        else:
            after, now = after_event(state, event_of(*event, profile, at)), at
        affected = segments.affected(changed(state, after))
        later = members(segments, after, now)
        assert {one for one in later if later[one] != earlier[one]} <= {one.id for one in affected}
        assert list(affected) == [one for one in segments if one in affected]
        state = after


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(SEGMENTS, st.lists(st.sets(st.sampled_from(["metadata.a", "summary.orders", "events.v1.2", "name", "x"]))))
def test_those_affected_are_those_that_read_a_change_or_depend_on_the_date(
    records: list[dict[str, Any]], changes: list[set[str]]
) -> None:
    segments = segments_of(records)
    for names in changes:
        expected = [one for one in segments if one.depends_on_date or one.reads & names]
        assert list(segments.affected(names)) == expected
