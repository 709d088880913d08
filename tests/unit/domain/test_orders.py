"""What a customer has ordered: what counts, what is corrected, what is taken out again, and what is left alone."""

from datetime import datetime
from typing import Any

import pytest

from streamproc.domain.events import Event
from streamproc.domain.orders import NO_ORDERS, REMEMBERED, Orders, orders_after, summary
from tests.support.remembered_orders import remembered_orders

Json = dict[str, Any]


def event(kind: str = "paid", at: str = "2026-11-24T10:00:00Z", **order: Any) -> Event:
    told = {"id": "ord_1", "amount": 100} | order
    return Event("e", f"customer.order.{kind}", datetime.fromisoformat(at), at, "c", {"order": told})


def after(*events: Event, orders: Orders = NO_ORDERS) -> Orders:
    for one in events:
        orders = orders_after(orders, one)
    return orders


def counts(orders: Orders) -> tuple[int, Any]:
    told = summary(orders)
    return told["total_count"], told["total_amount"]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([event("paid")], (1, 100), id="paid"),
        pytest.param([event("fulfilled")], (1, 100), id="fulfilled"),
        pytest.param([event("created")], (0, 0), id="created"),
        pytest.param([event("created", status="PAID")], (1, 100), id="the status goes before the type"),
        pytest.param([event("paid", status="CREATED")], (0, 0), id="also against it"),
        pytest.param([event("paid", status=None)], (1, 100), id="a null status is none"),
        pytest.param([event("paid", status="paid")], (0, 0), id="a status in lower case is another one"),
        pytest.param([event("paid"), event("fulfilled")], (1, 100), id="once"),
        pytest.param([event("paid"), event("fulfilled", amount=70)], (1, 70), id="with its latest amount"),
        pytest.param([event("paid"), event("fulfilled", amount=None)], (1, 100), id="no amount leaves the one known"),
        pytest.param([event("paid", amount=None)], (1, 0), id="0 without an amount"),
        pytest.param([event("paid", amount=True)], (1, 0), id="true is no amount"),
        pytest.param([event("paid", amount=2**60)], (1, 0), id="nothing that large is an amount"),
        pytest.param([event("paid"), event("canceled")], (0, 0), id="canceled is taken out"),
        pytest.param([event("paid"), event("updated", status="CREATED")], (0, 0), id="any other status takes it out"),
        pytest.param([event("paid"), event("updated", amount=30)], (1, 30), id="an update corrects the amount"),
        pytest.param([event("updated", amount=30)], (0, 0), id="an update alone counts nothing"),
        pytest.param([event("updated", status="PAID")], (1, 100), id="an update with a status counts"),
        pytest.param([event("canceled"), event("paid")], (1, 100), id="counted after it was canceled"),
        pytest.param([event("paid"), event("paid", id="ord_2", amount=2.5)], (2, 102.5), id="two orders"),
        pytest.param([event("paid", id="")], (0, 0), id="no id"),
        pytest.param([event("paid", id=5)], (0, 0), id="an id that is no text"),
    ],
)
def test_which_orders_count(events: list[Event], expected: tuple[int, Any]) -> None:
    assert counts(after(*events)) == expected


@pytest.mark.parametrize("order", [None, [], "ord_1", {}])
def test_an_event_without_an_order_changes_nothing(order: Any) -> None:
    told = event()
    told.data["order"] = order
    assert orders_after(NO_ORDERS, told) is NO_ORDERS


@pytest.mark.parametrize("repeated", [event("paid"), event("fulfilled"), event("updated", amount=None)])
def test_what_is_nothing_new_is_the_same_object(repeated: Event) -> None:
    orders = after(event("paid"))
    assert orders_after(orders, repeated) is orders


def test_the_last_order_is_the_one_that_became_counted_most_recently_and_still_is() -> None:
    first, second = event("paid", "2026-11-01T00:00:00Z"), event("paid", "2026-11-02T00:00:00Z", id="ord_2", amount=5)
    both = after(first, second)
    told = summary(both)
    assert (told["last_order_amount"], told["last_order_date"]) == (5, "2026-11-02T00:00:00Z")
    told = summary(after(event("fulfilled", "2026-11-03T00:00:00Z"), orders=both))
    assert told["last_order_date"] == "2026-11-02T00:00:00Z"
    told = summary(after(event("canceled", "2026-11-03T00:00:00Z", id="ord_2"), orders=both))
    assert (told["last_order_amount"], told["last_order_date"]) == (100, "2026-11-01T00:00:00Z")


