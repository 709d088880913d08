"""Checks on the rules of a validation rule, before anything of it is compiled."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from streamproc.domain.depth import MAX_DEPTH
from streamproc.domain.form import json_path, shown
from streamproc.domain.paths import TOO_LONG, is_too_long
from streamproc.domain.problems import Problem
from streamproc.domain.rules.check_operators import FROM, alias_warning, check_operator, is_operator
from streamproc.domain.rules.logic import BadLogic, keys_of, parse_logic
from streamproc.domain.rules.names import RULE_NAMES, Place, RuleName, is_known_elsewhere
from streamproc.domain.rules.references import read_references
from streamproc.domain.rules.values import BadValue, identity

LOGIC = "logic"
_DEEPEST = MAX_DEPTH // 2  # rules inside rules: each takes two levels of what JSON from outside may have
_NAMING_SEGMENTS = frozenset(
    {"$is", "$in", "$is_not", "$not_in", "$not_differ", "$not_intersect", "$contains", "$not_contain"}
)


@dataclass(slots=True)
class RuleFindings:
    """What the check of one validation rule found.

    `families` holds the kinds of triggers (`order`, `custom_event`) for which at least one of the names is available,
    sub-rules included; empty when there are no rules at all, which fits every trigger. `segments` are the ids that
    `customer.segment` compares with, in order of appearance.
    """

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    families: set[str] = field(default_factory=set)
    segments: list[str] = field(default_factory=list)


def check_rules(rules: object, path: str) -> RuleFindings:
    """Check the `rules` object of a validation rule; `path` is its JSON path. Never raises, whatever the JSON."""
    findings = RuleFindings()
    _check_rules(rules, path, "anywhere", 0, findings)
    findings.segments = list(dict.fromkeys(findings.segments))
    return findings


def rule_nodes(rules: dict[str, Any]) -> dict[str, Any]:
    """Return the rules without their logic."""
    return {key: node for key, node in rules.items() if key != LOGIC}


def _check_rules(rules: object, path: str, place: Place, depth: int, findings: RuleFindings) -> None:
    if not isinstance(rules, dict):
        findings.errors.append(Problem(path, "schema", "must be an object of rules and their logic"))
    elif depth == _DEEPEST:
        findings.errors.append(Problem(path, "schema", f"rules stand at most {_DEEPEST} deep"))
    else:
        nodes = rule_nodes(rules)
        for key, node in nodes.items():
            _check_node(node, json_path(path, key), place, depth, findings)
        _check_logic(rules.get(LOGIC), nodes, path, findings)


def _check_logic(logic: object, nodes: dict[str, Any], path: str, findings: RuleFindings) -> None:
    where = json_path(path, LOGIC)
    if logic is None:
        return
    if not isinstance(logic, str):
        findings.errors.append(Problem(where, "bad_logic", "must be a text such as 1 and (2 or 3)"))
        return
    if not logic.strip():
        return
    try:
        named = keys_of(parse_logic(logic))
    except BadLogic as error:
        findings.errors.append(Problem(where, "bad_logic", str(error)))
        return
    for key in sorted(named - nodes.keys()):
        findings.errors.append(Problem(where, "unknown_rule_key", f"there is no rule {shown(key)}"))
    for key in nodes:
        if key not in named:
            told = "the logic does not name this rule, so it has no effect"
            findings.warnings.append(Problem(json_path(path, key), "rule_without_effect", told))


def _check_node(node: object, path: str, place: Place, depth: int, findings: RuleFindings) -> None:
    if not isinstance(node, dict):
        findings.errors.append(Problem(path, "schema", "must be an object with a name and conditions"))
        return
    rule_name, inside = _find_name(node.get("name"), json_path(path, "name"), place, findings), place
    if rule_name is not None:
        inside = rule_name.inside or place
        findings.families |= rule_name.families
        findings.errors += _check_property(rule_name, node.get("property"), json_path(path, "property"))
    _check_conditions(rule_name, node.get("conditions"), json_path(path, "conditions"), findings)
    if node.get("rules") is not None:
        _check_rules(node["rules"], json_path(path, "rules"), inside, depth + 1, findings)


def _find_name(name: object, path: str, place: Place, findings: RuleFindings) -> RuleName | None:
    if not isinstance(name, str):
        findings.errors.append(Problem(path, "schema", "a text is needed, such as order.amount"))
        return None
    rule_name = RULE_NAMES.get(name)
    if rule_name is not None and rule_name.place in {"anywhere", place}:
        return rule_name
    if rule_name is not None:
        around = {"line": "a quantifier such as order.items.any", "product": "product.id", "sku": "sku.id"}
        told = f"{name} may stand only among the sub-rules of {around[rule_name.place]}"
        findings.errors.append(Problem(path, "rule_not_available", told))
    elif is_known_elsewhere(name):
        told = f"{name} is not available in distributions; allowed: {', '.join(RULE_NAMES)}"
        findings.errors.append(Problem(path, "rule_not_available", told))
    else:
        told = f"{shown(name)} is no name of a rule; allowed: {', '.join(RULE_NAMES)}"
        findings.errors.append(Problem(path, "unknown_rule_name", told))
    return None


def _check_property(rule_name: RuleName, value: object, path: str) -> Iterator[Problem]:
    if not rule_name.needs_property:
        return
    if not isinstance(value, str) or not value:
        yield Problem(path, "schema", f"{rule_name.name} needs the key of the metadata as its property")
    elif is_too_long(value):
        yield Problem(path, "schema", TOO_LONG)


def _check_conditions(rule_name: RuleName | None, conditions: object, path: str, findings: RuleFindings) -> None:
    if conditions is None:
        return
    if not isinstance(conditions, dict):
        findings.errors.append(Problem(path, "schema", "must be an object of operators and values"))
        return
    for operator, value in conditions.items():
        where = json_path(path, operator)
        findings.warnings += alias_warning(operator, where)
        findings.errors += _check_condition(rule_name, operator, value, where)
        if rule_name is not None and rule_name.name == "customer.segment" and operator in _NAMING_SEGMENTS:
            listed = value if isinstance(value, list) else [value]
            findings.segments += [known for known in map(identity, listed) if isinstance(known, str)]


def _check_condition(rule_name: RuleName | None, operator: str, value: object, path: str) -> Iterator[Problem]:
    if rule_name is None and operator == FROM:
        return  # whether it may stand there is for the name to say
    taken = rule_name.operators if rule_name is not None else None
    if rule_name is None or taken is None or not is_operator(operator):
        yield from check_operator(operator, value, path, "rule")
    elif operator not in taken:
        yield Problem(path, "bad_value", f"{rule_name.name} takes no {operator}; allowed: {', '.join(taken)}")
    else:
        try:
            read_references(value)
        except BadValue as error:
            yield Problem(path, "bad_value", str(error))
