"""The form of campaigns."""

import pytest

from streamproc.domain.problems import Problem
from tests.support.configuration import campaign, findings, judged


def test_a_campaign_with_codes_and_tiers_is_accepted() -> None:
    record = campaign(join_once=True, active=False, code={"pattern": "SPRING-####", "length": 8, "charset": "0123"})
    assert judged("campaigns", record).record == record


@pytest.mark.parametrize("kind", ["static", "auto_update"])
def test_both_types_are_accepted(kind: str) -> None:
    assert judged("campaigns", campaign(type=kind)).accepted


def test_another_type_is_refused_with_what_is_allowed() -> None:
    assert judged("campaigns", campaign(type="STANDALONE")).errors == [
        Problem("$.type", "schema", '"STANDALONE" is not allowed here; allowed: static, auto_update')
    ]


@pytest.mark.parametrize("field", ["promotion_tiers", "loyalty_tiers"])
def test_a_tier_id_that_stands_twice_is_refused(field: str) -> None:
    assert judged("campaigns", campaign(**{field: [{"id": "t"}, {"id": "u"}, {"id": "t"}]})).errors == [
        Problem(f"$.{field}", "schema", 'tier id "t" stands here more than once')
    ]


def test_types_are_not_converted_and_every_wrong_field_is_told() -> None:
    record = campaign(join_once="yes", active=1, code=[], promotion_tiers=[{"id": 5}, "x"], loyalty_tiers={})
    assert findings(judged("campaigns", record)) == [
        ("$.join_once", "schema"),
        ("$.active", "schema"),
        ("$.code", "schema"),
        ("$.promotion_tiers[0].id", "schema"),
        ("$.promotion_tiers[1]", "schema"),
        ("$.loyalty_tiers", "schema"),
    ]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ({"pattern": "SUMMER"}, ("$.code.pattern", "needs a # for each character to be chosen")),
        ({"pattern": ""}, ("$.code.pattern", "needs a #")),
        ({"pattern": '#"'}, ("$.code.pattern", "no quotes")),
        ({"pattern": "#" * 129}, ("$.code.pattern", "must have at most 128 characters")),
        ({"length": 0}, ("$.code.length", "must be at least 1")),
        ({"length": 129}, ("$.code.length", "must be at most 128")),
        ({"length": 8.5}, ("$.code.length", "")),
        ({"charset": ""}, ("$.code.charset", "must not be empty")),
        ({"charset": "ab\\"}, ("$.code.charset", "no quotes, backslashes")),
        ({"charset": "ab "}, ("$.code.charset", "can be seen, and no blanks")),
        ({"charset": "ab\u200b"}, ("$.code.charset", "can be seen, and no blanks")),
        ({"pattern": "## "}, ("$.code.pattern", "without blanks around it")),
        ({"pattern": "\ufeff##"}, ("$.code.pattern", "only what can be seen")),
        ({"pattern": "A\u2028##"}, ("$.code.pattern", "only what can be seen")),
    ],
)
def test_codes_that_could_not_be_made_or_written_are_refused(code: object, told: tuple[str, str]) -> None:
    [problem] = judged("campaigns", campaign(code=code)).errors
    assert (problem.path, problem.code) == (told[0], "schema")
    assert told[1] in problem.message


@pytest.mark.parametrize(
    "code",
    [
        *(None, {}, {"length": 1}, {"pattern": "#"}, {"charset": "ü"}),
        *({"pattern": "#" * 128}, {"pattern": "NO 1 ## ##"}, {"charset": "#🎁"}),
    ],
)
def test_what_is_left_out_of_the_codes_has_a_default(code: object) -> None:
    assert judged("campaigns", campaign(code=code)).accepted
