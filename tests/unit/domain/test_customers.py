"""Customer state: what an event and a record change, memberships, and the bytes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from streamproc.domain.customers import (
    NEW_CUSTOMER,
    CustomerState,
    after_event,
    after_record,
    changed,
    decode_customer,
    encode_customer,
    join_segment,
    leave_segment,
)
from streamproc.domain.depth import MAX_DEPTH
from streamproc.domain.events import Event
from streamproc.errors import FatalError
from tests.support.remembered_orders import RememberedOrder, remembered_orders

EARLY, NOW, LATE = (datetime(2026, 11, 24, hour, tzinfo=UTC) for hour in (9, 10, 11))
KNOWN = replace(NEW_CUSTOMER, profile={"id": "c", "metadata": {"club": "gold"}}, memberships=["seg_1"], now=NOW)


def event(kind: str, at: datetime = NOW, customer: dict[str, Any] | None = None, **data: Any) -> Event:
    return Event("e", kind, at, at.isoformat(), "c", data | {"customer": {"id": "c"} | (customer or {})})


Json = dict[str, Any]
PAID: Json = {"order": {"id": "o", "amount": 5}}
CUSTOM: Json = {"event": {"type": "cart"}}
POINTS: Json = {"campaign": {"id": "camp"}, "balance": {"balance": 5}}
TIER: Json = {"campaign": {"id": "camp"}, "loyalty_tier": {"id": "gold"}}


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (event("customer.order.paid", **PAID), {"summary.orders"}),
        (event("customer.order.fulfilled", **PAID), {"summary.orders"}),
        (event("customer.custom_event", **CUSTOM), {"events.cart"}),
        (event("customer.voucher.loyalty_card.points_added", **POINTS), {"loyalty_points"}),
        (event("customer.rewarded.loyalty_points", **POINTS), {"loyalty_points"}),
        (event("customer.loyalty.tier.joined", **TIER), {"loyalty_tier"}),
        (event("customer.updated", customer={"email": "a", "metadata": {"club": "new"}}), {"email", "metadata.club"}),
        (event("customer.order.paid", customer={"name": "Ann"}, **PAID), {"name", "summary.orders"}),
    ],
)
def test_an_event_changes_what_it_is_about_and_that_is_named(given: Event, names: set[str]) -> None:
    assert changed(KNOWN, after_event(KNOWN, given)) == names


@pytest.mark.parametrize(
    "given",
    [
        event("customer.order.created", LATE, **PAID),
        event("customer.custom_event", NOW),
        event("customer.updated", LATE, customer={"metadata": {"club": "gold"}}),
        event("customer.redemption.succeeded", LATE, **PAID, **POINTS),
    ],
)
def test_an_event_that_says_nothing_new_leaves_the_same_object(given: Event) -> None:
    assert after_event(KNOWN, given) is KNOWN or changed(KNOWN, after_event(KNOWN, given)) == set()
    assert after_event(KNOWN, given, keep_time=True).now == given.created_at


def told(customer: dict[str, Any], words: bytes | None = None) -> Event:
    """Return an event of which the customer has not been decoded."""
    customer_json = orjson.dumps({"id": "c"} | customer)
    return Event("e", "customer.updated", NOW, "", "c", {"customer": None}, customer_json, words)


def test_what_is_told_of_a_customer_in_the_same_words_is_not_even_decoded() -> None:
    first, again, other = told({"name": "Ann"}), told({"name": "Ann"}), told({"name": "Bob"})
    after = after_event(KNOWN, first)
    assert after_event(after, again) is after
    assert after_event(after.with_memberships(["seg_2"]).with_time(LATE), again).profile is after.profile
    assert again.outline["customer"] is None
    assert after_event(after, other).profile["name"] == "Bob"
    assert after_event(after_event(after, other), again).profile["name"] == "Ann"


@pytest.mark.parametrize(("length", "is_remembered"), [(1_000, True), (10_000, False)])
def test_of_what_is_told_of_a_customer_no_more_is_remembered_than_there_is_room_for(
    length: int, is_remembered: bool
) -> None:
    event = told({"name": "Ann", "note": "x" * length})
    after = after_event(KNOWN, event)
    assert after.profile == {**KNOWN.profile, "name": "Ann", "note": "x" * length}
    assert after.words == (event.words if is_remembered else None)


def test_the_room_for_words_is_not_taken_by_sums() -> None:
    event = told({"name": "Ann", "summary": {"note": "x" * 10_000}}, b"words")
    assert after_event(KNOWN, event).words == b"words"


@pytest.mark.parametrize("length", [0, 10_000])
def test_a_state_that_is_read_back_knows_the_words_that_were_told_last(length: int) -> None:
    told_to = {"name": "Ann", "note": "x" * length}
    state = decode_customer(encode_customer(after_event(KNOWN, told(told_to))))
    again, other = told(told_to), told(told_to | {"name": "Bob"})
    assert after_event(state, again) is state
    assert again.outline["customer"] is None  # it was not even decoded
    assert after_event(state, other).profile["name"] == "Bob"
    assert after_event(after_event(state, other), again).profile["name"] == "Ann"


def test_of_what_is_told_only_the_words_count() -> None:
    first, again = told({"name": "Ann"}, b"words"), told({"name": "Ann", "summary": 1}, b"words")
    after = after_event(KNOWN, first)
    assert after_event(after, again) is after
    assert again.outline["customer"] is None


def test_a_state_that_is_read_back_after_a_record_knows_no_words() -> None:
    state = after_record(after_event(KNOWN, told({"name": "Ann"})), {"id": "c", "name": "Bob"}, NOW)
    state = decode_customer(encode_customer(state))
    assert after_event(state, told({"name": "Ann"})).profile["name"] == "Ann"


def test_after_a_record_the_same_words_are_laid_over_the_new_profile() -> None:
    after = after_record(after_event(KNOWN, told({"name": "Ann"})), {"id": "c", "name": "Bob"}, NOW)
    assert after_event(after, told({"name": "Ann"})).profile == {"id": "c", "name": "Ann"}


@pytest.mark.parametrize(("at", "now"), [(EARLY, NOW), (LATE, LATE)])
def test_the_time_that_is_noted_never_goes_back(at: datetime, now: datetime) -> None:
    assert after_event(KNOWN, event("customer.order.paid", at, **PAID)).now == now
    assert after_record(KNOWN, {"id": "c"}, at).now == now


def test_a_record_replaces_the_profile_and_leaves_the_rest() -> None:
    before = after_event(KNOWN, event("customer.order.paid", **PAID))
    after = after_record(before, {"id": "c", "name": "Ann"}, LATE)
    assert after == replace(before, profile={"id": "c", "name": "Ann"}, now=LATE)


def test_a_record_that_says_nothing_new_leaves_the_same_object_unless_its_time_is_kept() -> None:
    assert after_record(KNOWN, KNOWN.profile, LATE) is KNOWN
    assert after_record(KNOWN, KNOWN.profile, LATE, keep_time=True) == replace(KNOWN, now=LATE)
    assert after_record(KNOWN, KNOWN.profile, EARLY, keep_time=True) is KNOWN


FULL = CustomerState(
    {"id": "c", "metadata": {"a": [1, 2.5, None, True]}},
    ["seg_1", "seg_2"],
    ["o", "5", "0XenVvtEI#$w6zO[RK", "", 1, 2.5],
    {"cart": [1, "2026-11-24T10:00:00Z"]},
    {"camp": [5, "Points"]},
    {"camp": ["gold", None]},
    NOW,
)


@pytest.mark.parametrize("state", [FULL, KNOWN, NEW_CUSTOMER])
def test_a_state_survives_its_bytes(state: CustomerState) -> None:
    assert decode_customer(encode_customer(state)) == state


def test_the_bytes_of_a_state_are_versioned_and_hold_nothing_empty() -> None:
    assert orjson.loads(encode_customer(replace(NEW_CUSTOMER, profile={"id": "c"}, now=NOW))) == {
        "v": 4,
        "profile": {"id": "c"},
        "now": "2026-11-24T10:00:00+00:00",
    }


@pytest.mark.parametrize("version", [1, 5])
def test_a_state_of_another_version_ends_the_worker(version: int) -> None:
    with pytest.raises(FatalError, match=f"version {version}"):
        decode_customer(b'{"v":%d}' % version)


def test_a_state_of_the_version_before_is_read() -> None:
    """Copied from what version 3 wrote: profile, three orders that count, two of odd ids, and two older ones."""
    written = (
        '{"v":3,"profile":{"id":"c"},"now":"2026-11-24T11:00:00+00:00","orders":["o1,a%2Cb%25,é","100,2.5,-3",'
        '"1764000000000000,1763000000000001,1764000000000000",'
        '"2026-11-24T09:00:00Z,2026-11-24T12:00:00+02:00,2026-11-24T11:00:00.000Z",3,2,30]}'
    ).encode()
    state = decode_customer(written)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert remembered_orders(state.orders) == [
        RememberedOrder("o1", 100, epoch + timedelta(seconds=1_764_000_000), "2026-11-24T09:00:00Z"),
        RememberedOrder(
            "a,b%", 2.5, epoch + timedelta(seconds=1_763_000_000, microseconds=1), "2026-11-24T12:00:00+02:00"
        ),
        RememberedOrder("é", -3, epoch + timedelta(seconds=1_764_000_000), "2026-11-24T11:00:00.000Z"),
    ]
    assert state.orders[4:] == [2, 30]
    assert decode_customer(b'{"v":3,"profile":{},"now":null}') == NEW_CUSTOMER
    assert decode_customer(encode_customer(state)) == state


def test_a_state_that_has_not_changed_since_version_2_is_read() -> None:
    """Copied from what that version wrote: profile, an order that counts, one of an odd id, and two older ones."""
    written = (
        b'{"v":2,"profile":{"id":"c"},"now":"2026-11-24T10:00:00+00:00","orders":[{"o1":"100|1764000000000000|'
        b'2026-11-24T09:00:00Z","a,b%":"2.5|1763000000000000|2026-11-24T10:00:00Z"},2,30]}'
    )
    state = decode_customer(written)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert remembered_orders(state.orders) == [
        RememberedOrder("o1", 100, epoch + timedelta(seconds=1_764_000_000), "2026-11-24T09:00:00Z"),
        RememberedOrder("a,b%", 2.5, epoch + timedelta(seconds=1_763_000_000), "2026-11-24T10:00:00Z"),
    ]
    assert state.orders[4:] == [2, 30]
    assert decode_customer(b'{"v":2,"profile":{},"now":null}') == NEW_CUSTOMER
    assert decode_customer(encode_customer(state)) == state


def test_a_state_of_the_version_before_may_hold_only_older_orders() -> None:
    written = b'{"v":3,"profile":{"id":"c"},"now":null,"orders":["","","","",0,2,30]}'
    assert decode_customer(written).orders == ["", "", "", "", 2, 30]


def test_memberships_stay_sorted() -> None:
    assert join_segment(["a", "c"], "b") == ["a", "b", "c"]


def test_joining_again_changes_nothing() -> None:
    memberships = ["a", "b"]
    assert join_segment(memberships, "b") is memberships


def test_leaving_takes_the_segment_out() -> None:
    assert leave_segment(["a", "b"], "a") == ["b"]


def test_leaving_as_a_non_member_changes_nothing() -> None:
    memberships = ["a"]
    assert leave_segment(memberships, "b") is memberships


def test_a_profile_at_the_limit_of_depth_can_be_encoded() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    state = replace(NEW_CUSTOMER, profile={"metadata": value})
    assert decode_customer(encode_customer(state)) == state