def test_an_order_that_counts_again_is_the_last() -> None:
    orders = after(
        event("paid", "2026-11-01T00:00:00Z"),
        event("paid", "2026-11-02T00:00:00Z", id="ord_2"),
        event("canceled", "2026-11-03T00:00:00Z"),
        event("paid", "2026-11-04T00:00:00Z"),
    )
    assert summary(orders)["last_order_date"] == "2026-11-04T00:00:00Z"


def test_without_orders_all_is_0_and_the_last_is_unknown() -> None:
    none = {"total_count": 0, "total_amount": 0, "average_amount": 0}
    assert summary(NO_ORDERS) == none
    assert summary(after(event("paid"), event("canceled"))) == none


def numbered(number: int, **order: Any) -> Event:
    made_at = f"2026-01-01T00:{number:02}:00Z"
    told: Json = {"id": f"o{number}", "amount": 1, "created_at": made_at} | order
    return event("paid", **told)


def test_beyond_50_the_oldest_is_only_a_number_and_a_sum() -> None:
    orders = after(*(numbered(number) for number in range(REMEMBERED + 2)))
    assert (counts(orders), len(remembered_orders(orders))) == ((52, 52), 50)
    assert counts(after(numbered(0, status="CANCELED"), numbered(0, amount=9), orders=orders)) == (52, 52)
    assert counts(after(numbered(2, status="CANCELED"), orders=orders)) == (51, 51)


def test_the_oldest_is_the_one_that_was_made_first_not_the_one_counted_first() -> None:
    orders = after(numbered(30), *(numbered(number) for number in range(50) if number != 30), numbered(50))
    assert counts(after(numbered(30, status="CANCELED"), orders=orders)) == (50, 50)
    assert counts(after(numbered(0, status="CANCELED"), orders=orders)) == (51, 51)


def test_with_50_an_order_made_before_all_of_them_is_left_alone() -> None:
    orders = after(*(numbered(number) for number in range(1, 51)))
    assert orders_after(orders, numbered(0)) is orders
    assert orders_after(orders, event("paid", "2025-01-01T00:00:00Z", id="late")) is orders
    assert counts(after(numbered(1, id="as old as the oldest"), orders=orders)) == (51, 51)


def test_an_order_without_its_own_time_was_made_when_the_event_says() -> None:
    orders = after(*(numbered(number) for number in range(1, 51)))
    assert counts(after(event("paid", id="new", created_at="yesterday"), orders=orders)) == (51, 150)


def test_sums_stay_what_json_can_hold() -> None:
    huge = 2**53
    orders: Orders = [*NO_ORDERS[:4], 10**6, 2**63 - 5]
    for number in range(60):
        orders = orders_after(orders, numbered(number, amount=huge))
    assert isinstance(orders[5], float)


@pytest.mark.parametrize("gone", range(7))
def test_ids_may_hold_what_parts_them(gone: int) -> None:
    ids = ["a", "b", "a,b", "%2C", ",", "é", "%C3%A9"]
    amounts = [1, 20, 300, 4000, 50_000, 600_000, 7_000_000]
    told = [event("paid", id=one, amount=amount) for one, amount in zip(ids, amounts, strict=True)]
    orders = after(*told, event("updated", id=ids[gone], amount=7))
    assert counts(orders) == (7, sum(amounts) - amounts[gone] + 7)
    assert counts(after(event("canceled", id=ids[gone]), orders=orders)) == (6, sum(amounts) - amounts[gone])
    assert orders_after(orders, event("canceled", id="b,a,b")) is orders


UNUSUAL = ["2026-11-24T10:00:00+00:00", "2026-11-24t10:00:01z", "2026-11-24T10:00:02.1234567Z"]


@pytest.mark.parametrize("kept", range(5))
def test_a_time_that_is_written_in_an_unusual_way_stays_with_its_order(kept: int) -> None:
    times = [UNUSUAL[0], "2026-11-24T10:00:00Z", UNUSUAL[1], "2026-11-24T10:00:00.12Z", UNUSUAL[2]]
    told = [event("paid", id=f"o{place}") for place in range(5)]
    for one, at in zip(told, times, strict=True):
        one.created_text = at
    gone = [event("canceled", id=f"o{place}") for place in (2, 0, 4, 1, 3) if place != kept]
    orders = after(*told)
    assert [order.counted for order in remembered_orders(orders)] == times
    orders = after(*gone, orders=orders)
    assert summary(orders)["last_order_date"] == times[kept]
    assert after(event("canceled", id=f"o{kept}"), orders=orders) == NO_ORDERS
