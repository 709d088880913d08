"""Cutting the lines out of an order event: few rules ask for them, and they are nearly half of what is to decode.

The cutting is done in C (`_cut.c`); without a compiler nothing is cut, and every event is decoded whole.
"""

try:
    from streamproc.domain._cut import MARK, cut_lines
except ImportError:  # pragma: no cover  (depends on the installation)
    MARK = ""

    def cut_lines(value: bytes, /) -> tuple[bytes, bytes] | None:  # noqa: ARG001
        """Cut nothing."""
        return None


__all__ = ["MARK", "cut_lines"]
