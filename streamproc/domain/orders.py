"""What a customer has ordered, counted from the order events alone.

An order counts while its status is PAID or FULFILLED, once, with the latest amount that was told of it. The youngest
50 of those that count are remembered one by one, so that they can be taken out again; of older ones only their number
and sum. Values: the functions here return new objects and never touch those they were given.
"""

from datetime import UTC, datetime, timedelta
from math import fsum
from typing import Any, Final
from urllib.parse import unquote

import orjson

from streamproc.domain.columns import (
    appended,
    as_field,
    field_at,
    oldest,
    place_of,
    read_counted,
    replaced,
    without,
    write_times,
)
from streamproc.domain.events import Event, parse_instant
from streamproc.domain.plain_columns import OTHER_WAY, TIME, TIMES

# Compiled code looks up a name from a module that is not compiled whenever it uses it; those of its own it has at hand.
_appended: Final = appended
_as_field: Final = as_field
_field_at: Final = field_at
_oldest: Final = oldest
_place_of: Final = place_of
_write_times: Final = write_times

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
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

#: The remembered orders in columns, in the order in which they became counted: their ids, their amounts, and their
#: times, when each was made and when it became counted. Then, of those whose event wrote its time in an unusual way,
#: these texts; how many older orders count; and the sum of those.
#: A column is one text, because all of it is read and written with every order of the customer, and seldom one is
#: looked into: of fifty orders that takes a tenth of what it takes with objects. Times are short for the same reason.
Orders = list[Any]
NO_ORDERS: Final[Orders] = ["", "", "", "", 0, 0]


def orders_after(orders: Orders, event: Event) -> Orders:
    """Return the orders after an order event; the same object when it changes nothing."""
    told = event.outline.get("order")
    if type(told) is not dict:
        return orders
    order: dict[str, Any] = told
    order_id = order.get("id")
    if type(order_id) is not str or not order_id:
        return orders
    status = order.get("status")
    if type(status) is not str:
        status = _STATUS_OF_EVENT.get(event.type)
    own_id = _as_field(order_id)
    place = _place_of(orders[0], own_id)
    if place < 0:
        return _count(orders, own_id, order, event) if status in _COUNTED else orders
    if status is None or status in _COUNTED:
        return _correct(orders, place, order)
    return _forget(orders, place)


def summary(orders: Orders) -> dict[str, Any]:
    """Return what filters read as `summary.orders`; of the last order only what is known."""
    amounts = _numbers(orders[1])
    count = total_count(orders)
    total = orders[5] + (fsum(amounts) if float in map(type, amounts) else sum(amounts))
    told = {"total_count": count, "total_amount": total, "average_amount": total / count if count else 0}
    if amounts:
        told |= {"last_order_amount": amounts[-1], "last_order_date": last_order_date(orders)}
    return told


def total_count(orders: Orders) -> int:
    """Return how many orders count."""
    older: int = orders[4]
    return _remembered(orders) + older


def last_order_amount(orders: Orders) -> Any:
    """Return the amount of the order that most recently became counted, None where none is remembered."""
    last = _last(orders[1])
    return None if last is None else orjson.loads(last)


def last_order_date(orders: Orders) -> str | None:
    """Return when that order became counted, as the event wrote it."""
    place = _remembered(orders) - 1
    if place < 0:
        return None
    plain = read_counted(orders[2], place)
    return _last(orders[3]) if plain is None else plain


def from_version_2(told: list[Any]) -> list[Any]:
    """Return the orders of a state that was written as an object of `amount|made|counted` by id, as of version 3."""
    remembered, older, older_sum = told
    entries = [entry.split("|") for entry in remembered.values()]
    ids = ",".join([_as_field(order_id) for order_id in remembered])
    columns = [",".join([entry[column] for entry in entries]) for column in range(3)]
    return [ids, *columns, len(remembered), older, older_sum]


def from_version_3(told: list[Any]) -> Orders:
    """Return the orders of a state that was written with both times in columns of their own, as numbers and texts."""
    ids, amounts, made, counted, remembered, older, older_sum = told
    times, others = "", ""
    if remembered:
        ids = ",".join([_as_field(unquote(one)) for one in ids.split(",")])  # they need not have been in ASCII
        for microseconds, text in zip(made.split(","), counted.split(","), strict=True):
            times += _write_times(_EPOCH + timedelta(microseconds=int(microseconds)), text)
            others = _others_with(others, times, text)
    return [ids, amounts, times, others, older, older_sum]


def _count(orders: Orders, own_id: str, order: dict[str, Any], event: Event) -> Orders:
    made_at = order.get("created_at")
    made = parse_instant(made_at) if type(made_at) is str else None
    own_times = _write_times(made or event.created_at, event.created_text)
    ids, amounts, times, others, older, older_sum = orders
    gone = -1
    if _remembered(orders) >= REMEMBERED:
        gone = _oldest(times)
        if own_times[:TIME] < times[gone * TIMES : gone * TIMES + TIME]:
            # Whether it has been counted before is not known any more.
            return orders
        older, older_sum = older + 1, _sum(older_sum, orjson.loads(_field_at(amounts, gone)))
        times, others = _times_without(times, others, gone)
    times += own_times
    told = _amount(order)
    return [
        _appended(ids, own_id, gone),
        _appended(amounts, _written(0 if told is None else told), gone),
        times,
        _others_with(others, times, event.created_text),
        older,
        older_sum,
    ]


def _correct(orders: Orders, place: int, order: dict[str, Any]) -> Orders:
    """Take over the amount of an order that counts already; its place in the order stays."""
    amount = _amount(order)
    if amount is None or amount == orjson.loads(_field_at(orders[1], place)):
        return orders
    return [orders[0], replaced(orders[1], place, _written(amount)), *orders[2:]]


def _forget(orders: Orders, place: int) -> Orders:
    """Forget a remembered order."""
    ids, amounts, times, others, older, older_sum = orders
    return [without(ids, place), without(amounts, place), *_times_without(times, others, place), older, older_sum]


def _remembered(orders: Orders) -> int:
    times: str = orders[2]
    return len(times) // TIMES


def _times_without(times: str, others: str, place: int) -> tuple[str, str]:
    """Return the times without those of one order, and the texts written in an unusual way without its own."""
    start, end = place * TIMES, (place + 1) * TIMES
    if others and times[:end].endswith(OTHER_WAY):
        counted = [times[at : at + TIME] for at in range(TIME, start, TIMES)]
        others = without(others, counted.count(OTHER_WAY))
    return times[:start] + times[end:], others


def _others_with(others: str, times: str, text: str) -> str:
    """Return the texts written in an unusual way, with the one of the last order if it is one of them."""
    return _appended(others, text, -1) if times.endswith(OTHER_WAY) else others


def _last(column: str) -> str | None:
    return column[column.rfind(",") + 1 :] if column else None


def _numbers(column: str) -> list[Any]:
    numbers: list[Any] = orjson.loads(f"[{column}]")
    return numbers


def _written(amount: Any) -> str:
    return str(amount) if type(amount) is int else orjson.dumps(amount).decode()


def _amount(order: dict[str, Any]) -> Any:
    amount: Any = order.get("amount")
    return amount if type(amount) in _NUMBERS and -_LARGEST_AMOUNT <= amount <= _LARGEST_AMOUNT else None


def _sum(one: Any, other: Any) -> Any:
    total = one + other
    return total if -_LARGEST_INTEGER <= total <= _LARGEST_INTEGER else float(total)
