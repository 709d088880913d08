"""What the events of a customer come to, one after the other: orders, custom events, points and tiers.

Slow and obvious on purpose, and nothing that decides in the worker is used: the demo's separate count stands on this,
and so do tests of customer state.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]

REMEMBERED = 50
STATUSES = {"created": "CREATED", "paid": "PAID", "canceled": "CANCELED", "fulfilled": "FULFILLED"}
POINTS = (
    "customer.voucher.loyalty_card.points_added",
    "customer.voucher.loyalty_card.points_expired",
    "customer.voucher.loyalty_card.pending_points.activated",
    "customer.rewarded.loyalty_points",
)


@dataclass
class CountedOrder:
    """One order that counts."""

    id: str
    amount: Any
    made_at: datetime
    counted_at: str


@dataclass
class NaiveCustomer:
    """What the events of one customer come to. `orders` are the remembered ones, in the order of their counting."""

    orders: list[CountedOrder] = field(default_factory=list)
    forgotten: list[Any] = field(default_factory=list)  # amounts of the orders that count, but are not remembered
    custom_events: dict[str, list[str]] = field(default_factory=dict)  # by name, the times of all
    # By the campaign's id, with its name, where one was told.
    points: dict[str, tuple[Any, str | None]] = field(default_factory=dict)
    tiers: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    def summary(self) -> Json:
        """Return what filters know as `summary.orders`."""
        amounts = [order.amount for order in self.orders] + self.forgotten
        last = self.orders[-1] if self.orders else None
        return {
            "total_count": len(amounts),
            "total_amount": sum(amounts),
            "average_amount": sum(amounts) / len(amounts) if amounts else 0,
            "last_order_amount": last.amount if last else None,
            "last_order_date": last.counted_at if last else None,
        }


def recount(events: list[Json]) -> NaiveCustomer:
    """Count the events of one customer, in the order in which they came."""
    customer = NaiveCustomer()
    for event in events:
        customer = take(customer, event)
    return customer


def take(customer: NaiveCustomer, event: Json) -> NaiveCustomer:
    """Count one more event; a deletion begins anew."""
    kind: str = event["type"]
    if kind == "customer.deleted":
        return NaiveCustomer()
    if kind.startswith("customer.order."):
        _order(customer, event)
    elif kind == "customer.custom_event":
        _custom_event(customer, event)
    elif kind in POINTS:
        _points(customer, event["data"])
    elif kind.startswith("customer.loyalty.tier."):
        _tier(customer, kind.rpartition(".")[2], event["data"])
    return customer


def merged(profile: Json, told: Json) -> Json:
    """Lay what an event tells of a customer over its profile: nulls leave it as it is, objects go key by key."""
    result = dict(profile)
    for name, value in told.items():
        if name in {"metadata", "address"} and isinstance(value, dict):
            former = result.get(name)
            result[name] = merged(former if isinstance(former, dict) else {}, value)
        elif value is not None:
            result[name] = value
    return result


def _order(customer: NaiveCustomer, event: Json) -> None:
    order = event["data"].get("order")
    if not isinstance(order, dict) or not isinstance(order.get("id"), str):
        return
    status = order.get("status") or STATUSES.get(event["type"].rpartition(".")[2])
    counts = status in {"PAID", "FULFILLED"}
    known = next((one for one in customer.orders if one.id == order["id"]), None)
    if known is not None and (counts or status is None):
        if _is_number(order.get("amount")):
            known.amount = order["amount"]
    elif known is not None:
        customer.orders.remove(known)
    elif counts:
        made_at = datetime.fromisoformat(order.get("created_at") or event["created_at"])
        if len(customer.orders) == REMEMBERED:
            oldest = min(customer.orders, key=lambda one: one.made_at)
            if made_at < oldest.made_at:
                return
            customer.orders.remove(oldest)
            customer.forgotten.append(oldest.amount)
        amount = order["amount"] if _is_number(order.get("amount")) else 0
        customer.orders.append(CountedOrder(order["id"], amount, made_at, event["created_at"]))


def _custom_event(customer: NaiveCustomer, event: Json) -> None:
    schema, told = event["data"].get("event_schema") or {}, event["data"].get("event") or {}
    name = schema.get("name") or told.get("type")
    if name:
        customer.custom_events.setdefault(name, []).append(event["created_at"])


def _points(customer: NaiveCustomer, data: Json) -> None:
    for path in ("balance.balance", "transaction.details.balance.balance", "voucher.loyalty_card.balance"):
        found: Any = data
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if _is_number(found):
            _put(customer.points, data["campaign"], found)
            return


def _tier(customer: NaiveCustomer, what: str, data: Json) -> None:
    if what == "left":
        customer.tiers.pop(data["campaign"]["id"], None)
        return
    tier = data.get("loyalty_tier_to" if what in {"upgraded", "downgraded"} else "loyalty_tier")
    if tier is not None:
        _put(customer.tiers, data["campaign"], tier["id"])


def _put(known: dict[str, tuple[Any, str | None]], campaign: Json, value: Any) -> None:
    _, name = known.get(campaign["id"], (None, None))
    known[campaign["id"]] = value, campaign.get("name") or name


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
