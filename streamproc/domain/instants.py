"""Instants in the form that nearly every producer writes: 2026-11-24T10:00:00Z, with or without milliseconds.

They are read in C (`_instants.c`); without a compiler the standard parser reads the same.
"""

from datetime import datetime


def read_by_parser(text: str) -> datetime | None:
    """Read that form; None for any other."""
    length = len(text)
    try:
        # The standard parser takes more than RFC 3339 does, so the places of all separators are looked at.
        if text[4:17:3] == "--T::" and text[-1] == "Z" and (length == 20 or (length == 24 and text[19] == ".")):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    return None


try:
    from streamproc.domain._instants import read_plain
except ImportError:  # pragma: no cover  (depends on the installation)
    read_plain = read_by_parser

__all__ = ["read_by_parser", "read_plain"]
