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
