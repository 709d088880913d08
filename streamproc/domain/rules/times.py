"""The operators on dates and times. A subject that is neither a date nor an RFC 3339 instant never holds.

Calendar days, weekdays and hours are those of the project's zone.
"""

import re
from calendar import isleap
from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from streamproc.domain.rules.values import BadValue, Operand, Test, moved_to, read_day, read_days, read_instant

_DURATION = re.compile(
    r"P(?=.)(?:(\d{1,5})W)?(?:(\d{1,7})D)?(?:T(?=.)(?:(\d{1,8})H)?(?:(\d{1,9})M)?(?:(\d{1,10}(?:\.\d{1,6})?)S)?)?",
    re.ASCII,
)
_HOUR = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)", re.ASCII)
_DAY_OF_WEEK = re.compile(r"[0-6]", re.ASCII)
_END_OF_DAY = 24 * 60


def after(operand: Operand) -> Test:
    """`$after`: later than the instant."""
    limit = operand.instant()
    return instant_test(operand.zone, lambda subject, _now: subject > limit)


def before(operand: Operand) -> Test:
    """`$before`: earlier than the instant."""
    limit = operand.instant()
    return instant_test(operand.zone, lambda subject, _now: subject < limit)


def more_than_ago(operand: Operand) -> Test:
    """`$more_than_ago`: longer ago than so many days of 24 hours."""
    return longer_ago(operand.days(), operand.zone)


def less_than_ago(operand: Operand) -> Test:
    """`$less_than_ago`: past, but less long ago."""
    return less_long_ago(operand.days(), operand.zone)


def longer_ago(days: float, zone: tzinfo) -> Test:
    """Return the test of an instant more than so many days ago; fewer than none means the future."""
    length = read_days(days)
    return instant_test(zone, lambda subject, now: now - subject > length)


def less_long_ago(days: float, zone: tzinfo) -> Test:
    """Return the test of a past instant less than so many days ago."""
    length = read_days(days)
    return instant_test(zone, lambda subject, now: subject <= now and now - subject < length)


def more_than_future(operand: Operand) -> Test:
    """`$more_than_future`: further ahead than so many days of 24 hours."""
    length = read_days(operand.days())
    return instant_test(operand.zone, lambda subject, now: subject - now > length)


def less_than_future(operand: Operand) -> Test:
    """`$less_than_future`: not past, but less far ahead."""
    length = read_days(operand.days())
    return instant_test(operand.zone, lambda subject, now: subject >= now and subject - now < length)


def is_days_ago(operand: Operand) -> Test:
    """`$is_days_ago`: on the calendar day that many days before today."""
    days = operand.whole_days()
    return _day_test(operand.zone, lambda subject, today: (today - subject).days == days)


def is_days_in_future(operand: Operand) -> Test:
    """`$is_days_in_future`: on the calendar day that many days after today."""
    days = operand.whole_days()
    return _day_test(operand.zone, lambda subject, today: (subject - today).days == days)


def day_of_week(operand: Operand) -> Test:
    """`$dow`: on one of the weekdays, 0 = Sunday."""
    days = frozenset(map(_read_day_of_week, operand.items))
    return _day_test(operand.zone, lambda subject, _today: _weekday(subject) in days)


def timeframe(operand: Operand) -> Test:
    """`$timeframe`, "start;interval;duration": from the start on, in the first `duration` of each `interval`."""
    start_text, interval_text, duration_text = _parts(operand, 3, "start;interval;duration")
    start = _read_part(start_text, operand.zone)
    interval, duration = _read_duration(interval_text), _read_duration(duration_text)
    if not interval:
        raise BadValue("the interval is zero")
    return instant_test(
        operand.zone, lambda subject, _now: subject >= start and (subject - start) % interval < duration
    )


def timeframe_absolute(operand: Operand) -> Test:
    """`$timeframe_absolute`, "from;to": the start is included, the end is not."""
    start_text, end_text = _parts(operand, 2, "from;to")
    start, end = _read_part(start_text, operand.zone), _read_part(end_text, operand.zone)
    return instant_test(operand.zone, lambda subject, _now: start <= subject < end)


