from time import process_time
from typing import Any

import pytest

from streamproc.domain.paths import compile_path, is_too_long


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("a", {"a": 1}, 1),
        ("a", None, None),
        ("a", ["x"], None),
        ("a.b", {"a": {"b": 2}}, 2),
        ("a.b", {"a.b": 1, "a": {"b": 2}}, 1),
        ("a.b", {"a.b": None, "a": {"b": 2}}, None),
        ("a.b", {"a": ["x"]}, None),
        ("a.b.c", {"a": {"b.c": 3}}, 3),
        ("a.b.c", {"a.b": {"c": 4}, "a": {"b": {"c": 5}}}, 4),
        ("a.b.c", {"a.b": 4, "a": {"b": {"c": 5}}}, None),
        ("a.", {"a": {"": 6}}, 6),
        ("a.0", {"a": ["x"]}, None),
    ],
)
def test_a_path_descends_and_a_key_with_dots_wins(path: str, value: Any, expected: object) -> None:
    assert compile_path(path)(value) == expected


@pytest.mark.parametrize(
    ("path", "expected"), [("a.0", "x"), ("a.1.b", 7), ("a.2", None), ("a.-1", None), ("a.²", None), ("a.0.0", None)]
)
def test_numbers_take_places_of_lists_where_that_is_wanted(path: str, expected: object) -> None:
    assert compile_path(path, lists=True)({"a": ["x", {"b": 7}]}) == expected


@pytest.mark.parametrize(
    ("path", "expected"), [("a" * 1_000, False), ("a" * 1_001, True), ("." * 100, False), ("a" + ".a" * 101, True)]
)
def test_a_path_has_an_end(path: str, expected: bool) -> None:
    assert is_too_long(path) is expected


def test_the_worst_path_is_read_soon() -> None:
    value: dict[str, Any] = {}
    for _ in range(100):
        value = {"": value, ".x": 1}
    started = process_time()
    assert compile_path("." * 100 + "x" * 900)(value) is None
    assert process_time() - started < 1
