from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from streamproc.domain.rules.operators import build_test

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def holds(operator: str, value: Any, subject: Any, now: datetime = NOW) -> bool:
    return build_test(operator, value, "rule")(subject, now)


@pytest.mark.parametrize(
    ("operator", "value", "subject", "expected"),
    [
        ("$is", [1], 1.0, True),
        ("$is", ["1"], 1, False),
        ("$is", [1], True, False),
        ("$is", [True], 1, False),
        ("$is", [True], True, True),
        ("$is", ["Gold"], "gold", False),
        ("$is", "a", {"id": "a", "source_id": "b"}, True),
        ("$is", "b", {"id": "a", "source_id": "b"}, False),
        ("$is", "b", {"source_id": "b"}, True),
        ("$is", [{"id": "a"}], ["x", "a"], True),
        ("$is_not", "a", None, True),
        ("$is_not", "a", ["b", "a"], False),
        ("$not_differ", ["a", "b"], ["b", "a", "a"], True),
        ("$not_differ", ["a", "b"], ["a"], False),
        ("$not_differ", "a", "a", True),
        ("$not_differ", "a", None, False),
        ("$not_intersect", ["a"], ["b"], True),
        ("$not_intersect", ["a"], ["a", "b"], False),
        ("$more_than", "5", 6, True),
        ("$more_than", 5, "6", False),
        ("$more_than", 5, [6], False),
        ("$more_than", 5, True, False),
        ("$more_than", 5, "2026-11-24", False),
        ("$more_than_or_equal", "2026-11-24", "2026-11-24T00:00:00Z", True),
        ("$less_than", "2026-11-24T10:00:00+01:00", "2026-11-24T08:59:59Z", True),
        ("$starts_with", ["x", "go"], "gold", True),
        ("$ends_with", ["x"], ["x"], False),
        ("$contains", "ol", "gold", True),
        ("$contains", "ol", ["gold"], False),
        ("$contains", [5], [4, 5], True),
        ("$not_contain", "x", None, True),
        ("$count", 0, None, True),
        ("$count_more", 1, ["a", "b"], True),
        ("$count_less", 3, "ab", False),
        ("$has_value", True, "", True),
        ("$has_value", True, None, False),
        ("$is_unknown", [True], None, True),
    ],
)
def test_operators_on_texts_numbers_and_lists(operator: str, value: Any, subject: Any, expected: bool) -> None:
    assert holds(operator, value, subject) is expected


