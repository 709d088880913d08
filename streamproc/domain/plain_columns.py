"""What the functions on columns mean, in plain Python; `_columns.c` does the same, and refuses the same.

A column is a text in ASCII. Either it has fields parted by commas, none of them empty; places count from 0. Or it is a
column of times, of 18 characters for each order: nine that say when it was made, and nine that say when it became
counted.

Nine characters are a number of nine digits to the base of 91, which sort as their numbers do. When an order was made
is in microseconds since the beginning of year 1, in UTC. When it became counted has to come back as it was written:
the numbers that stand for texts like 2026-11-24T10:00:00Z, without decimals, come first, then those with one decimal,
and so on up to six. Any other way of writing is the largest number, and the text is for the caller to keep.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

#: How long the two times of an order are, and each of them.
TIMES: Final = 18
TIME: Final = 9
#: Stands for a text that is written in another way.
OTHER_WAY: Final = "~" * TIME

# What JSON writes as it is, in order. With a base below 90 nine digits would not be enough.
_DIGITS: Final = "".join(chr(code) for code in range(ord("#"), ord("~") + 1) if chr(code) != "\\")
_BASE: Final = len(_DIGITS)
_BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_SECONDS: Final = (datetime(9999, 12, 31, tzinfo=UTC) - _BEGINNING + timedelta(days=1)) // _SECOND
# Where the numbers begin that stand for texts with so many decimals, and where they end.
_FIRST_OF: Final = [_SECONDS * int("1" * decimals or "0") for decimals in range(8)]
_AS_IT_IS: Final = bytes(set(range(128)) - set(b"%,"))
_PLAIN = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z", re.ASCII)


def as_field(text: str, /) -> str:
    """Return a text as it stands in a field: in ASCII and without a comma, each by `%` and its bytes in UTF-8."""
    return quote(text, safe=_AS_IT_IS)


def place_of(column: str, field: str, /) -> int:
    """Return the place of a field, -1 where it is not there."""
    _check_ascii(column)
    _check_field(field)
    fields = column.split(",")
    return fields.index(field) if field in fields else -1


def field_at(column: str, place: int, /) -> str:
    """Return the field at a place."""
    return _fields(column, place)[place]


def without(column: str, place: int, /) -> str:
    """Return the column without the field at a place."""
    fields = _fields(column, place)
    del fields[place]
    return ",".join(fields)


def replaced(column: str, place: int, field: str, /) -> str:
    """Return the column with another field at a place."""
    _check_field(field)
    fields = _fields(column, place)
    fields[place] = field
    return ",".join(fields)


def appended(column: str, field: str, gone: int, /) -> str:
    """Return the column with one more field at its end, and without the one at a place, or without none for -1."""
    _check_ascii(column)
    _check_field(field)
    rest = column if gone == -1 else without(column, gone)
    return f"{rest},{field}" if rest else field


def write_times(made: datetime, counted: str, /) -> str:
    """Return what stands in the column of times for an order."""
    microseconds = (made - _BEGINNING) // _MICROSECOND
    if microseconds < 0:
        raise OverflowError("a time before year 1 in UTC")
    return _written(microseconds) + _written_text(counted)


def oldest(times: str, /) -> int:
    """Return the place of the order that was made first, of those made at once the first."""
    _check_times(times)
    if not times:
        raise ValueError("there is no order")
    return min(range(len(times) // TIMES), key=lambda place: times[TIMES * place :][:TIME])


def read_counted(times: str, place: int, /) -> str | None:
    """Return when the order at a place became counted, as it was written; None where that was in another way."""
    _check_times(times)
    if not 0 <= place < len(times) // TIMES:
        raise IndexError("no order stands there")
    digits = times[TIMES * place + TIME :][:TIME]
    if digits == OTHER_WAY:
        return None
    number = 0
    for digit in digits:
        number = _BASE * number + _DIGITS.index(digit)
    if number >= _FIRST_OF[-1]:
        raise ValueError("no time stands there")
    decimals = max(decimals for decimals, first in enumerate(_FIRST_OF) if first <= number)
    seconds, fraction = divmod(number - _FIRST_OF[decimals], 10**decimals)
    text = (_BEGINNING + seconds * _SECOND).replace(tzinfo=None).isoformat()
    return f"{text}.{fraction:0{decimals}}Z" if decimals else f"{text}Z"


def _written(number: int) -> str:
    digits = []
    for _ in range(TIME):
        number, digit = divmod(number, _BASE)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def _written_text(text: str) -> str:
    found = _PLAIN.fullmatch(text)
    if found is None:
        return OTHER_WAY
    to_seconds, fraction = found.group(1), found.group(2) or ""
    try:
        seconds = (datetime.fromisoformat(f"{to_seconds}+00:00") - _BEGINNING) // _SECOND
    except ValueError:  # no day or time of the calendar
        return OTHER_WAY
    return _written(_FIRST_OF[len(fraction)] + seconds * 10 ** len(fraction) + int(fraction or "0"))


def _fields(column: str, place: int) -> list[str]:
    _check_ascii(column)
    fields = column.split(",") if column else []
    if not 0 <= place < len(fields):
        raise IndexError("no field stands there")
    return fields


def _check_ascii(text: str) -> None:
    if not text.isascii():
        raise ValueError("a column is ASCII")


def _check_field(field: str) -> None:
    _check_ascii(field)
    if not field or "," in field:
        raise ValueError("a field has a character at least, and no comma")


def _check_times(times: str) -> None:
    _check_ascii(times)
    if len(times) % TIMES:
        raise ValueError("a column of times has 18 characters for each order")
