"""What is remembered of a customer is what its events come to, however often it was written and read in between."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.domain.attributes import beginnings, compile_attribute
from streamproc.domain.customers import (
    NEW_CUSTOMER,
    CustomerState,
    after_event,
    after_record,
    changed,
    decode_customer,
    encode_customer,
)
from streamproc.domain.events import CUSTOMER_DELETED, Event, read_event
from streamproc.domain.loyalty import loyalty_tier
from streamproc.local.naive_customers import merged, recount
from streamproc.local.recount import NOT_PROFILE
from tests.support.customer_strategies import customer_events, histories
from tests.support.remembered_orders import remembered_orders

Json = dict[str, Any]

SUMMARY = ("total_count", "total_amount", "average_amount", "last_order_amount", "last_order_date")
LATER = datetime(2030, 1, 1, tzinfo=UTC)
NAMES = ("cart.abandoned", "cart", "login", "never")


def read(event: Json, words: bytes | None = None) -> Event:
    found = read_event(event["data"]["customer"]["id"].encode(), orjson.dumps(event), words)
    assert isinstance(found, Event)
    return found


def step(state: CustomerState, event: Event, *, keep_time: bool) -> CustomerState:
    return NEW_CUSTOMER if event.type == CUSTOMER_DELETED else after_event(state, event, keep_time=keep_time)


def live(events: list[Json], written_every: int = 1000, *, keep_time: bool = True) -> CustomerState:
    state = NEW_CUSTOMER
    for number, event in enumerate(events, 1):
        state = step(state, read(event, state.words), keep_time=keep_time)
        if number % written_every == 0:
            state = decode_customer(encode_customer(state))
    return state


def seen(state: CustomerState, paths: list[str]) -> Json:
    return {path: compile_attribute(path)(state) for path in paths}


@given(histories(), st.integers(1, 5))
def test_the_profile_is_what_the_events_come_to_laid_one_over_the_other(events: list[Json], written_every: int) -> None:
    naive: Json = {}
    for event in events:
        told = {name: value for name, value in event["data"]["customer"].items() if name not in NOT_PROFILE}
        naive = {} if event["type"] == CUSTOMER_DELETED else merged(naive, told)
    assert live(events, written_every).profile == naive


@given(histories(), st.integers(1, 5))
def test_what_filters_read_is_a_recount_of_all_events(events: list[Json], written_every: int) -> None:
    state, naive = live(events, written_every), recount(events)
    expected: Json = {f"summary.orders.{name}": value for name, value in naive.summary().items()}
    for name in NAMES:
        times = naive.custom_events.get(name, [])
        expected[f"events.{name}.count"] = len(times)
        expected[f"events.{name}.last"] = max(times, key=datetime.fromisoformat) if times else None
    for campaign in ("camp_1", "camp_2"):
        points, tier = naive.points.get(campaign), naive.tiers.get(campaign)
        expected |= {f"loyalty_points.campaigns.{one}.points": points and points[0] for one in keys(campaign, points)}
        expected |= {f"loyalty_tier.campaigns.{one}": tier and tier[0] for one in keys(campaign, tier)}
    found = seen(state, list(expected))
    for path in expected:
        if path.endswith(".last"):  # of two at the same time either is the latest
            assert instant(found[path]) == instant(expected[path])
        else:
            assert found[path] == expected[path], path
    tiers = [tier for tier, _ in naive.tiers.values()]
    assert loyalty_tier(state.tiers) == (tiers if len(tiers) > 1 else tiers[0] if tiers else None)


def keys(campaign: str, known: tuple[Any, str | None] | None) -> list[str]:
    return [campaign, *([known[1]] if known and known[1] else [])]


def instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@given(histories(), st.booleans())
def test_time_never_goes_back_and_reaches_the_latest_event(events: list[Json], keep_time: bool) -> None:
    state, former = NEW_CUSTOMER, None
    for event in events:
        state = step(state, read(event), keep_time=keep_time)
        if event["type"] == CUSTOMER_DELETED:
            former = None
            continue
        assert state.now is not None
        assert former is None or state.now >= former
        if keep_time:
            assert state.now >= datetime.fromisoformat(event["created_at"])
        former = state.now


@given(histories(10), customer_events())
def test_what_differs_after_an_event_is_named(events: list[Json], event: Json) -> None:
    before = live(events)
    after = step(before, read(event), keep_time=True)
    paths = [f"summary.orders.{name}" for name in SUMMARY]
    paths += [f"events.{name}.{field}" for name in NAMES for field in ("count", "last")]
    paths += [f"loyalty_points.campaigns.{key}.points" for key in ("camp_1", "Bean points", "camp_2", "C.2")]
    paths += [f"loyalty_tier.campaigns.{key}" for key in ("camp_1", "Bean points", "camp_2", "C.2")]
    paths += ["email", "birthdate", "metadata.club", "metadata.club.level", "metadata.n", "address.city"]
    names = changed(before, after)
    one, other = seen(before, paths), seen(after, paths)
    assert [path for path in paths if one[path] != other[path] and not names & {*beginnings(path)}] == []


@given(histories(), st.integers(0, 5), st.data())
def test_a_state_survives_its_bytes(events: list[Json], written_every: int, data: st.DataObject) -> None:
    """However often it was written on its way: what is kept of that with it stays true."""
    state = NEW_CUSTOMER
    for number, event in enumerate(events, 1):
        state = step(state, read(event), keep_time=True)
        if written_every and number % written_every == 0:
            encode_customer(state)
            change = data.draw(st.sampled_from(["memberships", "time", "record", "nothing"]))
            if change == "memberships":
                state = state.with_memberships(["seg_1"])
            elif change == "time":
                state = state.with_time(LATER)
            elif change == "record":
                state = after_record(state, {"id": "c", "name": "Ann"}, LATER)
    value = encode_customer(state)
    assert decode_customer(value) == replace(state, words=None)
    assert value == encode_customer(replace(state))
    assert [one.size for one in (state, decode_customer(value), state.with_time(LATER))] == [len(value), len(value), 0]


@given(histories(10), customer_events())
def test_an_event_touches_nothing_of_the_state_before_it(events: list[Json], event: Json) -> None:
    state = live(events)
    before = encode_customer(state)
    step(state, read(event), keep_time=True)
    assert encode_customer(state) == before


MANY = 58  # more than are remembered
MOVES = st.tuples(
    st.integers(0, MANY + 20), st.sampled_from(["PAID", "FULFILLED", "CANCELED", None]), st.integers(0, 99)
)


@given(st.permutations(range(MANY)), st.lists(MOVES, max_size=25))
@settings(max_examples=60)
def test_of_many_orders_the_youngest_are_remembered(first: list[int], moves: list[tuple[int, str | None, int]]) -> None:
    events = [order(number, *move) for number, move in enumerate([(one, "PAID", 7) for one in first] + moves)]
    state, naive = live(events), recount(events)
    summary = naive.summary()
    assert seen(state, [f"summary.orders.{name}" for name in SUMMARY]) == {
        f"summary.orders.{name}": summary[name] for name in SUMMARY
    }
    assert [one.id for one in remembered_orders(state.orders)] == [one.id for one in naive.orders]


def order(number: int, one: int, status: str | None, amount: int) -> Json:
    """Event `number` about order `one`, which was made on a day of its own."""
    made_at = f"2026-{1 + one // 14:02}-{1 + one % 14:02}T00:00:00Z"
    return {
        "id": f"evt_{number}",
        "type": "customer.order.updated",
        "created_at": f"2026-11-24T10:{number // 60:02}:{number % 60:02}Z",
        "data": {
            "customer": {"id": "cus_1"},
            "order": {"id": f"o{one}", "status": status, "amount": amount, "created_at": made_at},
        },
    }
