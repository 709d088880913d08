"""What the sample configuration promises, written down by hand.

Per distribution its condition and its channels, per computed segment whom it consists of.

Deliberately not read from the configuration and not evaluated by the package's own rules: this is the other side
of the demo's comparison. Times are UTC. Change it together with `streamproc.local.sample`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from streamproc.local.naive_customers import NaiveCustomer


@dataclass(frozen=True, slots=True)
class Situation:
    """One event and its customer, after the event's own changes of profile and membership."""

    data: dict[str, Any]
    customer: dict[str, Any]
    segments: frozenset[str]
    tiers: frozenset[str]
    now: datetime


@dataclass(slots=True)
class Known:
    """What the records so far have told of one customer."""

    identity: str
    profile: dict[str, Any] = field(default_factory=dict)
    segments: set[str] = field(default_factory=set)
    counted: NaiveCustomer = field(default_factory=NaiveCustomer)


@dataclass(frozen=True, slots=True)
class ManualPromise:
    """What one manual distribution does: to whom its jobs go and where, and what its log tells of it."""

    distribution: str
    segment: str
    channels: tuple[str, ...]
    receipts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Promise:
    """What one distribution does: which events concern it, and where its jobs go."""

    distribution: str
    event: str
    holds: Callable[[Situation], bool]
    channels: tuple[str, ...]


def instant(text: str) -> datetime:
    """Read an RFC 3339 instant; a date alone is its midnight in UTC."""
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def always(_: Situation) -> bool:
    """Hold for every event of the trigger."""
    return True


def big_basket(situation: Situation) -> bool:
    """80.00 and more, with much or fine coffee in it; or a present of three lines."""
    order = situation.data["order"]
    coffee = [line for line in order["items"] if _is_of(line, "pc_coffee")]
    much = sum(line["quantity"] for line in coffee) >= 3
    fine = any(line["price"] > 1500 for line in coffee)
    present = len(order["items"]) > 2 and order["metadata"].get("gift") is True
    return order["amount"] >= 8000 and (much or fine or present)


def gold(situation: Situation) -> bool:
    """Gold club or best customer, and not picked up."""
    club = situation.customer.get("metadata", {}).get("club")
    return (club in {"gold", "platinum"} or "seg_vip" in situation.segments) and _delivery(situation) != "pickup"


def pickup_soon(situation: Situation) -> bool:
    """Picked up within three days of the event, Monday to Friday, from 08:00 until before 17:00."""
    at = instant(situation.data["order"]["metadata"]["pickup_at"])
    soon = situation.now <= at < situation.now + timedelta(days=3)
    return _delivery(situation) == "pickup" and soon and at.isoweekday() <= 5 and 8 <= at.hour < 17


def winback(situation: Situation) -> bool:
    """Member since before 2025 and no gifts in the order; or more than one favourite."""
    metadata = situation.customer.get("metadata", {})
    old = "member_since" in metadata and instant(metadata["member_since"]) < datetime(2025, 1, 1, tzinfo=UTC)
    no_gifts = not any(_is_of(line, "pc_gifts") for line in situation.data["order"]["items"])
    return (old and no_gifts) or len(metadata.get("favourites", [])) > 1


def online(situation: Situation) -> bool:
    """Not ordered at the till."""
    return situation.customer.get("metadata", {}).get("device") in {"web", "app"}


def happy_review(situation: Situation) -> bool:
    """Four or five, by a buyer."""
    review = _custom_event(situation, "review_left")
    return review is not None and review["rating"] >= 4 and review["verified"] is True


def unhappy_review(situation: Situation) -> bool:
    """One or two, by a member of a better club (or of none that is known), or bought in the last thirty days."""
    review = _custom_event(situation, "review_left")
    if review is None or review["rating"] > 2:
        return False
    better = situation.customer.get("metadata", {}).get("club") not in {"none", "bronze"}
    recent = situation.now - timedelta(days=30) < instant(review["bought_at"]) <= situation.now
    return better or recent


