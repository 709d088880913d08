"""Dotted paths into decoded JSON: `metadata.size`, `items.0.price`."""

from collections.abc import Callable
from typing import Any

Read = Callable[[Any], Any]

_LONGEST = 1_000  # characters
_MOST_DOTS = 100  # as deep as JSON from outside may be nested
TOO_LONG = f"a path has at most {_LONGEST} characters and {_MOST_DOTS} dots"


def is_too_long(path: str) -> bool:
    """Tell whether reading a path, or listing its beginnings, could hold up a worker."""
    return len(path) > _LONGEST or path.count(".") > _MOST_DOTS


def compile_path(path: str, *, lists: bool = False) -> Read:
    """Return a function that reads this path from an object; what is missing reads as None.

    At each object the longest run of the remaining names that is one of its keys is taken, so a key with dots wins
    over descending. With `lists`, a number takes that place of a list (from 0).
    """
    first, _, rest = path.partition(".")
    if lists or "." in rest:
        return lambda value: _walk(value, path, lists)
    if first == path:
        return lambda value: value.get(path) if type(value) is dict else None

    def read(value: Any) -> Any:
        if type(value) is not dict:
            return None
        if path in value:
            return value[path]
        inner = value.get(first)
        return inner.get(rest) if type(inner) is dict else None

    return read


def _walk(value: Any, rest: str, lists: bool) -> Any:
    while True:
        if type(value) is dict:
            if rest in value:
                return value[rest]
            end = rest.rfind(".")
            while end >= 0 and rest[:end] not in value:
                end = rest.rfind(".", 0, end)
            if end < 0:
                return None
            value, rest = value[rest[:end]], rest[end + 1 :]
        elif lists and type(value) is list:
            name, dot, rest = rest.partition(".")
            value = _element(value, name)
            if not dot:
                return value
        else:
            return None


def _element(value: list[Any], name: str) -> Any:
    if not (name.isascii() and name.isdigit()) or len(name) > 9:
        return None
    place = int(name)
    return value[place] if place < len(value) else None
