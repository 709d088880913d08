"""What a customer has ordered, counted from the order events alone.

An order counts while its status is PAID or FULFILLED, once, with the latest amount that was told of it. The youngest
50 of those that count are remembered one by one, so that they can be taken out again; of older ones only their number
and sum. Values: the functions here return new objects and never touch those they were given.
"""

from math import fsum
from typing import Any, Final

import orjson

from streamproc.domain.events import Event, parse_instant

#: How many orders are remembered one by one.
REMEMBERED: Final = 50
ORDER_EVENTS: Final = frozenset(
    f"customer.order.{name}" for name in ("created", "updated", "paid", "canceled", "fulfilled")
)

_COUNTED: Final = frozenset({"PAID", "FULFILLED"})
# What an event says of an order that tells no status. An update says nothing.
_STATUS_OF_EVENT: Final = {
    "customer.order.created": "CREATED",
    "customer.order.paid": "PAID",
    "customer.order.canceled": "CANCELED",
    "customer.order.fulfilled": "FULFILLED",
}
_NUMBERS: Final = frozenset({int, float})
# Beyond it floats skip whole numbers, and sums could outgrow what JSON can hold. No amount of money is near it.
_LARGEST_AMOUNT: Final = 2**53
_LARGEST_INTEGER = 2**63 - 1  # that the encoder writes

#: The remembered orders by id, in the order in which they became counted; how many older ones count; their sum.
#: A remembered order is one text, `amount|made|counted`: when it was made in microseconds since the epoch, and when it
#: became counted as that event wrote it. Texts and no objects, because they stand in the state's JSON: all of them are
#: read and written with every order of the customer, and seldom one is looked into.
Orders = list[Any]
NO_ORDERS: Final[Orders] = [{}, 0, 0]


def orders_after(orders: Orders, event: Event) -> Orders:
    """Return the orders after an order event; the same object when it changes nothing."""
    order: Any = event.outline.get("order")
    order_id = order.get("id") if type(order) is dict else None
    if type(order_id) is not str or not order_id:
        return orders
    status = order.get("status")
    if type(status) is not str:
        status = _STATUS_OF_EVENT.get(event.type)
    remembered: dict[str, str] = orders[0]
    known = remembered.get(order_id)
    if known is None:
        return _count(orders, order_id, order, event) if status in _COUNTED else orders
    if status is None or status in _COUNTED:
        return _correct(orders, order_id, known, order)
    remembered = remembered.copy()
    del remembered[order_id]
    return [remembered, orders[1], orders[2]]


def summary(orders: Orders) -> dict[str, Any]:
    """Return what filters read as `summary.orders`; of the last order only what is known."""
    amounts = [_amount_of(entry) for entry in orders[0].values()]
    count = total_count(orders)
    total = orders[2] + (fsum(amounts) if float in map(type, amounts) else sum(amounts))
    told = {"total_count": count, "total_amount": total, "average_amount": total / count if count else 0}
    if amounts:
        told |= {"last_order_amount": last_order_amount(orders), "last_order_date": last_order_date(orders)}
    return told


def total_count(orders: Orders) -> int:
    """Return how many orders count."""
    older_count: int = orders[1]
    return older_count + len(orders[0])


def last_order_amount(orders: Orders) -> Any:
    """Return the amount of the order that most recently became counted, None where none is remembered."""
    remembered = orders[0]
    return _amount_of(remembered[next(reversed(remembered))]) if remembered else None


def last_order_date(orders: Orders) -> Any:
    """Return when that order became counted, as the event wrote it."""
    remembered = orders[0]
    return remembered[next(reversed(remembered))].split("|")[2] if remembered else None


def _count(orders: Orders, order_id: str, order: dict[str, Any], event: Event) -> Orders:
    made_at = order.get("created_at")
    instant = parse_instant(made_at) if type(made_at) is str else None
    made = round((instant or event.created_at).timestamp() * 1_000_000)
    remembered: dict[str, str] = orders[0]
    count, amount = orders[1], orders[2]
    if len(remembered) < REMEMBERED:
        remembered = remembered.copy()
    else:
        oldest = min([_made(entry) for entry in remembered.values()])
        if made < oldest:
            # Whether it has been counted before is not known any more.
            return orders
        remembered = remembered.copy()
        first = next(one for one, entry in remembered.items() if _made(entry) == oldest)
        count, amount = count + 1, _sum(amount, _amount_of(remembered.pop(first)))
    told = _amount(order)
    remembered[order_id] = f"{_written(0 if told is None else told)}|{made}|{event.body['created_at']}"
    return [remembered, count, amount]


def _correct(orders: Orders, order_id: str, known: str, order: dict[str, Any]) -> Orders:
    """Take over the amount of an order that counts already; its place in the order stays."""
    amount = _amount(order)
    if amount is None or amount == _amount_of(known):
        return orders
    return [{**orders[0], order_id: _written(amount) + known[known.index("|") :]}, orders[1], orders[2]]


def _written(amount: Any) -> str:
    return orjson.dumps(amount).decode()


def _amount_of(entry: str) -> Any:
    return orjson.loads(entry[: entry.index("|")])


def _made(entry: str) -> int:
    return int(entry.split("|")[1])


def _amount(order: dict[str, Any]) -> Any:
    amount: Any = order.get("amount")
    return amount if type(amount) in _NUMBERS and -_LARGEST_AMOUNT <= amount <= _LARGEST_AMOUNT else None


def _sum(one: Any, other: Any) -> Any:
    total = one + other
    return total if -_LARGEST_INTEGER <= total <= _LARGEST_INTEGER else float(total)