def full_cart(situation: Situation) -> bool:
    """More than 30.00, coffee or tea among it."""
    cart = _custom_event(situation, "cart_abandoned")
    return cart is not None and cart["value"] > 3000 and bool({"coffee", "tea"} & set(cart["tags"]))


def tasting(situation: Situation) -> bool:
    """Coffee and tea alone, nothing dear; and two or more of the cheapest, or a tier of the bean club."""
    lines = situation.data["order"]["items"]
    plain = all((_is_of(line, "pc_coffee") or _is_of(line, "pc_tea")) and line["price"] < 2500 for line in lines)
    lowest = min((line["price"] for line in lines), default=0)
    several = any(line["price"] == lowest and line["quantity"] >= 2 for line in lines)
    return bool(lines) and plain and (several or bool(situation.tiers & {"tier_silver", "tier_gold"}))


def equipment(situation: Situation) -> bool:
    """Equipment is the dearest; and a grinder or kettle of over 50.00, or over 150.00 of equipment together."""
    lines = situation.data["order"]["items"]
    highest = max((line["price"] for line in lines), default=0)
    dearest = any(line["price"] == highest and _is_of(line, "pc_equipment") for line in lines)
    dear = any(line["product_id"] in {"prod_7", "prod_8"} and line["price"] > 5000 for line in lines)
    together = sum(line["price"] * line["quantity"] for line in lines if _is_of(line, "pc_equipment"))
    return dearest and (dear or together > 15_000)


def in_panel(situation: Situation) -> bool:
    """Belongs to those who said that they would answer questions."""
    return "seg_panel" in situation.segments


def of_segment(segment: str) -> Callable[[Situation], bool]:
    """Hold for the events of one segment."""
    return lambda situation: situation.data["segment"]["id"] == segment


def of_campaign(campaign: str) -> Callable[[Situation], bool]:
    """Hold for the events of one campaign."""
    return lambda situation: situation.data["campaign"]["id"] == campaign


def of_tier(campaign: str, tier: str, named: str = "loyalty_tier") -> Callable[[Situation], bool]:
    """Hold for the events of one campaign that are about one of its tiers."""
    return lambda situation: of_campaign(campaign)(situation) and situation.data[named]["id"] == tier


# The paused one, the draft and the blocked one promise nothing.
PROMISES = (
    Promise("distr_abandoned_cart", "customer.custom_event", full_cart, ("batch", "email")),
    Promise("distr_basket_reward", "customer.order.created", big_basket, ("email", "sms")),
    Promise("distr_big_spender", "customer.segment.entered", of_segment("seg_big_spenders"), ("email", "webhook")),
    Promise("distr_big_spender_lost", "customer.segment.left", of_segment("seg_big_spenders"), ("batch",)),
    Promise("distr_equipment_care", "customer.order.paid", equipment, ("email", "intercom")),
    Promise("distr_friend_came", "customer.referred", of_campaign("camp_friends"), ("sms", "activecampaign")),
    Promise("distr_gift_topped_up", "customer.voucher.gift.balance_added", of_campaign("camp_gifts"), ("email",)),
    Promise("distr_gold_thanks", "customer.order.paid", gold, ("braze", "batch")),
    Promise("distr_golden_farewell", "customer.segment.left", of_segment("seg_golden"), ("email",)),
    Promise("distr_golden_hello", "customer.segment.entered", of_segment("seg_golden"), ("braze", "intercom")),
    Promise("distr_order_changed", "customer.order.updated", online, ("webhook", "sms")),
    Promise("distr_order_confirmation", "customer.order.created", always, ("email",)),
    Promise("distr_panel_question", "customer.order.created", in_panel, ("email",)),
    Promise("distr_pickup_reminder", "customer.order.paid", pickup_soon, ("intercom", "sms")),
    Promise(
        "distr_points_news", "customer.voucher.loyalty_card.points_added", of_campaign("camp_points"), ("klaviyo",)
    ),
    Promise("distr_receipt", "customer.order.paid", always, ("email", "webhook", "webhook")),
    Promise("distr_redeemed", "customer.redemption.succeeded", of_campaign("camp_spring"), ("webhook",)),
    Promise("distr_review_rescue", "customer.custom_event", unhappy_review, ("webhook",)),
    Promise("distr_review_thanks", "customer.custom_event", happy_review, ("email",)),
    Promise("distr_reviewer", "customer.segment.entered", of_segment("seg_reviewers"), ("sms",)),
    Promise("distr_reward_arrived", "customer.reward_redemptions.completed", of_campaign("camp_points"), ("braze",)),
    Promise("distr_tasting", "customer.order.paid", tasting, ("email", "batch")),
    Promise(
        "distr_tier_gold",
        "customer.loyalty.tier.upgraded",
        of_tier("camp_points", "tier_gold", "loyalty_tier_to"),
        ("email", "webhook"),
    ),
    Promise(
        "distr_tier_points", "customer.rewarded.loyalty_points", of_tier("camp_points", "tier_silver"), ("intercom",)
    ),
    Promise("distr_vip_goodbye", "customer.segment.left", of_segment("seg_vip"), ("activecampaign", "intercom")),
    Promise("distr_vip_welcome", "customer.segment.entered", of_segment("seg_vip"), ("email", "braze")),
    Promise("distr_winback", "customer.order.canceled", winback, ("activecampaign", "email")),
)


