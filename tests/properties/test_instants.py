"""The form of instants that is read in C reads as the standard parser reads it, and nothing else is taken for it."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamproc.domain.events import parse_any_form
from streamproc.domain.instants import read_by_parser, read_plain

INSTANT = "2026-11-24T10:00:00.123Z"


def written(instant: datetime, milliseconds: bool) -> str:
    text = instant.isoformat(timespec="milliseconds" if milliseconds else "seconds")
    return text.removesuffix("+00:00") + "Z"


@given(st.datetimes(timezones=st.just(UTC)), st.booleans())
@example(datetime(2024, 2, 29, 23, 59, 59, 999_000, tzinfo=UTC), True)
@example(datetime(1, 1, 1, tzinfo=UTC), False)
def test_what_is_mostly_written_is_read(instant: datetime, milliseconds: bool) -> None:
    text = written(instant, milliseconds)
    assert read_plain(text) == read_by_parser(text) == datetime.fromisoformat(text)
    found = read_plain(text)
    assert found is not None
    assert found.tzinfo is UTC


@given(st.integers(0, len(INSTANT)), st.integers(0, 3), st.text(max_size=3) | st.sampled_from("0123456789-:.TZtz+ "))
def test_a_changed_text_reads_as_in_the_other_ways(at: int, replaced: int, text: str) -> None:
    changed = INSTANT[:at] + text + INSTANT[at + replaced :]
    found = read_plain(changed)
    assert found == read_by_parser(changed)
    assert found is None or found == parse_any_form(changed)


@pytest.mark.parametrize(
    "text",
    [
        *("", "Z", "2026-11-24", "2026-11-24T10:00:00", "2026-11-24T10:00:00.1Z", "2026-11-24T10:00:00.123456Z"),
        *("2026-11-24t10:00:00Z", "2026-11-24T10:00:00z", "2026-11-24 10:00:00Z", "2026-11-24T10:00:00,123Z"),
        *("2026-02-29T10:00:00Z", "2026-13-01T10:00:00Z", "2026-00-01T10:00:00Z", "2026-11-00T10:00:00Z"),
        *("2026-11-31T10:00:00Z", "0000-11-24T10:00:00Z", "2026-11-24T24:00:00Z", "2026-11-24T10:60:00Z"),
        *("2026-11-24T10:00:60Z", "2026-11-24T10:00:6 Z", "+026-11-24T10:00:00Z", "2026-11-24T10:00:00.-12Z"),
        *(f"{INSTANT[:at]}={INSTANT[at + 1 :]}" for at in (4, 7, 10, 13, 16, 19, 23)),
        *("2026-11-24T10:00:0:Z", "2026-11-24T10:00:0/Z"),
        b"2026-11-24T10:00:00Z".decode("utf-16-le") + "\u0100" * 10,  # its bytes would do
        *(
            "2026-11-24T10:00:00.123\x00",
            "2026-11-24T10:00:00.1٢3Z",
            "\uff12026-11-24T10:00:00Z",
            "2026-11-24T10:00:00+01",
        ),
    ],
)
def test_what_another_way_has_to_read_is_left_to_it(text: str) -> None:
    assert read_plain(text) is None
    assert read_by_parser(text) is None


def test_the_standard_parser_alone_takes_what_is_refused() -> None:
    text = "2026-11-24T10:00:00,123Z"
    assert read_by_parser(text) is None
    assert datetime.fromisoformat(text) == datetime.fromisoformat(INSTANT)
