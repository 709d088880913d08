"""Checks on a segment's filter, before anything of it is compiled."""

from dataclasses import dataclass, field
from typing import Any

from streamproc.domain.form import json_path, shown
from streamproc.domain.paths import TOO_LONG, is_too_long
from streamproc.domain.problems import Problem
from streamproc.domain.rules.attributes import ATTRIBUTES, is_attribute
from streamproc.domain.rules.check_operators import alias_warning, check_operator

JUNCTION = "junction"
JUNCTIONS = ("and", "or")


@dataclass(slots=True)
class FilterFindings:
    """What the check of one filter found."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def check_filter(given: object, path: str) -> FilterFindings:
    """Check a filter; `path` is its JSON path. Never raises, whatever the JSON."""
    findings = FilterFindings()
    if not isinstance(given, dict):
        findings.errors.append(Problem(path, "schema", "must be an object of attributes and their conditions"))
        return findings
    _check_junction(given.get(JUNCTION), json_path(path, JUNCTION), findings)
    attributes = filter_attributes(given)
    if not attributes:
        told = f"a filter needs at least one attribute; allowed: {', '.join(ATTRIBUTES)}"
        findings.errors.append(Problem(path, "schema", told))
    for attribute, entry in attributes.items():
        _check_attribute(attribute, entry, json_path(path, attribute), findings)
    return findings


def filter_attributes(given: dict[str, Any]) -> dict[str, Any]:
    """Return the entries of a filter without its junction."""
    return {attribute: entry for attribute, entry in given.items() if attribute != JUNCTION}


def _check_junction(junction: object, path: str, findings: FilterFindings) -> None:
    if junction is None or (isinstance(junction, str) and junction.lower() in JUNCTIONS):
        return
    findings.errors.append(Problem(path, "bad_logic", f"{shown(junction)} joins nothing; allowed: and, or"))


def _check_attribute(attribute: str, entry: object, path: str, findings: FilterFindings) -> None:
    if not is_attribute(attribute):
        told = f"{shown(attribute)} is no attribute that a filter may read; allowed: {', '.join(ATTRIBUTES)}"
        findings.errors.append(Problem(path, "attribute_not_available", told))
    elif is_too_long(attribute):
        findings.errors.append(Problem(path, "attribute_not_available", TOO_LONG))
    if not isinstance(entry, dict):
        findings.errors.append(Problem(path, "schema", "must be an object with conditions"))
        return
    conditions, where = entry.get("conditions"), json_path(path, "conditions")
    if conditions is None:
        return
    if not isinstance(conditions, dict):
        findings.errors.append(Problem(where, "schema", "must be an object of operators and values"))
        return
    for operator, value in conditions.items():
        findings.warnings += alias_warning(operator, json_path(where, operator))
        findings.errors += check_operator(operator, value, json_path(where, operator), "filter")
