"""Requests for which there was no code, in the store `code-state`: they wait in their order, by distribution.

Beside them stand the codes that have to go back: those of requests that will never be. Both are written with the chunk
that finds them, so a crash forgets none.
"""

from collections import deque
from collections.abc import Iterator
from itertools import islice

import orjson

from streamproc.processing.processor import Store

_WAITING = b"waiting/"
_RETURNING = b"returning/"
_SEPARATOR = b"\x00"
_NUMBER_BYTES = 8


class WaitingRequests:
    """What waits, by distribution; the numbers are the offsets of the requests where that can be."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers: dict[str, deque[int]] = {}
        self._distributions: dict[int, str] = {}
        self._last = -1
        found = sorted(_read_key(key) for key, _ in store.items() if key.startswith(_WAITING))
        for distribution_id, number in found:
            self._append(distribution_id, number)

    def __contains__(self, distribution_id: str) -> bool:
        return distribution_id in self._numbers

    @property
    def distributions(self) -> list[str]:
        """The distributions of which some wait."""
        return list(self._numbers)

    def add(self, distribution_id: str, offset: int, value: bytes) -> None:
        """Let a request wait behind the others."""
        # Offsets of a topic that was made anew begin again.
        number = max(offset, self._last + 1)
        self._append(distribution_id, number)
        self._store.put(_key(distribution_id, number), value)

    def has(self, request_id: str, number: int) -> bool:
        """Tell whether this request waits, under this number."""
        distribution_id = self._distributions.get(number)
        return distribution_id is not None and _id(self._value(distribution_id, number)) == request_id

    def move_back(self, number: int) -> None:
        """Let one that waits do so behind all others, as if it had been made again."""
        distribution_id = self._distributions[number]
        value = self._value(distribution_id, number)
        self.remove(distribution_id, number)
        self.add(distribution_id, number, value)

    def first(self, distribution_id: str, limit: int) -> Iterator[tuple[int, bytes]]:
        """Yield the first that wait, with their numbers."""
        for number in list(self._numbers[distribution_id])[:limit]:
            yield number, self._value(distribution_id, number)

    def remove(self, distribution_id: str, number: int) -> None:
        """Take one out; the first ones leave first."""
        numbers = self._numbers[distribution_id]
        numbers.remove(number)
        if not numbers:
            del self._numbers[distribution_id]
        del self._distributions[number]
        self._store.delete(_key(distribution_id, number))

    def _append(self, distribution_id: str, number: int) -> None:
        self._numbers.setdefault(distribution_id, deque()).append(number)
        self._distributions[number] = distribution_id
        self._last = max(self._last, number)

    def _value(self, distribution_id: str, number: int) -> bytes:
        value = self._store.get(_key(distribution_id, number))
        assert value is not None
        return value


class ReturningCodes:
    """Requests that will never be, and whose codes, if they have any, go back."""

    def __init__(self, store: Store) -> None:
        self._store = store
        found = sorted(item for item in store.items() if item[0].startswith(_RETURNING))
        self._requests = {key[len(_RETURNING) :].decode(): _read_number(value) for key, value in found}

    def __len__(self) -> int:
        return len(self._requests)

    def number(self, request_id: str) -> int | None:
        """Return the number of a request whose code has to go back, None for any other."""
        return self._requests.get(request_id)

    def add(self, request_id: str, number: int) -> None:
        """Note that a request is given up."""
        self._requests[request_id] = number
        self._store.put(_RETURNING + request_id.encode(), b'{"number":%d}' % number)

    def first(self, limit: int) -> dict[str, int]:
        """Return some whose codes have to go back, with their numbers."""
        return dict(islice(self._requests.items(), limit))

    def remove(self, request_id: str) -> None:
        """Forget one whose code has gone back."""
        del self._requests[request_id]
        self._store.delete(_RETURNING + request_id.encode())


def request_of(key: bytes, value: bytes) -> str:
    """Read from a record of the store which request it is about."""
    if key.startswith(_RETURNING):
        return key[len(_RETURNING) :].decode()
    return _id(value)


def _key(distribution_id: str, number: int) -> bytes:
    return b"%b%b%b%b" % (_WAITING, distribution_id.encode(), _SEPARATOR, number.to_bytes(_NUMBER_BYTES, "big"))


def _read_key(key: bytes) -> tuple[str, int]:
    start, number = key[len(_WAITING) : -_NUMBER_BYTES - 1], key[-_NUMBER_BYTES:]
    return start.decode(), int.from_bytes(number, "big")


def _id(value: bytes) -> str:
    return str(orjson.loads(value)["id"])


def _read_number(value: bytes) -> int:
    number: int = orjson.loads(value).get("number", 0)  # an earlier release noted none
    return number
