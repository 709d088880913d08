"""What a compacted topic tells: of each key the latest value, and nothing after a null."""

from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def keep_latest(known: dict[_Key, _Value], key: _Key, value: _Value | None) -> None:
    """Keep the value of a key in the place of its earlier one; None takes the key away."""
    if value is None:
        known.pop(key, None)
    else:
        known[key] = value
