"""The state store of one task: what is committed, and what the chunk in hand has staged over it.

Pure memory; its changelog is written by the task from `staged` and read back by `restore`.
"""

from collections.abc import Iterator, Mapping


class StateStore:
    """Keyed bytes with staged writes; fits `processing.processor.Store`."""

    __slots__ = ("_committed", "_staged")

    def __init__(self, committed: dict[bytes, bytes] | None = None) -> None:
        self._committed: dict[bytes, bytes] = {} if committed is None else committed
        self._staged: dict[bytes, bytes | None] = {}

    def __len__(self) -> int:
        return len(self._committed)

    @property
    def staged(self) -> Mapping[bytes, bytes | None]:
        """What this chunk has changed so far; None is a deletion. These are its changelog records."""
        return self._staged

    def get(self, key: bytes) -> bytes | None:
        """Return the value as this chunk sees it."""
        if key in self._staged:
            return self._staged[key]
        return self._committed.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Stage a value."""
        self._staged[key] = value

    def delete(self, key: bytes) -> None:
        """Stage a deletion."""
        self._staged[key] = None

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Walk everything committed."""
        return iter(self._committed.items())

    def commit(self) -> None:
        """Merge what is staged: its transaction has committed."""
        for key, value in self._staged.items():
            if value is None:
                self._committed.pop(key, None)
            else:
                self._committed[key] = value
        self._staged.clear()

    def rollback(self) -> None:
        """Throw away what is staged: its transaction was aborted."""
        self._staged.clear()

    def clear(self) -> None:
        """Forget everything, before the changelog is read again from its beginning; for a restore only."""
        self._committed.clear()
        self._staged.clear()

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take one record of the changelog."""
        if value is None:
            self._committed.pop(key, None)
        else:
            self._committed[key] = value
