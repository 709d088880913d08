"""The `logic` of rules: keys joined by `and` and `or`, with brackets."""

import re
from dataclasses import dataclass
from typing import Literal

_TOKEN = re.compile(r"\s*(?:([()])|([A-Za-z0-9_.-]+))")
_DEEPEST = 50


class BadLogic(ValueError):
    """The text is no logic; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Junction:
    """Parts that must all hold (`and`), or of which one must (`or`). A part is a key or another junction."""

    word: Literal["and", "or"]
    parts: tuple["Expression", ...]


Expression = str | Junction


def parse_logic(text: str) -> Expression:
    """Parse a logic that is not blank. `and` binds tighter than `or`; words in any case, brackets as many as liked."""
    tokens = _tokens(text)
    expression, end = _parse_or(tokens, 0, 0)
    if end != len(tokens):
        raise BadLogic(f"and, or, or the end is expected before {tokens[end]!r}")
    return expression


def keys_of(expression: Expression) -> set[str]:
    """Return the keys that an expression names."""
    if isinstance(expression, str):
        return {expression}
    return set().union(*map(keys_of, expression.parts))


def _tokens(text: str) -> list[str]:
    tokens, place, end = [], 0, len(text.rstrip())
    while place < end:
        found = _TOKEN.match(text, place)
        if found is None:
            raise BadLogic(f"{text[place:].strip()[:20]!r} is neither a key, nor and, or, or a bracket")
        tokens.append(found[1] or found[2])
        place = found.end()
    return tokens


def _parse_or(tokens: list[str], place: int, depth: int) -> tuple[Expression, int]:
    return _parse_junction("or", tokens, place, depth)


def _parse_junction(word: Literal["and", "or"], tokens: list[str], place: int, depth: int) -> tuple[Expression, int]:
    parts = []
    while True:
        if word == "or":
            part, place = _parse_junction("and", tokens, place, depth)
        else:
            part, place = _parse_part(tokens, place, depth)
        parts.append(part)
        if place == len(tokens) or tokens[place].lower() != word:
            return (parts[0] if len(parts) == 1 else Junction(word, tuple(parts))), place
        place += 1


def _parse_part(tokens: list[str], place: int, depth: int) -> tuple[Expression, int]:
    if place == len(tokens):
        raise BadLogic("a key is missing at the end")
    word = tokens[place]
    if word == "(":
        if depth == _DEEPEST:
            raise BadLogic(f"brackets stand at most {_DEEPEST} deep")
        expression, place = _parse_or(tokens, place + 1, depth + 1)
        if place == len(tokens) or tokens[place] != ")":
            raise BadLogic("a bracket is not closed")
        return expression, place + 1
    if word == ")" or word.lower() in {"and", "or"}:
        raise BadLogic(f"a key or a bracket is expected before {word!r}")
    return word, place + 1
