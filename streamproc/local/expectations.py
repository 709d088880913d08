"""What the sample configuration promises, written down by hand: per distribution its condition and its channels.

Deliberately not read from the configuration and not evaluated by the package's own rules: this is the other side
of the demo's comparison. Times are UTC. Change it together with `streamproc.local.sample`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Situation:
    """One event and its customer, after the event's own changes of profile and membership."""

    data: dict[str, Any]
    customer: dict[str, Any]
    segments: frozenset[str]
    now: datetime


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


def of_segment(segment: str) -> Callable[[Situation], bool]:
    """Hold for the events of one segment."""
    return lambda situation: situation.data["segment"]["id"] == segment


def of_campaign(campaign: str) -> Callable[[Situation], bool]:
    """Hold for the events of one campaign."""
    return lambda situation: situation.data["campaign"]["id"] == campaign


# The paused one, the draft and the blocked one promise nothing.
PROMISES = (
    Promise("distr_abandoned_cart", "customer.custom_event", full_cart, ("batch", "email")),
    Promise("distr_basket_reward", "customer.order.created", big_basket, ("email", "sms")),
    Promise("distr_gold_thanks", "customer.order.paid", gold, ("braze", "batch")),
    Promise("distr_order_changed", "customer.order.updated", online, ("webhook", "sms")),
    Promise("distr_order_confirmation", "customer.order.created", always, ("email",)),
    Promise("distr_pickup_reminder", "customer.order.paid", pickup_soon, ("intercom", "sms")),
    Promise(
        "distr_points_news", "customer.voucher.loyalty_card.points_added", of_campaign("camp_points"), ("klaviyo",)
    ),
    Promise("distr_receipt", "customer.order.paid", always, ("email", "webhook", "webhook")),
    Promise("distr_review_rescue", "customer.custom_event", unhappy_review, ("webhook",)),
    Promise("distr_review_thanks", "customer.custom_event", happy_review, ("email",)),
    Promise("distr_vip_goodbye", "customer.segment.left", of_segment("seg_vip"), ("activecampaign", "intercom")),
    Promise("distr_vip_welcome", "customer.segment.entered", of_segment("seg_vip"), ("email", "braze")),
    Promise("distr_winback", "customer.order.canceled", winback, ("activecampaign", "email")),
)


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
