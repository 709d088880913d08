"""Reading an event only as far as it is asked for: most of it is decoded seldom, or was decoded with another event.

It is done in C (`_outline.c`); without a compiler every event is decoded whole.
"""

#: Id, type and time of an event, and its customer's id; then in JSON its data, its customer and the lines of its order.
#: The data has null in the place of the customer, and of the lines where they are not None.
Outline = tuple[str, str, str, str, bytes, bytes, bytes | None]

try:
    from streamproc.domain._outline import read_outline
except ImportError:  # pragma: no cover  (depends on the installation)

    def read_outline(value: bytes, /) -> Outline | None:  # noqa: ARG001
        """Have every event decoded whole."""
        return None


__all__ = ["Outline", "read_outline"]
