"""The project's days begin at its midnight, whatever the clocks do there."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from streamproc.domain.events import format_instant
from streamproc.processing.days import beginning_of, day_at


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("UTC", date(2026, 11, 24), "2026-11-24T00:00:00.000Z"),
        ("Europe/Warsaw", date(2026, 11, 24), "2026-11-23T23:00:00.000Z"),
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00:00.000Z"),  # the clocks went from 0:00 to 1:00
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00:00.000Z"),  # they go from 1:00 back to 0:00
    ],
)
def test_a_day_begins_with_its_first_moment(zone: str, day: date, begins: str) -> None:
    at = beginning_of(day, ZoneInfo(zone))
    assert format_instant(at) == begins
    assert day_at(at, ZoneInfo(zone)) == day
    assert day_at(at - 1, ZoneInfo(zone)) < day