# Edited before it went out: the SMS came with the edit.
TEA_SALE = ManualPromise(
    "distr_tea_sale", "seg_tea_buyers", ("email", "sms", "webhook"), ("held", "replaced", "released", "done")
)
# Called off before it went out.
MUG_SALE = ManualPromise("distr_mug_sale", "seg_tea_buyers", (), ("held", "canceled"))


def big_spender(known: Known) -> bool:
    """600.00 and more, in three orders or more."""
    summary = known.counted.summary()
    return bool(summary["total_amount"] >= 60_000 and summary["total_count"] > 2)


def golden(known: Known) -> bool:
    """In the gold club, or of the gold tier, or with over 590 points of the bean club."""
    tier, _ = known.counted.tiers.get("camp_points", (None, None))
    points, _ = known.counted.points.get("camp_points", (0, None))
    return _club(known.profile) in {"gold", "platinum"} or tier == "tier_gold" or points > 590


def reviewer(known: Known) -> bool:
    """Two reviews or more, by a member of some club, or by somebody of whose club nothing is known."""
    return len(known.counted.custom_events.get("review_left", ())) > 1 and _club(known.profile) != "none"


def panel(known: Known) -> bool:
    """Customers whose number ends with 00."""
    return known.identity.endswith("00")


def tea_buyer(known: Known) -> bool:
    """Tea is a favourite, and something has been bought."""
    favourites = (known.profile.get("metadata") or {}).get("favourites") or []
    return "tea" in favourites and known.counted.summary()["total_count"] > 0


# Members are found here; who belongs to another segment is what upstream says.
COMPUTED_SEGMENTS = {
    "seg_big_spenders": big_spender,
    "seg_golden": golden,
    "seg_panel": panel,
    "seg_reviewers": reviewer,
}
# As above, but written while events flow.
LATER_SEGMENTS = {"seg_tea_buyers": tea_buyer}
STATIC_SEGMENTS = frozenset({"seg_panel"})
EXTERNAL_SEGMENTS = frozenset({"seg_vip", "seg_readers", "seg_leaving"})


def _club(profile: dict[str, Any]) -> object:
    return (profile.get("metadata") or {}).get("club")


def _delivery(situation: Situation) -> object:
    return situation.data["order"]["metadata"].get("delivery")


def _is_of(line: dict[str, Any], collection: str) -> bool:
    return any(
        named == collection or (isinstance(named, dict) and named["id"] == collection) for named in line["collections"]
    )


def _custom_event(situation: Situation, name: str) -> dict[str, Any] | None:
    """Return the metadata of a custom event of this name, None for one of another name."""
    event = situation.data["event"]
    named = situation.data.get("event_schema", {}).get("name") or event["type"]
    metadata: dict[str, Any] = event["metadata"]
    return metadata if named == name else None
