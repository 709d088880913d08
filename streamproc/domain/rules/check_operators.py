"""Checks on one condition, an operator and its value: the same for validation rules and for filters."""

from collections.abc import Iterator

from streamproc.domain.form import shown
from streamproc.domain.problems import Problem
from streamproc.domain.rules.operators import ALIASES, OPERATORS, build_test
from streamproc.domain.rules.values import BadValue, Mode

FROM = "$from"  # tests no subject: it narrows a quantifier over order lines


def is_operator(operator: str) -> bool:
    """Tell whether some condition somewhere may have this operator."""
    return operator in OPERATORS or operator in ALIASES or operator == FROM


def check_operator(operator: str, value: object, path: str, mode: Mode) -> Iterator[Problem]:
    """Check a condition that tests a subject."""
    if operator == FROM:
        yield Problem(path, "bad_value", f"only quantifiers over order lines take {FROM}")
    elif not is_operator(operator):
        known = (*OPERATORS, FROM) if mode == "rule" else OPERATORS
        yield Problem(path, "unknown_operator", f"{shown(operator)} is no operator; allowed: {', '.join(known)}")
    else:
        try:
            build_test(operator, value, mode)
        except BadValue as error:
            yield Problem(path, "bad_value", str(error))


def alias_warning(operator: str, path: str) -> Iterator[Problem]:
    """Tell of an operator that is read as another one."""
    if operator in ALIASES:
        yield Problem(path, "operator_alias", f"{operator} is read as {ALIASES[operator]}")
