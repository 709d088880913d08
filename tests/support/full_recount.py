"""The demo's naive count, and beside it what is to be known of each customer in the end."""

from dataclasses import dataclass
from typing import Any

import orjson

from streamproc.domain.orders import NO_ORDERS, Orders
from streamproc.local.naive_customers import NaiveCustomer
from streamproc.local.recount import NOT_PROFILE, Recount
from tests.support.remembered_orders import remembered_orders

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Customer:
    """What is known of one customer, in a form that does not depend on how it is written down.

    `orders` are id, amount and time of counting; `older` is the number and sum of those that are not remembered.
    """

    profile: Json
    segments: list[str]
    orders: list[tuple[str, Any, str]]
    older: tuple[int, Any]
    events: dict[str, tuple[int, str]]
    points: dict[str, Any]
    tiers: dict[str, Any]


class FullRecount(Recount):
    """A recount that also tells what is known of each customer."""

    def customers(self) -> dict[str, Customer]:
        """Return what is known of each customer; a null in a profile says nothing."""
        return {
            identity: _counted(
                {name: value for name, value in known.profile.items() if value is not None and name not in NOT_PROFILE},
                sorted(known.segments),
                known.counted,
            )
            for identity, known in self.known.items()
        }


def written_customer(value: bytes) -> Customer:
    """Read what is known of a customer from its record in `customer-state`."""
    state = orjson.loads(value)
    orders: Orders = state.get("orders", NO_ORDERS)
    return Customer(
        state["profile"],
        state.get("memberships", []),
        [(order.id, order.amount, order.counted) for order in remembered_orders(orders)],
        (orders[4], orders[5]),
        {name: (count, last) for name, (count, last) in state.get("events", {}).items()},
        state.get("points", {}),
        state.get("tiers", {}),
    )


def differing(one: dict[str, Customer], other: dict[str, Customer]) -> list[str]:
    """Name the customers of whom not the same is known, a few at most: whole states would fill the screen."""
    return sorted(identity for identity in one.keys() | other.keys() if one.get(identity) != other.get(identity))[:5]


def _counted(profile: Json, segments: list[str], counted: NaiveCustomer) -> Customer:
    return Customer(
        profile,
        segments,
        [(order.id, order.amount, order.counted_at) for order in counted.orders],
        (len(counted.forgotten), sum(counted.forgotten)),
        {name: (len(times), max(times)) for name, times in counted.custom_events.items()},
        {campaign: [value, name] for campaign, (value, name) in counted.points.items()},
        {campaign: [value, name] for campaign, (value, name) in counted.tiers.items()},
    )
