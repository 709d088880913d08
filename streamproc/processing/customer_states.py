"""The customer states that one chunk touches: each is decoded once, and written once if it changed."""

from typing import Final

from streamproc.domain.customers import CustomerState, decode_customer, encode_customer
from streamproc.processing.processor import Store
from streamproc.topics import OUTPUT_LIMIT

# Numbers can be written longer than they were read: of `1e15` and a comma come 19 bytes.
_GROWTH: Final = 4
_FRAME_BYTES: Final = 256  # a state around nothing, and what stands around a part that joins the rest


# Of the states that are kept decoded, as they are encoded: decoded they take about six times as much.
_KEPT_BYTES: Final = 2 * 1024 * 1024


class DecodedStates:
    """The states of the customers that were touched latest, decoded, over those of a task's store.

    Whoever is active once mostly comes again soon, and decoding would be a good part of the work on an event. When half
    of the room is used up by new ones, the older half is let go.
    """

    def __init__(self) -> None:
        self._young: dict[bytes, tuple[int, CustomerState]] = {}
        self._old: dict[bytes, tuple[int, CustomerState]] = {}
        self._room = _KEPT_BYTES // 2

    def get(self, key: bytes) -> tuple[int, CustomerState] | None:
        """Return the size of a state's record and the state, None when it is not here."""
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def keep(self, key: bytes, size: int, state: CustomerState) -> None:
        """Keep a state that is now in the store, or was found there."""
        room = size if state.customer_json is None else size + len(state.customer_json)
        if self._room < room:
            self._old, self._young, self._room = self._young, {}, _KEPT_BYTES // 2
        self._young[key] = size, state
        self._room -= room

    def forget(self, key: bytes) -> None:
        """Let go of a customer that has no state any more."""
        self._young.pop(key, None)
        self._old.pop(key, None)


class StagedStates:
    """States by key, over a store that stays as it is until `flush`. None is a customer without state.

    `keeps`: those that are touched stay decoded. A walk over all customers lets them go.
    """

    def __init__(self, store: Store, decoded: DecodedStates, *, keeps: bool = True) -> None:
        self._store = store
        self._decoded = decoded
        self._keeps = keeps
        self._states: dict[bytes, CustomerState | None] = {}
        # What each state has at most when it is encoded, as it was found, and of those that changed as it is now.
        self._found: dict[bytes, int] = {}
        self._changed: dict[bytes, int] = {}

    def get(self, key: bytes) -> CustomerState | None:
        """Return the state as the chunk has it by now."""
        if key in self._states:
            return self._states[key]
        state: CustomerState | None = None
        known = self._decoded.get(key)
        if known is not None:
            self._found[key], state = known
        else:
            value = self._store.get(key)
            if value is not None:
                state = decode_customer(value)
                self._found[key] = len(value)
                if self._keeps:
                    self._decoded.keep(key, len(value), state)
        self._states[key] = state
        return state

    def known_words(self, key: bytes | None) -> bytes | None:
        """Return the JSON in which a customer was told of last, None where that is not remembered."""
        if key is None:
            return None
        if key in self._states:
            state = self._states[key]
        else:
            known = self._decoded.get(key)
            state = None if known is None else known[1]
        return None if state is None else state.customer_json

    def size_after(self, key: bytes, state: CustomerState | None, read: int) -> int:
        """Return at most how many bytes the changed state has; `read` is the size of the input that it comes from.

        An upper bound that costs nothing; it is exact when the bound would be over `OUTPUT_LIMIT`.
        """
        if state is None:
            return 0
        before = self._changed.get(key)
        if before is None:
            before = self._found.get(key, 0)
        bound = before + _GROWTH * read + _FRAME_BYTES
        return bound if bound <= OUTPUT_LIMIT else len(encode_customer(state))

    def put(self, key: bytes, state: CustomerState | None, size: int) -> None:
        """Note a changed state with its `size_after`; None forgets the customer."""
        self._states[key] = state
        self._changed[key] = size

    def flush(self) -> None:
        """Write what changed."""
        for key in self._changed:
            state = self._states[key]
            if state is not None:
                value = encode_customer(state)
                self._store.put(key, value)
                if self._keeps or self._decoded.get(key) is not None:
                    self._decoded.keep(key, len(value), state)
            else:
                self._decoded.forget(key)
                if self._store.get(key) is not None:
                    self._store.delete(key)
