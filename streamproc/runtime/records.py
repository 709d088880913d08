"""The records of fetched batches, read in C (`_records.c`) where that is there and the batch is of the usual kind."""

from typing import Any

try:
    from streamproc.runtime._records import append_records, is_intact
except ImportError:  # pragma: no cover  (depends on the installation)

    def is_intact(data: bytes, start: int, /) -> bool | None:  # noqa: ARG001
        """Tell whether the batch that starts there has the checksum that it names; None leaves that to the client.

        Raises `ValueError` where there is not the whole of a batch.
        """
        return None

    def append_records(found: list[Any], data: bytes, start: int, first: int, /) -> bool:  # noqa: ARG001
        """Append the records of the batch that starts there, from the offset `first` on, as `SourceRecord`s.

        False leaves it to the client: the batch is compressed, or of another version. Raises `ValueError` where
        something in it is no record, and `UnicodeDecodeError` where a header's name is not UTF-8.
        """
        return False


__all__ = ["append_records", "is_intact"]
