"""How deep JSON from outside may be nested.

The parser reads about a thousand levels and the encoder writes about 250, so what nobody could write again has to be
refused where it comes in. Nothing that people make is near the limit.
"""

from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 100
#: Of what an event tells, nothing but its customer is kept; it only has to be written once more.
EVENT_DEPTH = 250

_CONTAINERS = frozenset({dict, list})


def is_too_deep(value: Mapping[str, Any], most: int = MAX_DEPTH) -> bool:
    """Tell whether something in an object stands deeper than so many levels."""
    level = [inner for inner in value.values() if type(inner) in _CONTAINERS]
    for _ in range(most):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _CONTAINERS
        ]
        if not level:
            return False
    return True
