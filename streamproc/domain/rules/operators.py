"""Operators: one function each, and the one table that names them, for validation rules and segment filters.

A function reads the value of a condition once and returns the test of a subject, or raises `BadValue`. A test takes
the subject as it stands in the JSON, None when it is missing, and "now".
"""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from operator import ge, gt, le, lt
from sys import intern
from typing import Any, Final

from streamproc.domain.rules import times
from streamproc.domain.rules.values import BadValue, Mode, Operand, Test, identity

Build = Callable[[Operand], Test]

_NUMBERS: Final = frozenset({int, float})


class IsText:
    """The test of `$is` with one text.

    A class and no closure, as `Comparison`, because these are most of what is asked: a leaf takes its text over, which
    saves three steps through memory that is seldom near (`leaves`).
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = intern(text)

    def __call__(self, subject: Any, _now: datetime) -> bool:
        """Tell whether the subject is the text, holds it, or is an object of which it is the id."""
        kind = type(subject)
        if kind is str:
            return bool(subject == self.text)
        if kind is list:
            return any(identity(element) == self.text for element in subject)
        return kind is dict and identity(subject) == self.text


class Comparison:
    """The test of a number against a number; nothing else holds."""

    __slots__ = ("compare", "limit")

    def __init__(self, compare: Callable[[Any, Any], bool], limit: Any) -> None:
        self.compare = compare
        self.limit: Any = limit  # compiled, a float would be one of 64 bits, and large whole numbers would change

    def __call__(self, subject: Any, _now: datetime) -> bool:
        """Compare the subject with the limit."""
        return type(subject) in _NUMBERS and self.compare(subject, self.limit)


def _is(operand: Operand) -> Test:
    wanted = operand.identities()
    texts = frozenset(item for item in operand.items if type(item) is str)

    def test(subject: Any, _now: datetime) -> bool:
        kind = type(subject)
        if kind is str:
            return subject in wanted
        if subject is None:
            return False
        if kind is list:
            return any(identity(element) in wanted for element in subject)
        return identity(subject) in wanted

    def holds_text(subject: Any, _now: datetime) -> bool:
        kind = type(subject)
        if kind is str:
            return subject in texts
        if kind is list:
            return any(identity(element) in texts for element in subject)
        return kind is dict and identity(subject) in texts

    if len(texts) < len(operand.items):
        return test
    return holds_text if len(texts) > 1 else IsText(next(iter(texts)))


def _is_not(operand: Operand) -> Test:
    holds = _is(operand)
    return lambda subject, now: not holds(subject, now)


def _not_differ(operand: Operand) -> Test:
    wanted = operand.identities()

    def test(subject: Any, _now: datetime) -> bool:
        if subject is None:
            return False
        return frozenset(map(identity, subject if type(subject) is list else (subject,))) == wanted

    return test


def _comparison(compare: Callable[[Any, Any], bool], ago: Callable[[float, tzinfo], Test] | None = None) -> Build:
    """Numbers with numbers, instants with instants; other pairings do not hold.

    `ago` makes what a number of days against an instant means in a filter.
    """

    def build(operand: Operand) -> Test:
        limit = operand.number_or_instant()
        if isinstance(limit, datetime):
            return times.instant_test(operand.zone, lambda subject, _now: compare(subject, limit))

        test = Comparison(compare, limit)
        if operand.mode == "rule" or ago is None:
            return test
        by_days = ago(limit, operand.zone)
        return lambda subject, now: by_days(subject, now) if type(subject) is str else test(subject, now)

    return build


def _starts_with(operand: Operand) -> Test:
    texts = operand.texts()
    return lambda subject, _now: type(subject) is str and subject.startswith(texts)


def _ends_with(operand: Operand) -> Test:
    texts = operand.texts()
    return lambda subject, _now: type(subject) is str and subject.endswith(texts)


def _contains(operand: Operand) -> Test:
    wanted = operand.identities()
    texts = tuple(item for item in operand.items if type(item) is str)

    def test(subject: Any, _now: datetime) -> bool:
        if type(subject) is str:
            return any(text in subject for text in texts)
        return type(subject) is list and any(identity(element) in wanted for element in subject)

    return test


def _not_contain(operand: Operand) -> Test:
    holds = _contains(operand)
    return lambda subject, now: not holds(subject, now)


def _counted(compare: Callable[[Any, Any], bool]) -> Build:
    def build(operand: Operand) -> Test:
        limit = operand.count()

        def test(subject: Any, _now: datetime) -> bool:
            if type(subject) is list:
                return compare(len(subject), limit)
            return subject is None and compare(0, limit)

        return test

    return build


def _has_value(operand: Operand) -> Test:
    wanted = operand.flag()
    return lambda subject, _now: (subject is not None) is wanted


def _is_unknown(operand: Operand) -> Test:
    wanted = operand.flag()
    return lambda subject, _now: (subject is None) is wanted


OPERATORS: dict[str, Build] = {
    "$is": _is,
    "$in": _is,
    "$is_not": _is_not,
    "$not_in": _is_not,
    "$not_differ": _not_differ,
    "$not_intersect": _is_not,
    "$more_than": _comparison(gt, times.longer_ago),
    "$less_than": _comparison(lt, times.less_long_ago),
    "$more_than_or_equal": _comparison(ge),
    "$less_than_or_equal": _comparison(le),
    "$starts_with": _starts_with,
    "$ends_with": _ends_with,
    "$contains": _contains,
    "$not_contain": _not_contain,
    "$count": _counted(lambda length, limit: length == limit),
    "$count_more": _counted(gt),
    "$count_less": _counted(lt),
    "$has_value": _has_value,
    "$is_unknown": _is_unknown,
    "$after": times.after,
    "$before": times.before,
    "$more_than_ago": times.more_than_ago,
    "$less_than_ago": times.less_than_ago,
    "$is_days_ago": times.is_days_ago,
    "$more_than_future": times.more_than_future,
    "$less_than_future": times.less_than_future,
    "$is_days_in_future": times.is_days_in_future,
    "$dow": times.day_of_week,
    "$timeframe": times.timeframe,
    "$timeframe_absolute": times.timeframe_absolute,
    "$timeframe_daily_hours": times.timeframe_daily_hours,
    "$today": times.today,
    "$this_month": times.this_month,
    "$next_month": times.next_month,
}

ALIASES = {
    "$more_than_equal": "$more_than_or_equal",
    "$greater_than_or_equal": "$more_than_or_equal",
    "$less_than_equal": "$less_than_or_equal",
    "$greater_than": "$more_than",
}

# With these, the subject has to be one of the listed values, or to hold one: what an index may be built on.
NEEDING_A_LISTED_VALUE = frozenset({"$is", "$in", "$not_differ"})

# As time passes, these change their answer about one and the same subject.
_RELATIVE = frozenset(
    {
        "$more_than_ago", "$less_than_ago", "$is_days_ago", "$more_than_future", "$less_than_future",
        "$is_days_in_future", "$today", "$this_month", "$next_month",
    }
)  # fmt: skip
_RELATIVE_WITH_A_NUMBER = frozenset({"$more_than", "$less_than"})


def is_relative(name: str, value: Any) -> bool:
    """Tell whether a condition of a filter may answer otherwise at another time, its subject being a date."""
    name = ALIASES.get(name, name)
    if name in _RELATIVE_WITH_A_NUMBER:
        return not isinstance(Operand(value, UTC, "filter").number_or_instant(), datetime)
    return name in _RELATIVE


def build_test(name: str, value: Any, mode: Mode, zone: tzinfo = UTC) -> Test:
    """Return the test of one condition; raises `BadValue`, and `KeyError` for an operator that there is not."""
    return OPERATORS[ALIASES.get(name, name)](Operand(value, zone, mode))


__all__ = [
    "ALIASES",
    "NEEDING_A_LISTED_VALUE",
    "OPERATORS",
    "BadValue",
    "Comparison",
    "IsText",
    "build_test",
    "is_relative",
]