@pytest.mark.parametrize(
    ("operator", "value", "subject", "expected"),
    [
        ("$after", "2026-11-24", "2026-11-24", False),
        ("$before", "2026-11-25", "2026-11-24T23:59:59Z", True),
        ("$more_than_ago", 1, "2026-11-23T10:00:00Z", False),
        ("$more_than_ago", 1, "2026-11-23T09:59:59Z", True),
        ("$less_than_ago", 1, "2026-11-23T10:00:00Z", False),
        ("$less_than_ago", 1, "2026-11-24T10:00:00Z", True),
        ("$less_than_ago", 1, "2026-11-24T10:00:01Z", False),
        ("$is_days_ago", 1, "2026-11-23T00:00:00Z", True),
        ("$is_days_in_future", 1, "2026-11-25T23:59:59Z", True),
        ("$less_than_future", 1, "2026-11-25T10:00:00Z", False),
        ("$dow", [2], "2026-11-24", True),
        ("$dow", [0], "2026-11-22", True),
        ("$timeframe", "2026-11-01;P1D;PT1H", "2026-11-24T00:59:59Z", True),
        ("$timeframe", "2026-11-01;P1D;PT1H", "2026-11-24T01:00:00Z", False),
        ("$timeframe", "2026-11-01;P1D;PT1H", "2026-10-24T00:30:00Z", False),
        ("$timeframe_absolute", "2026-11-24;2026-11-25", "2026-11-25", False),
        ("$timeframe_daily_hours", "18:00;20:01;2", "2026-11-24T20:00:59Z", True),
        ("$timeframe_daily_hours", "22:00;02:00;2", "2026-11-25T01:59:00Z", True),
        ("$timeframe_daily_hours", "22:00;02:00;2", "2026-11-24T01:59:00Z", False),
        ("$timeframe_daily_hours", "00:00;24:00;2", "2026-11-24T23:59:59Z", True),
        ("$today", [True], "1990-11-24", True),
        ("$this_month", [True], "1990-11-01", True),
        ("$next_month", [True], "1990-12-31", True),
        ("$after", "2026-11-24", "24.11.2026", False),
    ],
)
def test_operators_on_dates_and_times(operator: str, value: Any, subject: Any, expected: bool) -> None:
    assert holds(operator, value, subject) is expected


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
def test_dates_at_both_ends_of_the_calendar_mean_never_and_always(zone: str) -> None:
    def holds_there(operator: str, value: Any, subject: Any) -> bool:
        return build_test(operator, [value], "rule", ZoneInfo(zone))(subject, NOW)

    firsts = ("0001-01-01", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+05:00")
    lasts = ("9999-12-31", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-05:00")
    for first, last in zip(firsts, lasts, strict=True):
        assert holds_there("$after", "2026-11-24", last)
        assert holds_there("$before", "2026-11-24", first)
        assert holds_there("$after", first, "2026-11-24")
        assert holds_there("$before", last, "2026-11-24T10:00:00Z")
        assert holds_there("$more_than", "2026-11-24", last)
        assert holds_there("$more_than_ago", 700_000, first)
        assert holds_there("$more_than_future", 2_900_000, last)
        assert holds_there("$timeframe_absolute", f"{first};{last}", "2026-11-24")
        assert not holds_there("$is_days_ago", 1, first)
        assert not holds_there("$this_month", True, last)
        assert holds_there("$timeframe_daily_hours", "00:00;24:00;0,1,2,3,4,5,6", first)
        assert holds_there("$timeframe_daily_hours", "00:00;24:00;0,1,2,3,4,5,6", last)
    assert not holds_there("$after", "2026-11-24", "9999-12-31T23:59:60Z")


@pytest.mark.parametrize(("year", "expected"), [(2027, True), (2028, False)])
def test_29_february_counts_on_28_february_in_common_years(year: int, expected: bool) -> None:
    assert holds("$today", True, "1988-02-29", datetime(year, 2, 28, 12, tzinfo=UTC)) is expected


def test_next_month_after_december_is_january() -> None:
    assert holds("$next_month", True, "1990-01-15", datetime(2026, 12, 3, tzinfo=UTC))


def test_days_begin_at_midnight_of_the_project_s_zone() -> None:
    late = datetime(2026, 11, 25, 3, tzinfo=UTC)  # still the 24th in New York
    assert build_test("$is_days_ago", 0, "rule", NEW_YORK)("2026-11-24", late)
    assert build_test("$after", "2026-11-24", "rule", NEW_YORK)("2026-11-24T05:00:01Z", late)
    assert not build_test("$after", "2026-11-24", "rule", NEW_YORK)("2026-11-24T04:59:59Z", late)


def test_a_number_against_an_instant_means_days_ago_in_filters_only() -> None:
    weeks_ago = "2026-11-10T00:00:00Z"
    assert [build_test("$more_than", 7, mode)(weeks_ago, NOW) for mode in ("rule", "filter")] == [False, True]
    assert [build_test("$less_than", 30, mode)(weeks_ago, NOW) for mode in ("rule", "filter")] == [False, True]
    assert [build_test("$more_than_or_equal", 7, mode)(weeks_ago, NOW) for mode in ("rule", "filter")] == [False, False]


@pytest.mark.parametrize(
    ("operator", "value", "subject", "expected"),
    [
        ("$more_than", 1, "2026-11-23T10:00:00Z", False),
        ("$more_than", 1, "2026-11-23T09:59:59Z", True),
        ("$more_than", ["0.5"], "2026-11-23T21:59:59Z", True),
        ("$greater_than", 1, "2026-11-23T09:59:59Z", True),
        ("$less_than", 1, "2026-11-23T10:00:00Z", False),
        ("$less_than", 1, "2026-11-23T10:00:01Z", True),
        ("$less_than", 1, "2026-11-24T10:00:00Z", True),
        ("$less_than", 1, "2026-11-24T10:00:01Z", False),
        ("$more_than", -1, "2026-11-25T09:59:59Z", True),
        ("$more_than", -1, "2026-11-25T10:00:00Z", False),
        ("$less_than", -1, "2026-11-24T10:00:00Z", False),
        ("$more_than", 1e300, "2026-11-23", False),
        ("$more_than", 1, "2 days", False),
        ("$more_than", 1, 2, True),
        ("$more_than", "2026-11-23", "2026-11-24", True),
    ],
)
def test_days_ago_of_filters_are_those_of_the_operators_on_times(
    operator: str, value: Any, subject: Any, expected: bool
) -> None:
    assert build_test(operator, value, "filter")(subject, NOW) is expected
