"""The project's days: which one it is, and when one begins. Milliseconds since the epoch in and out."""

from datetime import date, datetime, tzinfo

from streamproc.domain.events import instant_of


def day_at(milliseconds: int, zone: tzinfo) -> date:
    """Return the day in the project's zone."""
    return instant_of(milliseconds).astimezone(zone).date()


def beginning_of(day: date, zone: tzinfo) -> int:
    """Return when a day begins: its midnight, or its first moment where the clocks skip midnight."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
