"""The checks on filters: attributes, junction, operators and values."""

from typing import Any

import pytest

from streamproc.domain.rules import FilterFindings, check_filter

CLUB = '$["metadata.club"]'


def errors(given: object) -> list[tuple[str, str]]:
    return [(one.path, one.code) for one in check_filter(given, "$").errors]


def on(attribute: str, **conditions: Any) -> dict[str, Any]:
    return {attribute: {"conditions": {f"${operator}": value for operator, value in conditions.items()}}}


@pytest.mark.parametrize(
    "attribute",
    ["name", "email", "phone", "source_id", "created_at", "birthdate", "source", "address.country", "summary.orders.x",
     "loyalty.points", "loyalty_points.campaigns.My v1.2 Club.points", "loyalty_tier.campaigns.camp_1", "metadata.a",
     "metadata.a.b.c", "metadata.$ odd", "system_metadata.x", "events.left_review.count", "events.v1.2.last"],
)  # fmt: skip
def test_inside_a_family_any_path_is_an_attribute(attribute: str) -> None:
    assert check_filter(on(attribute, has_value=True), "$") == FilterFindings()


@pytest.mark.parametrize(
    "attribute",
    ["id", "Name", "name.first", "metadata", "metadata.", "address", "events", "events.left_review", "events..count",
     "publications.created_at", "publications.related_object_id", "segments", "customer.name", "unsubscribed", "$or",
     "referrals.total", "loyalty_pointsx.a", ""],
)  # fmt: skip
def test_another_attribute_is_refused_and_what_is_allowed_is_told(attribute: str) -> None:
    [problem] = check_filter(on(attribute, has_value=True), "$").errors
    assert problem.code == "attribute_not_available"
    assert problem.message.endswith("metadata.*, system_metadata.*, events.<name>.*")


@pytest.mark.parametrize(("dots", "codes"), [(100, []), (101, ["attribute_not_available"])])
def test_a_path_is_short_enough_to_be_read_soon(dots: int, codes: list[str]) -> None:
    assert [code for _path, code in errors(on(f"metadata{'.' * dots}", has_value=True))] == codes


@pytest.mark.parametrize("junction", [None, "and", "or", "AND", "Or"])
def test_a_junction_is_and_or_or_in_any_case_or_absent(junction: str | None) -> None:
    assert errors(on("name", is_="x") | {"junction": junction}) == [("$.name.conditions.$is_", "unknown_operator")]
    assert errors(on("name", has_value=True) | {"junction": junction}) == []


@pytest.mark.parametrize("junction", ["", "xor", "and or", "not", 1, True, ["and"], {"conditions": {}}])
def test_another_junction_is_refused(junction: object) -> None:
    assert errors(on("name", has_value=True) | {"junction": junction}) == [("$.junction", "bad_logic")]


@pytest.mark.parametrize("given", [{}, {"junction": "and"}])
def test_a_filter_needs_an_attribute(given: dict[str, Any]) -> None:
    assert errors(given) == [("$", "schema")]


@pytest.mark.parametrize("given", [None, [], "x", 5, True])
def test_a_filter_is_an_object(given: object) -> None:
    assert errors(given) == [("$", "schema")]


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({}, []),
        ({"conditions": None}, []),
        ({"conditions": {}}, []),
        ({"conditions": {"$is": "x"}, "note": 1}, []),
        ("gold", [(CLUB, "schema")]),
        (None, [(CLUB, "schema")]),
        (["gold"], [(CLUB, "schema")]),
        ({"conditions": ["gold"]}, [(f"{CLUB}.conditions", "schema")]),
        ({"conditions": {"$is": []}}, [(f"{CLUB}.conditions.$is", "bad_value")]),
        ({"conditions": {"$more_than": [1, 2]}}, [(f"{CLUB}.conditions.$more_than", "bad_value")]),
        ({"conditions": {"$more_than_ago": -1}}, [(f"{CLUB}.conditions.$more_than_ago", "bad_value")]),
        ({"conditions": {"$next_month": [False]}}, [(f"{CLUB}.conditions.$next_month", "bad_value")]),
        ({"conditions": {"$from": ["pc_1"]}}, [(f"{CLUB}.conditions.$from", "bad_value")]),
        ({"conditions": {"$in_location": ["x"]}}, [(f"{CLUB}.conditions.$in_location", "unknown_operator")]),
        ({"conditions": {"is": ["x"]}}, [(f"{CLUB}.conditions.is", "unknown_operator")]),
    ],
)
def test_what_is_wrong_is_named_with_its_place(entry: object, found: list[tuple[str, str]]) -> None:
    assert errors({"metadata.club": entry}) == found


def test_everything_wrong_is_told_at_once() -> None:
    given = {"junction": "nor", "shoe_size": {"conditions": {"$near": 1, "$is": []}}, "email": 5}
    assert errors(given) == [
        ("$.junction", "bad_logic"),
        ("$.shoe_size", "attribute_not_available"),
        ("$.shoe_size.conditions.$near", "unknown_operator"),
        ("$.shoe_size.conditions.$is", "bad_value"),
        ("$.email", "schema"),
    ]


@pytest.mark.parametrize("alias", ["$more_than_equal", "$greater_than_or_equal", "$less_than_equal", "$greater_than"])
def test_aliases_are_accepted_with_a_warning(alias: str) -> None:
    found = check_filter({"metadata.club": {"conditions": {alias: ["0"]}}}, "$")
    assert found.errors == []
    assert [(one.path, one.code) for one in found.warnings] == [(f"{CLUB}.conditions.{alias}", "operator_alias")]


def test_the_operators_that_a_filter_is_told_of_are_those_that_it_may_have() -> None:
    [problem] = check_filter(on("name", near=1), "$").errors
    assert problem.message.startswith('"$near" is no operator; allowed: $is, $in, ')
    assert "$from" not in problem.message
