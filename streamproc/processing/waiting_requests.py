"""Requests for which there was no code, in the store `code-state`: they wait in their order, in lines.

A line is of one distribution and one campaign: where a distribution gives codes of another campaign by now, those who
came before wait for codes of the earlier one, and hold up nobody.

Beside them stand the codes that have to go back: those of requests that are given up, and what an attempt took for one
that waits under another number by now. Both are written with the chunk that finds them, so a crash forgets none.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterator
from itertools import islice

import orjson

from streamproc.processing.processor import Store

_WAITING = b"waiting/"
_RETURNING = b"returning/"
_READ = b"read"
_UNKNOWN = 2**62
_SEPARATOR = b"\x00"
_NUMBER_BYTES = 8

#: The distribution that asks, and the campaign of which it does.
Line = tuple[str, str]


def number_of(offset: int) -> int:
    """Return the number of the record at an offset."""
    return 2 * offset


def offset_of(number: int) -> int:
    """Return the offset of the record with a number; of one that waits under another, about where it would stand."""
    return number // 2


class WaitingRequests:
    """What waits, by line, in the order of its numbers.

    A record's own number is told by its offset (`number_of`). Whoever waits under another has an odd one, so that a
    record that makes the same request later never has that number: what was given under it is not that record's to put
    back.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers: dict[Line, deque[int]] = {}
        self._requests: dict[str, int] = {}
        self._last = -1
        #: The number of the latest record that was read, exact while somebody waits. An earlier release wrote none.
        self.read: int = orjson.loads(store.get(_READ) or b"%d" % _UNKNOWN)
        found = sorted((*_read_key(key), value) for key, value in store.items() if key.startswith(_WAITING))
        for distribution_id, number, value in found:
            request_id, campaign_id = _read(value)
            self._insert((distribution_id, campaign_id), number, request_id)

    def __contains__(self, line: Line) -> bool:
        return line in self._numbers

    @property
    def lines(self) -> list[Line]:
        """Where some wait."""
        return list(self._numbers)

    def write_read(self) -> None:
        """Write what was read, if it may be asked for after a restart, and nothing where that is written already."""
        needed, written = b"%d" % self.read if self._numbers else None, self._store.get(_READ)
        if needed == written:
            return
        if needed is None:
            self._store.delete(_READ)
        else:
            self._store.put(_READ, needed)

    def number(self, request_id: str) -> int | None:
        """Return the number under which a request waits, None for any other."""
        return self._requests.get(request_id)

    def add(self, line: Line, request_id: str, number: int, value: bytes, *, keeps_number: bool) -> int:
        """Let a request wait, and return the number under which it does.

        Where one of that number or a later one waits already, it comes behind all others and gets another one, unless
        it `keeps_number`, which it does as long as that is free.
        """
        if number <= self._last and not (keeps_number and self._is_free(number)):
            number = self._next_number
        self._insert(line, number, request_id)
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
        self.add(line, request_id, self._next_number, value, keeps_number=False)

    @property
    def _next_number(self) -> int:
        """Return a number behind all others that is no record's own: those are even."""
        return (self._last + 1) | 1

    def _is_free(self, number: int) -> bool:
        return all(number not in numbers for numbers in self._numbers.values())

    def _insert(self, line: Line, number: int, request_id: str) -> None:
        numbers = self._numbers.setdefault(line, deque())
        if numbers and number < numbers[-1]:
            insort(numbers, number)
        else:
            numbers.append(number)
        self._requests[request_id] = number
        self._last = max(self._last, number)


class ReturningCodes:
    """What has to go back: codes, if there are any, that were given to requests under numbers that are void."""

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
        """Note that a number of a request is void. It has one at a time: what was void before has gone back by then."""
        self._requests[request_id] = number
        self._store.put(_RETURNING + request_id.encode(), b'{"number":%d}' % number)

    def first(self, limit: int) -> dict[str, int]:
        """Return some whose codes have to go back, with their numbers."""
        return dict(islice(self._requests.items(), limit))

    def remove(self, request_id: str) -> None:
        """Forget one whose code has gone back."""
        del self._requests[request_id]
        self._store.delete(_RETURNING + request_id.encode())


def request_of(key: bytes, value: bytes) -> str | None:
    """Read from a record of the store which request it is about; None where it is about none."""
    if key.startswith(_RETURNING):
        return key[len(_RETURNING) :].decode()
    return str(orjson.loads(value)["id"]) if key.startswith(_WAITING) else None


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
