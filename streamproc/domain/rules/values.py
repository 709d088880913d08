"""Values of conditions and subjects: JSON equality, numbers, instants; read once when a rule is compiled."""

import re
from collections.abc import Callable, Hashable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Literal

from streamproc.domain.events import parse_date_time

Mode = Literal["rule", "filter"]
Test = Callable[[Any, datetime], bool]

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
_DATE_LENGTH = len("2026-11-24")
_NUMBERS = frozenset({int, float})
#: More days than this are read as this many: further than any instant lies from another.
_MOST_DAYS = 10_000 * 366

# JSON values that Python holds equal to others, or cannot hash, stand under keys of their own.
_TRUE, _FALSE, _NULL, _OTHER = ("true",), ("false",), ("null",), ("other",)


class BadValue(ValueError):
    """The value of a condition cannot be read; the message says what is allowed."""


def identity(value: Any) -> Hashable:
    """Return what stands for a value when it is compared for equality.

    1 equals 1.0, "1" and true do not. An object stands for its `id`, without one for its `source_id`; an object with
    neither and a list inside a list equal nothing.
    """
    kind = type(value)
    if kind is str or kind is int or kind is float:
        return value  # type: ignore[no-any-return]
    if value is None:
        return _NULL
    if kind is bool:
        return _TRUE if value else _FALSE
    if kind is dict:
        return _object_identity(value)
    return _OTHER


def _object_identity(value: dict[str, Any]) -> Hashable:
    for name in ("id", "source_id"):
        found = value.get(name)
        if type(found) is str or type(found) in _NUMBERS:
            return found
    return _OTHER


def index_key(value: Any) -> Hashable:
    """Return the key of a value in an index: equal values have equal keys, and true may share one with 1."""
    return value if type(value) is bool else identity(value)


def read_instant(value: Any, zone: tzinfo) -> datetime | None:
    """Read RFC 3339, or a date as its midnight in `zone`; None if it is neither."""
    if type(value) is not str or len(value) < _DATE_LENGTH:
        return None
    if len(value) > _DATE_LENGTH:
        return parse_date_time(value)
    day = _read_date(value)
    # In UTC, because Python compares two instants of one zone by their wall clocks.
    return None if day is None else moved_to(UTC, datetime(day.year, day.month, day.day, tzinfo=zone))


def read_day(value: Any, zone: tzinfo) -> date | None:
    """Read a date, or the day of an RFC 3339 instant on the calendar of `zone`; None if it is neither."""
    if type(value) is not str or len(value) < _DATE_LENGTH:
        return None
    if len(value) == _DATE_LENGTH:
        return _read_date(value)
    instant = parse_date_time(value)
    return None if instant is None else moved_to(zone, instant).date()


def moved_to(zone: tzinfo, instant: datetime) -> datetime:
    """Return the instant as the clocks of a zone show it.

    0001-01-01 and 9999-12-31 mean "always" and "never". Where the clocks of the zone would show a day before or after
    them, which no calendar here has, they show those.
    """
    try:
        return instant.astimezone(zone)
    except OverflowError:
        return instant.replace(tzinfo=zone)


def _read_date(text: str) -> date | None:
    # The standard parser takes other forms as well.
    if text[4] != "-" or text[7] != "-":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def read_number(value: Any) -> int | float | None:
    """Read a number, or a text that holds one; true and false are none."""
    if type(value) in _NUMBERS:
        return value  # type: ignore[no-any-return]
    if type(value) is not str or not _NUMBER.fullmatch(value) or len(value) > 40:
        return None
    number = float(value)
    if number in (float("inf"), float("-inf")):
        return None
    return int(value) if value.lstrip("+-").isdigit() else number


def read_days(number: float) -> timedelta:
    """Return so many days of 24 hours, not more than lie between any two instants."""
    return timedelta(days=max(-_MOST_DAYS, min(number, _MOST_DAYS)))


class Operand:
    """The value of one condition, a scalar or a list, never empty; raises `BadValue` when it cannot be read.

    `mode` tells whether a validation rule or a segment filter asks, `zone` is the project's.
    """

    __slots__ = ("items", "mode", "zone")

    def __init__(self, value: Any, zone: tzinfo, mode: Mode) -> None:
        self.items: list[Any] = value if type(value) is list else [value]
        self.zone = zone
        self.mode = mode
        if not self.items:
            raise BadValue("the list is empty; at least one value is needed")
        for item in self.items:
            if item is None or type(item) is list:
                raise BadValue("null and lists in lists are no values; $has_value and $is_unknown ask for null")

    def one(self) -> Any:
        """Return the only value."""
        if len(self.items) != 1:
            raise BadValue(f"one value is allowed here, not {len(self.items)}")
        return self.items[0]

    def identities(self) -> frozenset[Hashable]:
        """Return what the listed values stand for in equality."""
        found = frozenset(map(identity, self.items))
        if _OTHER in found:
            raise BadValue("an object needs an id or a source_id")
        return found

    def texts(self) -> tuple[str, ...]:
        """Return the listed texts."""
        if any(type(item) is not str for item in self.items):
            raise BadValue("only texts are allowed here")
        return tuple(self.items)

    def text(self) -> str:
        """Return the only text."""
        value = self.one()
        if type(value) is not str:
            raise BadValue("a text is needed here")
        return value

    def number_or_instant(self) -> int | float | datetime:
        """Return the only value, a number (also as a text), a date or an instant."""
        value = self.one()
        number = read_number(value)
        if number is not None:
            return number
        return self.instant("a number, a date (2026-11-24) or an RFC 3339 instant is needed")

    def instant(self, told: str = "a date (2026-11-24) or an RFC 3339 instant is needed") -> datetime:
        """Return the only value, a date or an instant."""
        instant = read_instant(self.one(), self.zone)
        if instant is None:
            raise BadValue(told)
        return instant

    def count(self) -> int:
        """Return the only value, a whole number from 0."""
        number = read_number(self.one())
        if number is None or number < 0 or number != int(number):
            raise BadValue("a whole number from 0 is needed")
        return int(number)

    def days(self) -> int | float:
        """Return the only value, a number of days of 24 hours from 0, fractions allowed."""
        number = read_number(self.one())
        if number is None or number < 0:
            raise BadValue("a number of days from 0 is needed")
        return number

    def whole_days(self) -> int:
        """Return the only value, a whole number of calendar days from 0."""
        return min(self.count(), _MOST_DAYS)

    def flag(self) -> bool:
        """Return the only value, true or false."""
        value = self.one()
        if type(value) is not bool:
            raise BadValue("true or false is needed")
        return value
