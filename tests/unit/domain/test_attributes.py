"""Attributes: what filters read from a customer's state, and which beginnings of a path a change names."""

from dataclasses import replace
from typing import Any

import pytest

from streamproc.domain.attributes import beginnings, compile_attribute
from streamproc.domain.customers import NEW_CUSTOMER
from streamproc.domain.orders import from_version_3

STATE = replace(
    NEW_CUSTOMER,
    profile={
        "email": "a@b.c",
        "address": {"city": "Brno"},
        "metadata": {"x": {"y": 1}, "p.q": 2, "p": {"q": 3, "r": 4}},
        "system_metadata": {"source": "till"},
        "events": {"cart": {"count": 99}},
        "loyalty_tier": "upstream's",
    },
    orders=from_version_3(
        ["o1,o2", "100,50", "1000000,2000000", "2026-11-01T00:00:00Z,2026-11-02T00:00:00Z", 2, 2, 30]
    ),
    occurrences={"cart": [3, "2026-11-03T00:00:00Z"], "cart.left": [5, "2026-11-04T00:00:00Z"]},
    points={"camp_1": [120, "Bean.points"]},
    tiers={"camp_1": ["ltr_gold", "Bean.points"]},
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("email", "a@b.c"),
        ("phone", None),
        ("address.city", "Brno"),
        ("metadata.x.y", 1),
        ("metadata.x", {"y": 1}),
        ("metadata.p.q", 2),
        ("metadata.p.r", 4),
        ("system_metadata.source", "till"),
        ("summary.orders.total_count", 4),
        ("summary.orders.total_amount", 180),
        ("summary.orders.average_amount", 45),
        ("summary.orders.last_order_amount", 50),
        ("summary.orders.last_order_date", "2026-11-02T00:00:00Z"),
        ("summary.redemptions.total_redeemed", None),
        ("loyalty.points", None),
        ("events.cart.count", 3),
        ("events.cart.last", "2026-11-03T00:00:00Z"),
        ("events.cart.left.count", 5),
        ("events.cart.other", None),
        ("events.cart", {"count": 3, "last": "2026-11-03T00:00:00Z"}),
        ("events.never.count", 0),
        ("events.never.last", None),
        ("events.count", None),
        ("loyalty_points.campaigns.camp_1.points", 120),
        ("loyalty_points.campaigns.Bean.points.points", 120),
        ("loyalty_points.campaigns.camp_2.points", None),
        ("loyalty_tier.campaigns.camp_1", "ltr_gold"),
        ("loyalty_tier.campaigns.Bean.points", "ltr_gold"),
        ("loyalty_tier.campaigns.camp_2", None),
    ],
)
def test_what_a_path_reads(path: str, value: Any) -> None:
    assert compile_attribute(path)(STATE) == value


def test_of_a_new_customer_only_counts_are_known() -> None:
    paths = ["summary.orders.total_count", "summary.orders.last_order_date", "events.cart.count", "metadata.x", "email"]
    assert [compile_attribute(path)(NEW_CUSTOMER) for path in paths] == [0, None, 0, None, None]


def test_the_beginnings_of_a_path_end_with_the_path() -> None:
    assert beginnings("metadata.x.y") == ("metadata", "metadata.x", "metadata.x.y")
    assert beginnings("email") == ("email",)
