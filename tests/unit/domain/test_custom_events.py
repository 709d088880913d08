"""Custom events: their names, and how often and when last a customer had them."""

from datetime import datetime
from typing import Any

import pytest

from streamproc.domain.custom_events import Occurrences, custom_event_name, occurrences_after
from streamproc.domain.events import Event


def event(at: str = "2026-11-24T10:00:00Z", **data: Any) -> Event:
    told = data or {"event_schema": {"name": "cart"}}
    return Event("e", "customer.custom_event", datetime.fromisoformat(at), at, "c", told)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"event_schema": {"name": "cart"}, "event": {"type": "other"}}, "cart"),
        ({"event_schema": {"id": "ms_1"}, "event": {"type": "cart"}}, "cart"),
        ({"event_schema": {"name": ""}, "event": {"type": "cart"}}, "cart"),
        ({"event_schema": None, "event": {"type": "cart"}}, "cart"),
        ({"event": {"type": 5}}, None),
        ({"event_schema": "cart"}, None),
        ({}, None),
    ],
)
def test_the_name_is_that_of_the_schema_else_the_type_of_the_event(data: dict[str, Any], name: str | None) -> None:
    assert custom_event_name(data) == name


def test_each_name_is_counted_by_itself_with_the_time_as_it_was_written() -> None:
    first = occurrences_after({}, event("2026-11-24T10:00:00.000Z"))
    second = occurrences_after(first, event("2026-11-24T12:00:00+01:00"))
    third = occurrences_after(second, event(event={"type": "login"}))
    assert third == {"cart": [2, "2026-11-24T12:00:00+01:00"], "login": [1, "2026-11-24T10:00:00Z"]}


def test_a_late_one_counts_and_leaves_the_latest_time() -> None:
    found = occurrences_after({"cart": [1, "2026-11-24T12:00:00+01:00"]}, event("2026-11-24T10:59:59Z"))
    assert found == {"cart": [2, "2026-11-24T12:00:00+01:00"]}


def test_one_without_a_name_is_not_counted() -> None:
    known: Occurrences = {"cart": [1, "2026-11-24T10:00:00Z"]}
    assert occurrences_after(known, event(event={})) is known
