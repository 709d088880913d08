"""Reading an event only as far as it is asked for: most of it is decoded seldom, or was decoded with another event.

It is done in C (`_outline.c`); without a compiler every event is decoded whole.
"""

from typing import Any

#: Id, type and time of an event, and its customer's id, None where the customer is told in the known words; then its
#: data, its customer in JSON, the words in which that is told, and the lines of its order in JSON. In the data is None
#: in the place of the customer, and of the lines where they are not None themselves.
#: Words are the customer in JSON with a byte in the place of each of upstream's own sums: they tell all that matters.
Outline = tuple[str, str, str, str | None, dict[str, Any], bytes, bytes, bytes | None]

try:
    from streamproc.domain._outline import read_outline
except ImportError:  # pragma: no cover  (depends on the installation)

    def read_outline(value: bytes, known: bytes | None, /) -> Outline | None:  # noqa: ARG001
        """Have every event decoded whole."""
        return None


__all__ = ["Outline", "read_outline"]
