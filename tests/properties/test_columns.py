"""What is done with columns in C is what `plain_columns` does, and times come back letter for letter."""

from datetime import UTC, datetime, timedelta, timezone
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamproc.domain import columns, plain_columns

BOTH = [pytest.param(columns, id="in C"), pytest.param(plain_columns, id="plain")]
in_c = pytest.mark.skipif(find_spec("streamproc.domain._columns") is None, reason="without a compiler")

FIELDS = st.text("ab1", min_size=1, max_size=3) | st.text("ab1", min_size=15, max_size=35) | st.just("ord_1")
COLUMNS = st.lists(FIELDS, max_size=20).map(",".join)
#: Also what is no field or no column.
TEXTS = COLUMNS | FIELDS | st.text(max_size=20) | st.text("a,", max_size=40)
PLACES = st.integers(-2, 22) | st.just(2**70)
NUMBERS = st.text("#$[]^}~", min_size=9, max_size=9) | st.just("~" * 9)
TIMES = st.lists(NUMBERS, max_size=8).map("".join)
OFFSETS = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone) | st.just(UTC)
FIRST = datetime(1, 1, 1, tzinfo=UTC)
INSTANTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 30), timezones=OFFSETS)  # noqa: DTZ001


def done(functions: ModuleType, name: str, *arguments: Any) -> Any:
    """Return what a function returns, or what it raises."""
    try:
        return getattr(functions, name)(*arguments)
    except Exception as error:  # noqa: BLE001  (both have to raise the same)
        return type(error)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("as_field", st.tuples(TEXTS | st.text(st.characters(categories=["Cs", "Lu"])))),
        ("place_of", st.tuples(TEXTS, TEXTS)),
        ("field_at", st.tuples(TEXTS, PLACES)),
        ("without", st.tuples(TEXTS, PLACES)),
        ("replaced", st.tuples(TEXTS, PLACES, TEXTS)),
        ("appended", st.tuples(TEXTS, TEXTS, PLACES)),
        ("write_times", st.tuples(INSTANTS | st.datetimes(), TEXTS)),
        ("oldest", st.tuples(TIMES | TEXTS)),
        ("read_counted", st.tuples(TIMES | TEXTS, PLACES)),
    ],
)
@given(data=st.data())
def test_it_is_the_same_in_c(name: str, arguments: st.SearchStrategy[tuple[Any, ...]], data: st.DataObject) -> None:
    told = data.draw(arguments)
    assert done(columns, name, *told) == done(plain_columns, name, *told)


@given(st.lists(FIELDS, min_size=1, max_size=40), st.data())
def test_a_field_is_found_wherever_it_stands(fields: list[str], data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(fields))
    assert columns.place_of(",".join(fields), field) == fields.index(field)


@pytest.mark.parametrize("length", range(1, 40))
def test_a_field_is_found_at_every_distance_from_both_ends(length: int) -> None:
    for before in range(40):
        fields = ["x" * before] * bool(before) + ["y" * length]
        assert columns.place_of(",".join(fields), fields[-1]) == len(fields) - 1
        assert columns.place_of(",".join([*fields, "z"]), fields[-1]) == len(fields) - 1
        assert columns.place_of(",".join(fields) + "y", fields[-1]) == -1


def plain(instant: datetime, decimals: int) -> str:
    """Write an instant with so many decimals."""
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"{text[: 20 + decimals] if decimals else text[:19]}Z"


@pytest.mark.parametrize("functions", BOTH)
@given(made=INSTANTS, counted=INSTANTS, decimals=st.integers(0, 6))
@example(FIRST, FIRST, 0)
@example(FIRST, datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 6)
@example(FIRST, datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 0)
@example(FIRST, datetime(2024, 2, 29, tzinfo=UTC), 3)
@example(FIRST, datetime(1900, 3, 1, tzinfo=UTC), 1)
def test_a_plain_text_comes_back(functions: ModuleType, made: datetime, counted: datetime, decimals: int) -> None:
    text = plain(counted, decimals)
    times = functions.write_times(made, text)
    assert len(times) == 18
    assert functions.read_counted(times, 0) == text


@pytest.mark.parametrize("functions", BOTH)
def test_each_day_comes_back(functions: ModuleType) -> None:
    days = [f"{year:04}-{month:02}-{day:02}" for year in (1, 4, 1899, 1900, 2000, 2023, 2024, 2100, 9999)
            for month in range(1, 13) for day in range(33)]  # fmt: skip
    for day in days:
        text = f"{day}T23:59:59Z"
        try:
            datetime.fromisoformat(text)
        except ValueError:
            assert functions.read_counted(functions.write_times(FIRST, text), 0) is None
        else:
            assert functions.read_counted(functions.write_times(FIRST, text), 0) == text


