"""Dotted paths into decoded JSON: `metadata.size`, `items.0.price`."""

from collections.abc import Callable
from typing import Any

Read = Callable[[Any], Any]


def compile_path(path: str, *, lists: bool = False) -> Read:
    """Return a function that reads this path from an object; what is missing reads as None.

    At each object the longest run of the remaining names that is one of its keys is taken, so a key with dots wins
    over descending. With `lists`, a number takes that place of a list (from 0).
    """
    names = tuple(path.split("."))
    if len(names) == 1 and not lists:
        return lambda value: value.get(path) if type(value) is dict else None
    return lambda value: _walk(value, names, lists)


def _walk(value: Any, names: tuple[str, ...], lists: bool) -> Any:
    place, end = 0, len(names)
    while place < end:
        if type(value) is dict:
            taken = _longest_key(value, names, place)
            if not taken:
                return None
            value = value[".".join(names[place:taken])]
            place = taken
        elif lists and type(value) is list:
            value = _element(value, names[place])
            place += 1
        else:
            return None
    return value


def _longest_key(value: dict[str, Any], names: tuple[str, ...], place: int) -> int:
    """Return where the longest run of names from `place` that is a key ends; 0 when none is."""
    for taken in range(len(names), place, -1):
        if ".".join(names[place:taken]) in value:
            return taken
    return 0


def _element(value: list[Any], name: str) -> Any:
    if not (name.isascii() and name.isdigit()) or len(name) > 9:
        return None
    place = int(name)
    return value[place] if place < len(value) else None
