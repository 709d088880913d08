"""A search counts whom the naive evaluator would, by the last record of each customer, whatever came before."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamproc.cli.customer_search import Tally
from streamproc.domain.customers import encode_customer
from streamproc.domain.rules import compile_filter
from tests.support import filter_strategies, naive_filters, rule_strategies

KEYS = st.sampled_from([b"ada", b"bob", "zoë".encode()])
AHEAD = st.sampled_from([None, -40, 40])
NOWS = st.sampled_from(rule_strategies.NOWS)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(
    filter_strategies.filters,
    st.lists(st.tuples(KEYS, st.none() | filter_strategies.customers, AHEAD), max_size=6),
    NOWS,
)
def test_the_last_record_of_each_customer_counts(
    asked: dict[str, Any], records: Sequence[tuple[bytes, naive_filters.Known | None, int | None]], now: datetime
) -> None:
    compiled = compile_filter(asked, UTC)
    tally = Tally(lambda state, _, at: compiled.holds(state, at), now)
    known: dict[bytes, bool] = {}
    places: dict[bytes, int] = {}
    for offset, (key, customer, days_ahead) in enumerate(records):
        known.pop(key, None)
        if customer is None:
            tally.take(key, None, offset)
            continue
        own = None if days_ahead is None else now + timedelta(days=days_ahead)
        tally.take(key, encode_customer(replace(filter_strategies.state_of(customer), now=own)), offset)
        known[key] = naive_filters.filter_holds(asked, customer, max(now, own or now), UTC)
        places[key] = offset
    assert tally.customers == len(known)
    assert dict(tally.matching()) == {key: places[key] for key, holds in known.items() if holds}
