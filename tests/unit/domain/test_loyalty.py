"""Loyalty: where the balance of points stands, which tier each event leaves, and by what a campaign is found."""

from datetime import UTC, datetime
from typing import Any

import pytest

from streamproc.domain.events import Event
from streamproc.domain.loyalty import (
    POINTS_EVENTS,
    TIER_EVENTS,
    ByCampaign,
    by_id_and_name,
    loyalty_tier,
    points_after,
    tiers_after,
)

Json = dict[str, Any]
CAMPAIGN: Json = {"id": "camp_1", "name": "Bean points"}
CARD = "customer.voucher.loyalty_card."


def event(kind: str = CARD + "points_added", **data: Any) -> Event:
    told = {"campaign": CAMPAIGN} | data
    return Event("e", kind, datetime(2026, 11, 24, tzinfo=UTC), "", "c", told)


def test_the_events_that_tell_are_those_of_the_contract() -> None:
    assert {
        CARD + "points_added",
        CARD + "points_expired",
        CARD + "pending_points.activated",
        "customer.rewarded.loyalty_points",
    } == POINTS_EVENTS
    moves = ("joined", "left", "upgraded", "downgraded", "prolonged")
    assert {f"customer.loyalty.tier.{move}" for move in moves} == TIER_EVENTS


BALANCE: Json = {"balance": {"balance": 1}}
TRANSACTION: Json = {"transaction": {"details": {"balance": {"balance": 2}}}}
VOUCHER: Json = {"voucher": {"loyalty_card": {"balance": 3}}}


@pytest.mark.parametrize(
    ("data", "points"),
    [
        pytest.param({**VOUCHER, **TRANSACTION, **BALANCE}, 1, id="the balance"),
        pytest.param({**VOUCHER, **TRANSACTION, "balance": {"points": 5}}, 2, id="else the transaction's"),
        pytest.param({**VOUCHER, "transaction": {"details": None}, "balance": None}, 3, id="else the card's"),
        pytest.param({**VOUCHER, "balance": {"balance": "1"}}, 3, id="a text is no balance"),
        pytest.param({"balance": {"balance": 0}, **VOUCHER}, 0, id="0 is one"),
    ],
)
def test_where_the_balance_stands(data: dict[str, Any], points: int) -> None:
    assert points_after({}, event(**data)) == {"camp_1": [points, "Bean points"]}


@pytest.mark.parametrize("data", [{}, {"balance": {"balance": True}}, {"voucher": []}, {"campaign": None, **BALANCE}])
def test_without_a_balance_or_a_campaign_nothing_changes(data: dict[str, Any]) -> None:
    known: ByCampaign = {"camp_1": [7, None]}
    assert points_after(known, event(**data)) is known


def test_the_same_balance_again_changes_nothing() -> None:
    known: ByCampaign = {"camp_1": [1, "Bean points"]}
    assert points_after(known, event(**BALANCE)) is known


def test_a_name_stays_until_another_is_told() -> None:
    known: ByCampaign = {"camp_1": [7, "Bean points"]}
    assert points_after(known, event(campaign={"id": "camp_1"}, **BALANCE)) == {"camp_1": [1, "Bean points"]}
    renamed = event(campaign={"id": "camp_1", "name": "Leaf points"}, **BALANCE)
    assert points_after(known, renamed) == {"camp_1": [1, "Leaf points"]}


@pytest.mark.parametrize(
    ("move", "data", "tier"),
    [
        ("joined", {"loyalty_tier": {"id": "gold"}}, "gold"),
        ("prolonged", {"loyalty_tier": {"id": "gold"}}, "gold"),
        ("upgraded", {"loyalty_tier_from": {"id": "silver"}, "loyalty_tier_to": {"id": "gold"}}, "gold"),
        ("downgraded", {"loyalty_tier_from": {"id": "gold"}, "loyalty_tier_to": {"id": "silver"}}, "silver"),
        ("joined", {"loyalty_tier_to": {"id": "gold"}}, "bronze"),
        ("upgraded", {"loyalty_tier": {"id": "gold"}}, "bronze"),
        ("joined", {"loyalty_tier": {"name": "Gold"}}, "bronze"),
    ],
)
def test_each_event_leaves_the_tier_that_it_names(move: str, data: dict[str, Any], tier: str) -> None:
    known: ByCampaign = {"camp_1": ["bronze", "Bean points"]}
    assert tiers_after(known, event(f"customer.loyalty.tier.{move}", **data)) == {"camp_1": [tier, "Bean points"]}


def test_leaving_removes_the_tier_of_that_campaign() -> None:
    known: ByCampaign = {"camp_1": ["bronze", None], "camp_2": ["gold", None]}
    left = event("customer.loyalty.tier.left", loyalty_tier={"id": "bronze"})
    assert tiers_after(known, left) == {"camp_2": ["gold", None]}
    assert tiers_after({}, left) == {}


def test_rules_read_no_tier_one_tier_or_a_list() -> None:
    assert loyalty_tier({}) is None
    assert loyalty_tier({"camp_1": ["gold", None]}) == "gold"
    assert loyalty_tier({"camp_1": ["gold", None], "camp_2": ["silver", None]}) == ["gold", "silver"]


def test_a_campaign_is_found_by_its_id_and_its_name_and_the_id_counts() -> None:
    known: ByCampaign = {"camp_1": [1, "Bean points"], "camp_2": [2, "camp_1"], "camp_3": [3, None]}
    assert by_id_and_name(known) == {"camp_1": 1, "Bean points": 1, "camp_2": 2, "camp_3": 3}
