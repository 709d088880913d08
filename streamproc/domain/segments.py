"""Segments: their form, and what goes with which type. What a filter may say is for `domain.rules`."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import ConfigDict, Field

from streamproc.domain.form import Form, Id, Text, json_path
from streamproc.domain.problems import Problem
from streamproc.domain.rules import FilterFindings, check_filter, count_comparisons

# What tells who belongs to a segment of each type, and is needed. On another type it is surplus: kept, and ignored.
_MEMBERS_BY = {"static": "customers", "dynamic": "filter", "external": None}
_JSON_TYPES = {"customers": "array", "filter": "object"}


def _what_goes_with(segment_type: str) -> dict[str, Any]:
    needed = _MEMBERS_BY[segment_type]
    then = {} if needed is None else {"required": [needed], "properties": {needed: {"type": _JSON_TYPES[needed]}}}
    return {"if": {"properties": {"type": {"const": segment_type}}, "required": ["type"]}, "then": then}


class Segment(Form):
    """A set of customers.

    `static` lists them by id, `dynamic` finds them by a filter on what is known of them; who belongs to an
    `external` one is what upstream's entered and left events say.
    """

    model_config = ConfigDict(json_schema_extra={"allOf": [_what_goes_with(one) for one in _MEMBERS_BY]})

    id: Id
    name: Text
    type: Literal["static", "dynamic", "external"]
    customers: Annotated[list[Text] | None, Field(description="ids of those who belong to a static segment")] = None
    filter: Annotated[
        dict[str, Any] | None,
        Field(
            description="of a dynamic segment: for each attribute, by its dotted path, an object with conditions "
            "(operators and values), and how they are joined: junction, and (when there is none) or or"
        ),
    ] = None


def check_segment(record: dict[str, Any]) -> FilterFindings:
    """Return what is wrong with a segment beyond its form; parts without a form are passed over."""
    findings = FilterFindings()
    segment_type = record.get("type")
    if not isinstance(segment_type, str) or segment_type not in _MEMBERS_BY:
        return findings
    if segment_type == "dynamic" and isinstance(record.get("filter"), dict):
        findings = check_filter(record["filter"], "$.filter")
    needed = _MEMBERS_BY[segment_type]
    if needed is not None and record.get(needed) is None:
        findings.errors.append(Problem(json_path("$", needed), "schema", f"a {segment_type} segment needs {needed}"))
    return findings


def is_computed(record: dict[str, Any]) -> bool:
    """Tell whether who belongs to a segment is worked out here, and not told by upstream."""
    return _MEMBERS_BY[record["type"]] is not None


def comparisons(record: dict[str, Any]) -> int:
    """Return how many comparisons it takes, at most, to tell whether a customer belongs to a computed segment."""
    return 1 if record["type"] == "static" else count_comparisons(record["filter"])


def selection(record: dict[str, Any]) -> object:
    """Return what says of whom a computed segment consists; two segments with the same have the same members."""
    if record["type"] == "static":
        return frozenset(record["customers"])
    # As text, because to Python true is 1.
    return orjson.dumps(record["filter"], option=orjson.OPT_SORT_KEYS)
