from datetime import UTC, datetime
from typing import Any

import pytest

from streamproc.domain.events import Event
from streamproc.domain.facts import Facts

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


def facts(data: dict[str, Any], profile: dict[str, Any] | None) -> Facts:
    return Facts(Event("e", "customer.order.paid", NOW, "", "c", data), profile, ["seg_1"])


@pytest.mark.parametrize("odd", [None, [], "text", 5, {"metadata": None}, {"metadata": []}])
def test_what_has_not_the_expected_shape_reads_as_nothing(odd: Any) -> None:
    known = facts({"order": odd, "event": odd}, {"metadata": odd if not isinstance(odd, dict) else None})
    found = (known.order_metadata, known.custom_event_metadata, known.customer_metadata, known.lines)
    assert found == ({}, {}, {}, [])


def test_now_is_the_time_of_the_event() -> None:
    assert facts({}, None).now == NOW


def test_lines_are_read_once() -> None:
    known = facts({"order": {"items": [{"price": 5, "quantity": 2}, "odd"]}}, {})
    assert [(line.price, line.quantity, line.amount) for line in known.lines] == [(5, 2, 10)]
    assert known.lines is known.lines


def test_the_lines_are_read_without_the_customer() -> None:
    outline = {"customer": None, "order": {"id": "o", "items": None}}
    event = Event("e", "customer.order.paid", NOW, "", "c", outline, b'{"id":"c"}', lines=b'[{"price":5}]')
    assert [line.price for line in Facts(event, {}, []).lines] == [5]
    assert event.outline == {"customer": None, "order": {"id": "o", "items": [{"price": 5}]}}
    assert event.data["customer"] == {"id": "c"}


@pytest.mark.parametrize(
    ("tiers", "read"),
    [
        ({}, None),
        ({"camp_1": ["gold", None]}, "gold"),
        ({"a": ["gold", "A"], "b": ["silver", None]}, ["gold", "silver"]),
    ],
)
def test_of_tiers_in_several_campaigns_a_list_is_read(tiers: dict[str, list[Any]], read: object) -> None:
    assert Facts(facts({}, {}).event, {}, [], tiers).loyalty_tier == read


def test_placeholders_read_the_event_with_the_customer_completed_from_the_state() -> None:
    given = {"id": "c", "name": None, "email": "old@b", "loyalty": {"points": 5}}
    profile = {"id": "c", "name": "Ann", "email": "a@b", "metadata": {"plan": "gold"}}
    assert facts({"customer": given, "order": {"id": "o"}}, profile).payload() == {
        "customer": {**profile, "loyalty": {"points": 5}},
        "order": {"id": "o"},
    }
