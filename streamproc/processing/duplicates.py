"""The window of the latest event ids of one partition: what makes an event that comes again a duplicate.

Ids are remembered as 8-byte hashes. Each chunk that brings new ones writes one record to `task-state`, under a key
of a ring: `ids/<slot>`, its value the chunk's number followed by the hashes. A slot whose ids have all left the
window is used again, the lowest free number first; until then it is deleted. So there are as many keys as chunks in
the window: a hundred thousand at one event a chunk, about fifty at two thousand.
"""

from collections import deque
from heapq import heappop, heappush
from typing import Final

from xxhash import xxh3_64_digest

from streamproc.processing.processor import Store

# Compiled code looks up a name from a module that is not compiled whenever it uses it; those of its own it has at hand.
_digest: Final = xxh3_64_digest

#: How many processed ids a partition remembers.
WINDOW = 100_000
KEY_PREFIX = b"ids/"

_HASH_BYTES = 8
_NUMBER_BYTES = 8


def hash_id(event_id: str) -> bytes:
    """Return what is remembered of an id; one new id in 10^14 meets a window by chance."""
    return _digest(event_id.encode())


class StagedIds:
    """The ids of the chunk in hand, over those of the window. Dropped without a trace unless it is flushed."""

    def __init__(self, places: dict[bytes, int], processed: int, size: int) -> None:
        self.added: list[bytes] = []
        self.places: dict[bytes, int] = {}
        self._window = places
        self._processed = processed
        self._size = size

    def __contains__(self, hashed: bytes) -> bool:
        """Tell whether the id is among the last ones processed, those of this chunk included."""
        place = self.places.get(hashed)
        if place is None:
            place = self._window.get(hashed)
        return place is not None and place >= self._processed - self._size

    def add(self, hashed: bytes) -> None:
        """Note an id as the latest one processed."""
        self.added.append(hashed)
        self.places[hashed] = self._processed
        self._processed += 1


class DuplicateWindow:
    """The ids of the last `size` processed events, in memory and in the ring; chunks work on it by `stage`."""

    def __init__(self, store: Store, size: int = WINDOW) -> None:
        self._size = size
        self._places: dict[bytes, int] = {}  # an id's place in the order of processing
        self._processed = 0
        self._chunks: deque[tuple[int, list[bytes]]] = deque()  # slot and ids, the oldest first
        self._oldest = 0  # the place of the first id of the oldest chunk
        self._number = 0
        self._slots = 0
        self._free: list[int] = []  # a heap: the slots below `_slots` that hold nothing
        self._rebuild(store)

    def stage(self) -> StagedIds:
        """Begin a chunk."""
        return StagedIds(self._places, self._processed, self._size)

    def flush(self, staged: StagedIds, store: Store) -> None:
        """Take over a chunk's ids and write them down; nothing is written when it brought none."""
        if not staged.added:
            return
        self._places.update(staged.places)
        self._processed += len(staged.added)
        self._drop_outdated(store)
        self._number += 1
        slot = self._take_slot()
        self._chunks.append((slot, staged.added))
        store.put(_key(slot), self._number.to_bytes(_NUMBER_BYTES, "big") + b"".join(staged.added))

    def _drop_outdated(self, store: Store) -> None:
        first = self._processed - self._size
        places = self._places
        while self._chunks and self._oldest + len(self._chunks[0][1]) <= first:
            slot, hashes = self._chunks.popleft()
            self._oldest += len(hashes)
            for hashed in hashes:
                # An id that came again after it had left the window has a later place.
                if places.get(hashed, first) < first:
                    del places[hashed]
            heappush(self._free, slot)
            store.delete(_key(slot))

    def _take_slot(self) -> int:
        if self._free:
            return heappop(self._free)
        self._slots += 1
        return self._slots - 1

    def _rebuild(self, store: Store) -> None:
        found = sorted(
            (int.from_bytes(value[:_NUMBER_BYTES], "big"), int(key[len(KEY_PREFIX) :]), value[_NUMBER_BYTES:])
            for key, value in store.items()
            if key.startswith(KEY_PREFIX)
        )
        for number, slot, packed in found:
            hashes = [packed[at : at + _HASH_BYTES] for at in range(0, len(packed), _HASH_BYTES)]
            for hashed in hashes:
                self._places[hashed] = self._processed
                self._processed += 1
            self._chunks.append((slot, hashes))
            self._number = number
        taken = {slot for slot, _ in self._chunks}
        self._slots = max(taken, default=-1) + 1
        self._free = [slot for slot in range(self._slots) if slot not in taken]  # ascending, so a heap


def _key(slot: int) -> bytes:
    return b"%b%d" % (KEY_PREFIX, slot)
