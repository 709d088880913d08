"""Hypothesis strategies for the life of one customer: its events, and times that are not in order."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def written(minutes: int) -> str:
    """Write a time so many minutes after noon, in one of several forms."""
    instant = NOON + timedelta(minutes=minutes)
    if minutes % 3 == 0:
        return instant.isoformat()
    return instant.isoformat(timespec="milliseconds" if minutes % 3 == 1 else "seconds").replace("+00:00", "Z")


TIMES = st.integers(-50, 50).map(written)
AMOUNTS = st.sampled_from([0, 100, 2500, -5, 12.5, None, "100", True])
ORDERS = st.fixed_dictionaries(
    {"id": st.sampled_from([f"ord_{number}" for number in range(6)])},
    optional={
        "status": st.sampled_from(["PAID", "FULFILLED", "CANCELED", "CREATED", None]),
        "amount": AMOUNTS,
        "created_at": TIMES | st.none(),
    },
)
ORDER_DATA = st.fixed_dictionaries({"order": ORDERS | st.none() | st.just({"status": "PAID"})})
NAMES = st.sampled_from(["cart.abandoned", "cart", "login", None, ""])
CUSTOM_DATA = st.fixed_dictionaries(
    {},
    optional={
        "event_schema": st.fixed_dictionaries({"id": st.just("ms_1")}, optional={"name": NAMES}) | st.none(),
        "event": st.fixed_dictionaries({}, optional={"type": NAMES}),
    },
)
CAMPAIGNS = st.sampled_from(
    [{"id": "camp_1", "name": "Bean points"}, {"id": "camp_1"}, {"id": "camp_2", "name": "C.2"}]
)
BALANCES = st.sampled_from([0, 7, 120, 3.5, None, "7"])
POINTS_DATA = st.fixed_dictionaries(
    {"campaign": CAMPAIGNS},
    optional={
        "balance": BALANCES.map(lambda points: {"balance": points}),
        "transaction": BALANCES.map(lambda points: {"details": {"balance": {"balance": points}}}),
        "voucher": BALANCES.map(lambda points: {"loyalty_card": {"balance": points}}),
    },
)
TIERS = st.sampled_from([{"id": "ltr_gold"}, {"id": "ltr_silver"}])
TIER_DATA = st.fixed_dictionaries(
    {"campaign": CAMPAIGNS}, optional={"loyalty_tier": TIERS, "loyalty_tier_to": TIERS, "loyalty_tier_from": TIERS}
)

_CARD = "customer.voucher.loyalty_card."
_DATA: dict[str, st.SearchStrategy[Json]] = {
    **dict.fromkeys((f"customer.order.{one}" for one in ("created", "updated", "canceled", "fulfilled")), ORDER_DATA),
    "customer.order.paid": ORDER_DATA,
    "customer.custom_event": CUSTOM_DATA,
    _CARD + "points_added": POINTS_DATA,
    _CARD + "points_expired": POINTS_DATA,
    _CARD + "pending_points.activated": POINTS_DATA,
    _CARD + "pending_points.added": POINTS_DATA,  # says nothing of the balance
    "customer.rewarded.loyalty_points": POINTS_DATA,
    **dict.fromkeys(
        (f"customer.loyalty.tier.{one}" for one in ("joined", "left", "upgraded", "downgraded", "prolonged")), TIER_DATA
    ),
    "customer.updated": st.just({}),
    "customer.deleted": st.just({}),
}
PROFILES = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["a@b.c", "d@e.f", "", None]),
        "birthdate": st.sampled_from(["1990-11-24", "1990-12-01", None]),
        "metadata": st.dictionaries(
            st.sampled_from(["club", "club.level", "n"]), st.sampled_from(["gold", 1, 2, None])
        ),
        "address": st.fixed_dictionaries({}, optional={"city": st.sampled_from(["Brno", "Wien"])}),
        "summary": st.dictionaries(st.sampled_from(["orders", "name"]), st.integers(0, 2)),
        "loyalty": st.integers(0, 1),
        "referrals": st.none() | st.just([{"total": 1}]),
    },
)


@st.composite
def customer_events(draw: st.DrawFn, customer_id: str = "cus_1") -> Json:
    """One event of a customer; its id is for the caller to make unique."""
    kind = draw(st.sampled_from(sorted(_DATA)))
    customer = draw(PROFILES) | {"id": customer_id}
    return {
        "id": "evt",
        "type": kind,
        "created_at": draw(TIMES),
        "data": {**draw(_DATA[kind]), "customer": customer},
    }


def histories(max_size: int = 30) -> st.SearchStrategy[list[Json]]:
    """The events of one customer, in the order in which they come, each with an id of its own."""
    return st.lists(customer_events(), max_size=max_size).map(
        lambda events: [{**event, "id": f"evt_{number}"} for number, event in enumerate(events)]
    )
