"""Requests for which there was no code, in the store `code-state`: they wait in their order, in lines.

A line is of one distribution and one campaign: where a distribution gives codes of another campaign by now, those who
came before wait for codes of the earlier one, and hold up nobody.

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

#: The distribution that asks, and the campaign of which it does.
Line = tuple[str, str]


class WaitingRequests:
    """What waits, by line; the numbers are the offsets of the requests where that can be."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers: dict[Line, deque[int]] = {}
        self._requests: dict[str, int] = {}
        self._last = -1
        found = sorted((*_read_key(key), value) for key, value in store.items() if key.startswith(_WAITING))
        for distribution_id, number, value in found:
            request_id, campaign_id = _read(value)
            self._append((distribution_id, campaign_id), number, request_id)

    def __contains__(self, line: Line) -> bool:
        return line in self._numbers

    @property
    def lines(self) -> list[Line]:
        """Where some wait."""
        return list(self._numbers)

    def number(self, request_id: str) -> int | None:
        """Return the number under which a request waits, None for any other."""
        return self._requests.get(request_id)

    def add(self, line: Line, request_id: str, offset: int, value: bytes) -> int:
        """Let a request wait behind the others; return its number."""
        # Offsets of a topic that was made anew begin again.
        number = max(offset, self._last + 1)
        self._append(line, number, request_id)
        self._store.put(_key(line, number), value)
        return number

    def first(self, line: Line, limit: int) -> Iterator[tuple[int, bytes]]:
        """Yield the first that wait, with their numbers."""
        for number in list(self._numbers[line])[:limit]:
            value = self._store.get(_key(line, number))
            assert value is not None
            yield number, value

    def remove(self, line: Line, request_id: str, number: int) -> None:
        """Take one out; the first ones leave first."""
        numbers = self._numbers[line]
        numbers.remove(number)
        # An earlier release let one wait twice.
        if self._requests.get(request_id) == number:
            del self._requests[request_id]
        if not numbers:
            del self._numbers[line]
        self._store.delete(_key(line, number))

    def move_back(self, request_id: str) -> None:
        """Let one that waits do so behind all others, as if it had been made again."""
        number = self._requests[request_id]
        line = next(line for line, numbers in self._numbers.items() if number in numbers)
        value = self._store.get(_key(line, number)) or b""
        self.remove(line, request_id, number)
        self.add(line, request_id, number, value)

    def _append(self, line: Line, number: int, request_id: str) -> None:
        self._numbers.setdefault(line, deque()).append(number)
        self._requests[request_id] = number
        self._last = max(self._last, number)


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
    return str(orjson.loads(value)["id"])


def _key(line: Line, number: int) -> bytes:
    distribution_id, _ = line  # numbers are told apart without the campaign
    return b"%b%b%b%b" % (_WAITING, distribution_id.encode(), _SEPARATOR, number.to_bytes(_NUMBER_BYTES, "big"))


def _read_key(key: bytes) -> tuple[str, int]:
    start, number = key[len(_WAITING) : -_NUMBER_BYTES - 1], key[-_NUMBER_BYTES:]
    return start.decode(), int.from_bytes(number, "big")


def _read(value: bytes) -> tuple[str, str]:
    """Return the id of a request, and that of its campaign."""
    request = orjson.loads(value)
    return request["id"], request["publication"]["campaign"]["id"]


def _read_number(value: bytes) -> int:
    number: int = orjson.loads(value).get("number", 0)  # an earlier release noted none
    return number
