"""Segments: their form, and what goes with which type."""

from typing import Any

import pytest

from streamproc.domain.problems import Problem
from tests.support.configuration import findings, judged, segment

GOLD = {"metadata.club": {"conditions": {"$is": ["gold"]}}}


@pytest.mark.parametrize(
    "record",
    [
        segment(type="external"),
        segment(type="external", customers=None, filter=None),
        segment(type="static", customers=["ann", "bob", "ann"]),
        segment(type="static", customers=[]),
        segment(type="dynamic", filter=GOLD),
        segment(type="dynamic", filter=GOLD | {"junction": "Or"}, customers=None),
    ],
)
def test_a_good_segment_is_accepted_with_all_that_it_holds(record: dict[str, Any]) -> None:
    kept = record | {"note": {"kept": [1, None]}}
    verdict = judged("segments", kept)
    assert (findings(verdict), verdict.warnings, verdict.record) == ([], [], kept)


@pytest.mark.parametrize("kind", ["auto-update", "passive", "", "Static"])
def test_another_type_is_refused_with_what_is_allowed(kind: str) -> None:
    assert judged("segments", segment(type=kind)).errors == [
        Problem("$.type", "schema", f'"{kind}" is not allowed here; allowed: static, dynamic, external')
    ]


def test_all_missing_fields_are_told_at_once() -> None:
    assert findings(judged("segments", {})) == [("$.id", "schema"), ("$.name", "schema"), ("$.type", "schema")]


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"type": "static"}, [("$.customers", "schema")]),
        ({"type": "static", "customers": None}, [("$.customers", "schema")]),
        ({"type": "static", "customers": "ann"}, [("$.customers", "schema")]),
        ({"type": "static", "customers": ["ann", 5, ""]}, [("$.customers[1]", "schema"), ("$.customers[2]", "schema")]),
        ({"type": "static", "customers": ["ann"], "filter": GOLD}, []),
        ({"type": "dynamic"}, [("$.filter", "schema")]),
        ({"type": "dynamic", "filter": [GOLD]}, [("$.filter", "schema")]),
        ({"type": "dynamic", "filter": {}}, [("$.filter", "schema")]),
        ({"type": "dynamic", "customers": ["ann"]}, [("$.filter", "schema")]),
        ({"type": "external", "customers": []}, []),
        ({"type": "external", "filter": GOLD}, []),
        ({"type": "passive", "filter": {"x": {}}}, [("$.type", "schema")]),
    ],
)
def test_what_tells_the_members_goes_with_the_type(fields: dict[str, Any], errors: list[tuple[str, str]]) -> None:
    assert findings(judged("segments", segment() | fields)) == errors


def test_what_is_wrong_in_a_filter_is_told_beside_the_rest() -> None:
    found = judged(
        "segments", segment(name="", type="dynamic", filter={"shoe_size": {"conditions": {"$more_than": 40}}})
    )
    assert findings(found) == [("$.name", "schema"), ("$.filter.shoe_size", "attribute_not_available")]


def test_an_alias_in_a_filter_is_a_warning() -> None:
    filter_ = {"summary.orders.total_count": {"conditions": {"$more_than_equal": [3]}}}
    verdict = judged("segments", segment(type="dynamic", filter=filter_))
    path = '$.filter["summary.orders.total_count"].conditions.$more_than_equal'
    assert verdict.accepted
    assert verdict.warnings == [Problem(path, "operator_alias", "$more_than_equal is read as $more_than_or_equal")]
