"""Columns: how a customer's orders are remembered, in texts that are changed without being taken apart.

It is done in C (`_columns.c`); without a compiler `plain_columns` does the same, and says what it is.
"""

try:
    from streamproc.domain._columns import (
        appended,
        as_field,
        field_at,
        oldest,
        place_of,
        read_counted,
        replaced,
        without,
        write_times,
    )
except ImportError:  # pragma: no cover  (depends on the installation)
    from streamproc.domain.plain_columns import (
        appended,
        as_field,
        field_at,
        oldest,
        place_of,
        read_counted,
        replaced,
        without,
        write_times,
    )

__all__ = [
    "appended",
    "as_field",
    "field_at",
    "oldest",
    "place_of",
    "read_counted",
    "replaced",
    "without",
    "write_times",
]
