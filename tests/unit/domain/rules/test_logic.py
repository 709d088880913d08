import pytest

from streamproc.domain.rules.logic import BadLogic, Expression, Junction, keys_of, parse_logic


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", "1"),
        ("((1))", "1"),
        ("1 or 2 and 3", Junction("or", ("1", Junction("and", ("2", "3"))))),
        ("(1 or 2) and 3", Junction("and", (Junction("or", ("1", "2")), "3"))),
        (" 1 AND 2 AND (  3 AND 4 )", Junction("and", ("1", "2", Junction("and", ("3", "4"))))),
        ("1 Or\n2", Junction("or", ("1", "2"))),
        ("a.b-c_d and order", Junction("and", ("a.b-c_d", "order"))),
    ],
)
def test_and_binds_tighter_than_or_and_brackets_group(text: str, expected: Expression) -> None:
    assert parse_logic(text) == expected


@pytest.mark.parametrize(
    "text", ["1 and", "and 1", "1 2", "(1", "1)", "()", "1 or or 2", "1 & 2", "not 1 and ?", "(" * 60 + "1" + ")" * 60]
)
def test_what_is_no_logic_is_refused(text: str) -> None:
    with pytest.raises(BadLogic):
        parse_logic(text)


def test_a_hundred_thousand_brackets_are_refused_and_do_not_break_the_parser() -> None:
    with pytest.raises(BadLogic, match="at most 50 deep"):
        parse_logic("(" * 100_000)


def test_keys_of_an_expression_are_all_that_it_names() -> None:
    assert keys_of(parse_logic("1 and (2 or 1)")) == {"1", "2"}
