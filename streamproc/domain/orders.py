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
_LARGEST_INTEGER: Final = 2**63 - 1  # that the encoder writes

#: The remembered orders in four columns, in the order in which they became counted: their ids, their amounts, when each
#: was made in microseconds since the epoch, and when it became counted as that event wrote it. Then how many they are,
#: how many older ones count, and the sum of those.
#: A column is one text, its fields parted by commas, because all of it is read and written with every order of the
#: customer, and seldom one is looked into: of fifty orders that takes a tenth of what it takes with objects.
Orders = list[Any]
NO_ORDERS: Final[Orders] = ["", "", "", "", 0, 0, 0]


def orders_after(orders: Orders, event: Event) -> Orders:
    """Return the orders after an order event; the same object when it changes nothing."""
    order: Any = event.outline.get("order")
    order_id = order.get("id") if type(order) is dict else None
    if type(order_id) is not str or not order_id:
        return orders
    status = order.get("status")
    if type(status) is not str:
        status = _STATUS_OF_EVENT.get(event.type)
    own_id = _escape(order_id)
    place = _place_of(own_id, orders[0])
    if place < 0:
        return _count(orders, own_id, order, event) if status in _COUNTED else orders
    if status is None or status in _COUNTED:
        return _correct(orders, place, order)
    return _without(orders, place)


def summary(orders: Orders) -> dict[str, Any]:
    """Return what filters read as `summary.orders`; of the last order only what is known."""
    amounts = _numbers(orders[1])
    count = total_count(orders)
    total = orders[6] + (fsum(amounts) if float in map(type, amounts) else sum(amounts))
    told = {"total_count": count, "total_amount": total, "average_amount": total / count if count else 0}
    if amounts:
        told |= {"last_order_amount": amounts[-1], "last_order_date": last_order_date(orders)}
    return told


def total_count(orders: Orders) -> int:
    """Return how many orders count."""
    remembered: int = orders[4]
    older: int = orders[5]
    return remembered + older


def last_order_amount(orders: Orders) -> Any:
    """Return the amount of the order that most recently became counted, None where none is remembered."""
    last = _last(orders[1])
    return None if last is None else orjson.loads(last)


def last_order_date(orders: Orders) -> str | None:
    """Return when that order became counted, as the event wrote it."""
    return _last(orders[3])


def from_version_2(told: list[Any]) -> Orders:
    """Return the orders of a state that was written as an object of `amount|made|counted` by id."""
    remembered, older, older_sum = told
    entries = [entry.split("|") for entry in remembered.values()]
    ids = ",".join([_escape(order_id) for order_id in remembered])
    columns = [",".join([entry[column] for entry in entries]) for column in range(3)]
    return [ids, *columns, len(remembered), older, older_sum]


def _count(orders: Orders, own_id: str, order: dict[str, Any], event: Event) -> Orders:
    made_at = order.get("created_at")
    instant = parse_instant(made_at) if type(made_at) is str else None
    made = round((instant or event.created_at).timestamp() * 1_000_000)
    if orders[4] >= REMEMBERED:
        all_made = _numbers(orders[2])
        oldest = min(all_made)
        if made < oldest:
            # Whether it has been counted before is not known any more.
            return orders
        place = all_made.index(oldest)
        older, older_sum = orders[5] + 1, _sum(orders[6], orjson.loads(_field(orders[1], place, orders[4])))
        orders = [*_without(orders, place)[:5], older, older_sum]
    told = _amount(order)
    return [
        _append(orders[0], own_id),
        _append(orders[1], _written(0 if told is None else told)),
        _append(orders[2], str(made)),
        _append(orders[3], event.created_text),
        orders[4] + 1,
        orders[5],
        orders[6],
    ]


def _correct(orders: Orders, place: int, order: dict[str, Any]) -> Orders:
    """Take over the amount of an order that counts already; its place in the order stays."""
    amount = _amount(order)
    if amount is None or amount == orjson.loads(_field(orders[1], place, orders[4])):
        return orders
    return [orders[0], _replace(orders[1], place, orders[4], _written(amount)), *orders[2:]]


def _without(orders: Orders, place: int) -> Orders:
    """Forget a remembered order."""
    fields: int = orders[4]
    return [*[_remove(column, place, fields) for column in orders[:4]], fields - 1, orders[5], orders[6]]


def _escape(order_id: str) -> str:
    """Return the id as it stands in a column."""
    if "," in order_id or "%" in order_id:
        return order_id.replace("%", "%25").replace(",", "%2C")
    return order_id


def _place_of(own_id: str, ids: str) -> int:
    """Return the place of an id in its column, -1 where it is not there."""
    if own_id not in ids:  # mostly it is new: then the texts below, as long as the column, need not be made
        return -1
    at = f",{ids},".find(f",{own_id},")
    return at if at <= 0 else ids.count(",", 0, at)


def _start_of(column: str, place: int, fields: int) -> int:
    """Return where a field begins in a column of so many, looked for from the nearer end."""
    if 2 * place < fields:
        start = 0
        for _ in range(place):
            start = column.index(",", start) + 1
        return start
    comma = len(column)
    for _ in range(fields - place):
        comma = column.rfind(",", 0, comma)
    return comma + 1


def _end_of(column: str, start: int) -> int:
    end = column.find(",", start)
    return len(column) if end < 0 else end


def _field(column: str, place: int, fields: int) -> str:
    start = _start_of(column, place, fields)
    return column[start : _end_of(column, start)]


def _replace(column: str, place: int, fields: int, field: str) -> str:
    start = _start_of(column, place, fields)
    return column[:start] + field + column[_end_of(column, start) :]


def _remove(column: str, place: int, fields: int) -> str:
    start = _start_of(column, place, fields)
    end = _end_of(column, start)
    return column[: max(start - 1, 0)] if end == len(column) else column[:start] + column[end + 1 :]


def _append(column: str, field: str) -> str:
    return f"{column},{field}" if column else field


def _last(column: str) -> str | None:
    return column[column.rfind(",") + 1 :] if column else None


def _numbers(column: str) -> list[Any]:
    numbers: list[Any] = orjson.loads(f"[{column}]")
    return numbers


def _written(amount: Any) -> str:
    return orjson.dumps(amount).decode()


def _amount(order: dict[str, Any]) -> Any:
    amount: Any = order.get("amount")
    return amount if type(amount) in _NUMBERS and -_LARGEST_AMOUNT <= amount <= _LARGEST_AMOUNT else None


def _sum(one: Any, other: Any) -> Any:
    total = one + other
    return total if -_LARGEST_INTEGER <= total <= _LARGEST_INTEGER else float(total)