@pytest.mark.parametrize("functions", BOTH)
@given(at=st.integers(0, 27), replaced=st.integers(0, 3), text=st.text(max_size=3) | st.sampled_from("0123456789-:.TZ"))
def test_any_other_text_is_left_to_the_caller(functions: ModuleType, at: int, replaced: int, text: str) -> None:
    written = "2026-11-24T10:00:00.123456Z"
    changed = written[:at] + text + written[at + replaced :]
    assert functions.read_counted(functions.write_times(FIRST, changed), 0) in (changed, None)


@pytest.mark.parametrize("functions", BOTH)
@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-11-24T10:00:00", "2026-11-24T10:00:00+00:00", "2026-11-24t10:00:00Z", "2026-11-24T10:00:00z"),
        *("2026-11-24T10:00:00.Z", "2026-11-24T10:00:00.1234567Z", "2026-11-24T10:00:60Z", "2026-11-24T24:00:00Z"),
        *("2026-11-24T10:60:00Z", "2026-02-29T10:00:00Z", "2026-13-01T10:00:00Z", "2026-00-01T10:00:00Z"),
        *("0000-11-24T10:00:00Z", "2026-11-00T10:00:00Z", "2026-11-24T10:00:00,123Z", "2026-11-24 10:00:00Z"),
        *("2026-11-24T10:00:0 Z", "2026-11-24T10:00:00.12 Z", "+026-11-24T10:00:00Z", "2026-11-24T10:00:0\u0663Z"),
    ],
)
def test_unusual_texts_are_told_from_plain_ones(functions: ModuleType, text: str) -> None:
    assert functions.write_times(datetime(2026, 11, 24, tzinfo=UTC), text)[9:] == "~" * 9


@pytest.mark.parametrize("functions", BOTH)
@given(made=st.lists(INSTANTS, min_size=1, max_size=5), near=st.lists(st.integers(-3, 3), max_size=5))
def test_the_oldest_is_the_first_that_was_made_first(
    functions: ModuleType, made: list[datetime], near: list[int]
) -> None:
    made = made + [made[0] + timedelta(microseconds=more) for more in near]
    times = "".join(functions.write_times(one, "2026-11-24T10:00:00Z") for one in made)
    assert functions.oldest(times) == made.index(min(made))


@pytest.mark.parametrize("functions", BOTH)
@pytest.mark.parametrize(
    "digits", ["~~~~~~~~}", "n~~~~~~~~", '########"', "\\########", "#### ####", "#####!###", "#\x7f#######"]
)
def test_what_is_no_time_is_refused(functions: ModuleType, digits: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (whatever it says)
        functions.read_counted("#" * 9 + digits, 0)


@in_c
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *(("as_field", (b"a",)), ("as_field", (None,))),
        *(("place_of", ("a",)), ("place_of", ("a", "b", "c")), ("place_of", (b"a", "a")), ("place_of", ("a", b"a"))),
        *(("field_at", ("a", "0")), ("field_at", ("a", True)), ("field_at", ("a", 0.0)), ("field_at", (None, 0))),
        *(("without", ("a",)), ("without", ("a", None)), ("without", (b"a", 0))),
        *(("replaced", ("a", 0)), ("replaced", ("a", 0, 5)), ("replaced", ("a", "0", "b")), ("replaced", (1, 0, "b"))),
        *(
            ("appended", ("a", "b")),
            ("appended", ("a", 5, 0)),
            ("appended", ("a", "b", None)),
            ("appended", (1, "b", 0)),
        ),
        *(("write_times", ("a", "b")), ("write_times", (datetime(2026, 1, 1, tzinfo=UTC), b"x"))),
        *(("write_times", (datetime(2026, 1, 1, tzinfo=UTC),)), ("write_times", (5, "x"))),
        *(("oldest", (b"",)), ("oldest", (None,)), ("read_counted", ("",)), ("read_counted", (b"", 0))),
        *(("read_counted", ("#" * 18, "0")), ("read_counted", ("#" * 18, None))),
    ],
)
def test_what_is_of_another_type_is_refused(name: str, arguments: tuple[Any, ...]) -> None:
    assert done(columns, name, *arguments) is TypeError
