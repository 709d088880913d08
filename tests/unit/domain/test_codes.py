"""How codes are made from what a campaign says of them."""

from typing import Any

import pytest

from streamproc.domain.codes import CodeForm


@pytest.mark.parametrize(
    ("code", "number", "expected"),
    [
        ({"pattern": "PROMO-#####", "charset": "0123456789"}, 42, "PROMO-00042"),
        ({"pattern": "##-##!", "charset": "ab"}, 0b0110, "ab-ba!"),
        ({"pattern": "#", "charset": "ü€"}, 1, "€"),
        ({"length": 3, "charset": "ab"}, 5, "bab"),
        ({"pattern": "A#", "length": 7, "charset": "ab"}, 1, "Ab"),
        ({"charset": "xxyx", "length": 2}, 2, "yx"),
        ({}, 35, "0000000Z"),
        (None, 36, "00000010"),
        ({"pattern": None, "length": None, "charset": None}, 0, "00000000"),
    ],
)
def test_a_number_has_its_code(code: Any, number: int, expected: str) -> None:
    assert CodeForm.of({"code": code}).code(number) == expected


def test_every_number_below_the_capacity_has_a_code_of_its_own() -> None:
    form = CodeForm.of({"code": {"pattern": "a#b#c", "charset": "abc"}})
    assert form.capacity == 9
    assert len({form.code(number) for number in range(9)}) == 9


def test_a_campaign_that_says_nothing_of_codes_has_them_all_the_same() -> None:
    assert CodeForm.of({"id": "camp_1"}).capacity == 36**8
