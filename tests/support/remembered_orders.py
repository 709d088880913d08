"""The orders that a customer's state remembers, taken apart: columns as rows, each time as it was told."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import orjson

from streamproc.domain.orders import Orders

_DIGITS = "#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"
_SECONDS = 3_652_059 * 86_400  # of the years 1 to 9999
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RememberedOrder:
    """One order that counts."""

    id: str
    amount: Any
    made: datetime
    counted: str


def remembered_orders(orders: Orders) -> list[RememberedOrder]:
    """Take the columns of orders apart."""
    ids, amounts, times, others, _, _ = orders
    unusual = iter(others.split(",") if others else [])
    rows = [
        RememberedOrder(
            unquote(order_id),
            orjson.loads(amount),
            _BEGINNING + timedelta(microseconds=_number(times[at : at + 9])),
            _text(_number(times[at + 9 : at + 18])) or next(unusual),
        )
        for order_id, amount, at in zip(
            ids.split(",") if ids else [], amounts.split(",") if amounts else [], range(0, len(times), 18), strict=True
        )
    ]
    assert next(unusual, None) is None
    return rows


def _number(digits: str) -> int:
    assert len(digits) == 9
    return sum(_DIGITS.index(digit) * 91**power for power, digit in enumerate(reversed(digits)))


def _text(number: int) -> str | None:
    """Write the time that a number stands for; None where the text stands elsewhere."""
    for decimals in range(7):
        if number < _SECONDS * 10**decimals:
            seconds, fraction = divmod(number, 10**decimals)
            text = (_BEGINNING + timedelta(seconds=seconds)).isoformat().removesuffix("+00:00")
            return f"{text}.{fraction:0{decimals}}Z" if decimals else f"{text}Z"
        number -= _SECONDS * 10**decimals
    return None
