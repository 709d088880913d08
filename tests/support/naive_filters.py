"""The oracle of the properties on filters: reads them straight from their description, slowly, compiling nothing.

The operators that rules have as well are decided by the oracle of rules. Nothing of the package is used.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from tests.support.naive_rules import ALIASES, NUMERIC, World, at, instant, is_number, operator_holds


@dataclass
class Order:
    """One order that counts; the last of a list is the one that most recently became counted."""

    amount: Any
    counted_at: str


@dataclass
class Known:
    """What is known of a customer. Points and tiers are (campaign's id, its name, the value)."""

    profile: dict[str, Any] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    events: dict[str, tuple[int, str]] = field(default_factory=dict)
    points: list[tuple[str, str | None, Any]] = field(default_factory=list)
    tiers: list[tuple[str, str | None, str]] = field(default_factory=list)


def filter_holds(given: dict[str, Any], known: Known, now: datetime, zone: tzinfo) -> bool:
    truth = [
        all(
            condition_holds(operator, value, attribute_of(known, attribute), now, zone)
            for operator, value in (entry.get("conditions") or {}).items()
        )
        for attribute, entry in given.items()
        if attribute != "junction"
    ]
    return any(truth) if str(given.get("junction")).lower() == "or" else all(truth)


def condition_holds(operator: str, value: Any, subject: Any, now: datetime, zone: tzinfo) -> bool:
    operator = ALIASES.get(operator, operator)
    (only, *_) = value if isinstance(value, list) else [value]
    moment = instant(subject, zone)
    if operator in {"$more_than", "$less_than"} and moment and (is_number(only) or NUMERIC.fullmatch(only)):
        days_ago = (now - moment) / timedelta(days=1)
        return days_ago > float(only) if operator == "$more_than" else 0 <= days_ago < float(only)
    return operator_holds(operator, value, subject, World("order", {}, {}, [], None, now, zone))


def attribute_of(known: Known, path: str) -> Any:
    family, _, rest = path.partition(".")
    if family == "events":
        name, _, field_ = rest.rpartition(".")
        count, last = known.events.get(name, (0, None))
        return {"count": count, "last": last}.get(field_)
    if family == "summary":
        return summary(known.orders).get(rest)
    if family in {"loyalty_points", "loyalty_tier"}:
        entries = known.points if family == "loyalty_points" else known.tiers
        found: dict[str, Any] = {name: value for _campaign, name, value in entries if name is not None}
        found |= {campaign: value for campaign, _name, value in entries}
        wanted = rest.removeprefix("campaigns.").removesuffix(".points")
        return found.get(wanted)
    return at(known.profile, path)


def summary(orders: list[Order]) -> dict[str, Any]:
    amounts = [order.amount for order in orders]
    return {
        "orders.total_count": len(orders),
        "orders.total_amount": sum(amounts),
        "orders.average_amount": sum(amounts) / len(orders) if orders else 0,
        "orders.last_order_amount": orders[-1].amount if orders else None,
        "orders.last_order_date": orders[-1].counted_at if orders else None,
    }
