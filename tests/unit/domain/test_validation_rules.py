"""The form of validation rules, and that the checks of their rules reach the verdict."""

import pytest

from tests.support.configuration import findings, judged, validation_rule


def test_a_rule_is_accepted_with_all_that_it_holds() -> None:
    record = validation_rule(error={"message": "no"}, context_type="distribution.order.paid", applicable_to={})
    assert judged("validation-rules", record).record == record


def test_no_rules_at_all_are_accepted() -> None:
    assert judged("validation-rules", validation_rule(rules={})).accepted
    assert judged("validation-rules", validation_rule(rules={"logic": ""})).accepted


@pytest.mark.parametrize("rules", [None, [], "1 and 2"])
def test_rules_must_be_an_object(rules: object) -> None:
    assert findings(judged("validation-rules", validation_rule(rules=rules))) == [("$.rules", "schema")]


def test_what_is_wrong_with_the_rules_and_with_the_form_is_told_at_once() -> None:
    rules = {"1": {"name": "order.amount", "conditions": {"$nearly": [1]}}, "logic": "1 and"}
    verdict = judged("validation-rules", validation_rule(name="", rules=rules))
    assert sorted(findings(verdict)) == [
        ("$.name", "schema"),
        ("$.rules.1.conditions.$nearly", "unknown_operator"),
        ("$.rules.logic", "bad_logic"),
    ]


def test_a_rule_that_the_logic_does_not_name_is_a_warning() -> None:
    rules = validation_rule()["rules"] | {"2": {"name": "order.amount", "conditions": {"$less_than": [9000]}}}
    verdict = judged("validation-rules", validation_rule(rules=rules))
    assert verdict.accepted
    assert [warning.path for warning in verdict.warnings] == ["$.rules.2"]
