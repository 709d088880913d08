"""Whatever becomes of orders, the columns tell what plain objects tell, in C and without it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from types import ModuleType
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamproc.domain import columns, orders, plain_columns
from streamproc.domain.customers import NEW_CUSTOMER, CustomerState, decode_customer, encode_customer
from streamproc.domain.events import Event, parse_instant
from streamproc.domain.orders import NO_ORDERS, Orders
from tests.support.remembered_orders import RememberedOrder, remembered_orders

Json = dict[str, Any]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
BOTH = [pytest.param(columns, id="in C"), pytest.param(plain_columns, id="plain")]


@contextmanager
def done_by(functions: ModuleType) -> Iterator[None]:
    """Have the work on columns done by these functions."""
    with pytest.MonkeyPatch.context() as patch:
        for name in columns.__all__:
            patch.setattr(orders, name, getattr(functions, name))
        yield


@dataclass
class Naive:
    """The same with plain objects."""

    counted: list[RememberedOrder] = field(default_factory=list)
    older: list[Any] = field(default_factory=list)

    def take(self, event: Event, made: datetime) -> None:
        """Count one more event, of an order that was made then."""
        told: Json = event.data["order"]
        status = told.get("status") or {"paid": "PAID", "canceled": "CANCELED"}.get(event.type.rpartition(".")[2])
        amount = told.get("amount")
        if not isinstance(amount, int | float) or isinstance(amount, bool) or abs(amount) > 2**53:
            amount = None
        known = next((one for one in self.counted if one.id == told["id"]), None)
        if known is not None:
            place = self.counted.index(known)
            if status not in {"PAID", None}:
                self.counted.remove(known)
            elif amount is not None and amount != known.amount:
                self.counted[place] = RememberedOrder(known.id, amount, known.made, known.counted)
        elif status == "PAID":
            if len(self.counted) == 50:
                oldest = min(self.counted, key=lambda one: one.made)
                if made < oldest.made:
                    return
                self.counted.remove(oldest)
                self.older.append(oldest.amount)
            self.counted.append(RememberedOrder(told["id"], amount or 0, made, event.created_text))

    def summary(self) -> Json:
        """Return what filters read."""
        amounts = [*self.older, *(one.amount for one in self.counted)]
        total = sum(map(Fraction, amounts))
        told: Json = {
            "total_count": len(amounts),
            "total_amount": total,
            "average_amount": float(total) / len(amounts) if amounts else 0,
        }
        if self.counted:
            told |= {"last_order_amount": self.counted[-1].amount, "last_order_date": self.counted[-1].counted}
        return told


def written(instant: datetime, form: int) -> tuple[datetime, str]:
    """Write an instant in a form, and tell what it is then: with so many decimals, or in an unusual way."""
    if form <= 6:
        instant = instant.replace(microsecond=instant.microsecond // 10 ** (6 - form) * 10 ** (6 - form))
        text = instant.replace(tzinfo=None).isoformat(timespec="microseconds")
        return instant, f"{text[: 20 + form] if form else text[:19]}Z"
    if form == 7:
        return instant, instant.astimezone(timezone(timedelta(hours=2, minutes=30))).isoformat()
    if form == 8:
        return instant, instant.replace(tzinfo=None).isoformat().replace("T", "t") + "z"
    if form == 9:
        return instant, instant.replace(tzinfo=None).isoformat(timespec="microseconds") + "9Z"
    leap = instant.replace(second=59, microsecond=0, tzinfo=None)
    return leap.replace(tzinfo=UTC) + timedelta(seconds=1), f"{leap.isoformat()[:-2]}60Z"


INSTANTS = (
    st.integers(-3, 3).map(lambda more: NOON + timedelta(microseconds=more))
    | st.integers(-200, 200).map(lambda more: NOON + timedelta(minutes=more))
    | st.datetimes(datetime(2, 1, 2), datetime(9998, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
)
WRITTEN = st.builds(written, INSTANTS, st.integers(0, 10))
IDS = st.sampled_from(["ord_1", "ord_2", "d_1", "1", ",", "a,b", "%2C", "é", "%C3%A9", "€" * 9, 'q"\\', *(
    f"filler_{number}" for number in range(0, 60, 7)
)])  # fmt: skip
# So that their sums are exact however they are made.
AMOUNTS = st.sampled_from([0, 100, 2500, -5, 12.5, -0.25, 10**13, 1e13, None, "100", True, 2**60])
MOVES = st.tuples(
    st.sampled_from(["paid", "paid", "paid", "updated", "canceled"]),
    st.sampled_from([None, None, None, "PAID", "CREATED"]),
    IDS,
    AMOUNTS,
    st.none() | WRITTEN,
    WRITTEN,
)
Move = tuple[str, str | None, str, Any, tuple[datetime, str] | None, tuple[datetime, str]]


def filler(number: int) -> Move:
    """One of many orders that were not made in the order in which they are counted, some at once."""
    made = written(NOON + timedelta(minutes=number * 37 % 50), number % 11)
    counted = written(NOON + timedelta(hours=1, microseconds=number), number % 5)
    return ("paid", None, f"filler_{number}", number, made, counted)


def event(move: Move) -> tuple[Event, datetime]:
    kind, status, order_id, amount, made, (at, text) = move
    assert parse_instant(text) == at
    told = {"id": order_id, "status": status, "amount": amount, "created_at": made and made[1]}
    return Event("e", f"customer.order.{kind}", at, text, "c", {"order": told}), made[0] if made else at


def check(found: Orders, naive: Naive) -> None:
    assert remembered_orders(found) == naive.counted
    assert orders.summary(found) == naive.summary()
    assert orders.total_count(found) == len(naive.counted) + len(naive.older)
    last = naive.counted[-1] if naive.counted else None
    assert orders.last_order_amount(found) == (last and last.amount)
    assert orders.last_order_date(found) == (last and last.counted)


def version_3(naive: Naive) -> list[Any]:
    """Write the same as version 3 of the state has it."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [
        ",".join(one.id.replace("%", "%25").replace(",", "%2C") for one in naive.counted),
        ",".join(orjson.dumps(one.amount).decode() for one in naive.counted),
        ",".join(str((one.made - epoch) // timedelta(microseconds=1)) for one in naive.counted),
        ",".join(one.counted for one in naive.counted),
        len(naive.counted),
        len(naive.older),
        sum(naive.older),
    ]


@pytest.mark.parametrize("functions", BOTH)
@given(fillers=st.sampled_from([0, 3, 48, 50, 57]), moves=st.lists(MOVES, max_size=25), written_every=st.integers(1, 9))
@settings(max_examples=200)
@example(fillers=0, moves=[filler(7), ("canceled", None, "filler_7", 0, None, filler(0)[5])], written_every=9)
def test_lives_of_orders(functions: ModuleType, fillers: int, moves: list[Move], written_every: int) -> None:
    found, naive = NO_ORDERS, Naive()
    with done_by(functions):
        for number, move in enumerate([*map(filler, range(fillers)), *moves], 1):
            told, made = event(move)
            before, copied = found, list(found)
            found = orders.orders_after(before, told)
            naive.take(told, made)
            assert before == copied
            if number >= fillers:
                check(found, naive)
            if number % written_every == 0:
                found = read_again(found)
        assert orders.from_version_3(version_3(naive)) == found


def read_again(found: Orders) -> Orders:
    known = NEW_CUSTOMER
    state = CustomerState(known.profile, known.memberships, found, known.occurrences, known.points, known.tiers, NOON)
    again = decode_customer(encode_customer(state))
    assert again == state
    return again.orders
