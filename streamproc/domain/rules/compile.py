"""From a checked validation rule to one function of `Facts`, with the keys that an index may be built on."""

from datetime import tzinfo
from sys import intern
from typing import Any

import orjson

from streamproc.domain.catalogue import RuleFamily
from streamproc.domain.rules.check import LOGIC, rule_nodes
from streamproc.domain.rules.conditions import ALWAYS, NEVER, Access, Check, Condition, Function, Source, both, join
from streamproc.domain.rules.leaves import build_leaf
from streamproc.domain.rules.logic import parse_logic
from streamproc.domain.rules.names import RULE_NAMES, Place
from streamproc.domain.rules.operators import NEEDING_A_LISTED_VALUE, build_test
from streamproc.domain.rules.order_lines import compile_item, compile_quantifier
from streamproc.domain.rules.values import index_key

_METADATA: dict[str, Source] = {
    "customer.metadata": "customer.metadata",
    "order.metadata": "order.metadata",
    "custom_event.metadata": "custom_event.metadata",
}
_WHOLE: dict[str, Source] = {"customer.segment": "customer.segment", "customer.loyalty.tier": "loyalty_tier"}
#: Lines are read, and walked, only where nothing cheaper has decided.
_COST_OF_LINES = 20
#: Of leaves that are known by their text, so that rules share them. Then sharing starts anew: rules come and go.
_MOST_LEAVES = 200_000


class RuleCompiler:
    """Compiles the validation rules of one project; `zone` is where its days begin and its hours are read.

    A leaf (a name, a property and their conditions) that several rules have is one object.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._leaves: dict[bytes, Check] = {}

    def compile(self, rules: dict[str, Any], family: RuleFamily) -> Condition:
        """Compile rules that `check_rules` has passed, for the triggers of one family.

        A rule whose name belongs to the other family does not hold, whatever its conditions.
        """
        return self._rules(rules, family, "anywhere")

    def _rules(self, rules: dict[str, Any] | None, family: RuleFamily, place: Place) -> Condition:
        if not rules:
            return ALWAYS
        logic = rules.get(LOGIC)
        parts = {key: self._node(node, family, place) for key, node in rule_nodes(rules).items()}
        return join(parse_logic(logic), parts) if logic and logic.strip() else both(parts.values())

    def _node(self, node: dict[str, Any], family: RuleFamily, place: Place) -> Condition:
        name = RULE_NAMES[node["name"]]
        if family not in name.families:
            return NEVER
        conditions = node.get("conditions") or {}
        inside = self._rules(node.get("rules"), family, name.inside or place)
        if name.inside == "line":
            own = compile_quantifier(name.name, conditions, inside)
        elif name.inside is not None:
            own = compile_item("product" if name.inside == "product" else "sku", conditions, inside)
        else:
            # One text for all rules that read the same property: that one is always near in memory. Whatever stands
            # as the property of a name that reads none is kept and ignored.
            path = intern(node["property"]) if name.needs_property else ""
            own = self._leaf(name.name, path, conditions)
        if place != "anywhere" and name.place == "anywhere" and not own.is_always:
            own = _around(own)
        return own if name.inside is not None else both((own, inside))

    def _leaf(self, name: str, path: str, conditions: dict[str, Any]) -> Condition:
        lines = name.startswith("order.items.") and RULE_NAMES[name].place == "anywhere"
        if not conditions and not lines:
            return ALWAYS
        signature = orjson.dumps([name, path, conditions])
        check = self._leaves.get(signature)
        if check is None:
            tests = [build_test(operator, value, "rule", self._zone) for operator, value in conditions.items()]
            check = build_leaf(name, path, tests)
            if len(self._leaves) == _MOST_LEAVES:
                self._leaves.clear()
            self._leaves[signature] = check
        accesses = _accesses(name, path, conditions)
        # What wants a listed value holds seldom, so it decides first.
        return Condition(check, accesses, _COST_OF_LINES if lines else 1 if accesses else 2)


def _around(condition: Condition) -> Condition:
    """Read a name of the order or the customer inside a scope over lines, at its own level."""
    check = condition.check
    if condition.cost < _COST_OF_LINES:
        return Condition(Function(lambda scope: check.holds(scope.facts)), (), condition.cost)
    return Condition(Function(lambda scope: scope.decide_around(check)), (), condition.cost)


def _accesses(name: str, path: str, conditions: dict[str, Any]) -> tuple[Access, ...]:
    """Return what an index on a leaf may be built on: the operators that want one of the listed values."""
    if name not in _WHOLE and (name not in _METADATA or "." in path):
        return ()
    accesses = []
    for operator, value in conditions.items():
        if operator in NEEDING_A_LISTED_VALUE:
            listed = [index_key(item) for item in (value if type(value) is list else [value])]
            # Only texts share their key with nothing else.
            exact = operator != "$not_differ" and len(conditions) == 1 and all(type(item) is str for item in listed)
            keys = [(_WHOLE[name], item) if name in _WHOLE else (_METADATA[name], (path, item)) for item in listed]
            accesses.append(Access(frozenset(keys), exact))
    return tuple(accesses)