def timeframe_daily_hours(operand: Operand) -> Test:
    """`$timeframe_daily_hours`, "18:00;20:01;2,3": hours on weekdays; past midnight when start is after end."""
    start_text, end_text, days_text = _parts(operand, 3, "18:00;20:01;2,3")
    start, end = _read_hour(start_text), _read_hour(end_text)
    days = frozenset(_read_day_of_week(day.strip()) for day in days_text.split(","))
    zone = operand.zone

    def test(instant: datetime, _now: datetime) -> bool:
        local = moved_to(zone, instant)
        minute, day = local.hour * 60 + local.minute, _weekday(local)
        if start <= end:
            return start <= minute < end and day in days
        # Past midnight the hours still belong to the weekday on which they began.
        return (minute >= start and day in days) or (minute < end and (day - 1) % 7 in days)

    return instant_test(zone, test)


def today(operand: Operand) -> Test:
    """`$today`: the anniversary is today; that of 29 February is on 28 February in common years."""
    _check_true(operand)
    return _day_test(operand.zone, _is_anniversary)


def this_month(operand: Operand) -> Test:
    """`$this_month`: the anniversary is in this calendar month."""
    _check_true(operand)
    return _day_test(operand.zone, lambda subject, today: subject.month == today.month)


def next_month(operand: Operand) -> Test:
    """`$next_month`: the anniversary is in the next calendar month."""
    _check_true(operand)
    return _day_test(operand.zone, lambda subject, today: subject.month == today.month % 12 + 1)


def instant_test(zone: tzinfo, test: Callable[[datetime, datetime], bool]) -> Test:
    """Wrap a test that wants the subject as an instant."""

    def on_instant(subject: Any, now: datetime) -> bool:
        instant = read_instant(subject, zone)
        return instant is not None and test(instant, now)

    return on_instant


def _day_test(zone: tzinfo, test: Callable[[date, date], bool]) -> Test:
    """Wrap a test that wants the days of subject and now on the calendar of the project's zone."""

    def on_days(subject: Any, now: datetime) -> bool:
        day = read_day(subject, zone)
        return day is not None and test(day, now.astimezone(zone).date())

    return on_days


def _weekday(day: date) -> int:
    return day.isoweekday() % 7


def _is_anniversary(day: date, today: date) -> bool:
    if day.month == 2 and day.day == 29 and not isleap(today.year):
        return today.month == 2 and today.day == 28
    return day.month == today.month and day.day == today.day


def _check_true(operand: Operand) -> None:
    if operand.one() is not True:
        raise BadValue("only true is allowed here")


def _parts(operand: Operand, count: int, form: str) -> list[str]:
    parts = [part.strip() for part in operand.text().split(";")]
    if len(parts) != count:
        raise BadValue(f'a text of the form "{form}" is needed')
    return parts


def _read_part(text: str, zone: tzinfo) -> datetime:
    return Operand(text, zone, "rule").instant()


def _read_duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise BadValue("a duration of fixed length is needed: weeks, days, hours, minutes, seconds (P1W, P1D, PT1H30M)")
    weeks, days, hours, minutes, seconds = (float(number or 0) for number in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _read_hour(text: str) -> int:
    """Return the minute of the day."""
    found = _HOUR.fullmatch(text)
    minute = int(found[1]) * 60 + int(found[2]) if found else _END_OF_DAY + 1
    if minute > _END_OF_DAY:
        raise BadValue("hours are written HH:MM, from 00:00 to 24:00")
    return minute


def _read_day_of_week(value: Any) -> int:
    if type(value) is int and 0 <= value <= 6:
        return value
    if type(value) is str and _DAY_OF_WEEK.fullmatch(value):
        return int(value)
    raise BadValue("weekdays are whole numbers from 0 (Sunday) to 6")
