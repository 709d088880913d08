"""The customer states that one chunk touches: each is decoded once, and written once if it changed."""

from typing import Final

from mypy_extensions import mypyc_attr

from streamproc.domain.customers import CustomerState, decode_customer, encode_customer
from streamproc.processing.processor import Store
from streamproc.topics import OUTPUT_LIMIT

# Numbers can be written longer than they were read: of `1e15` and a comma come 19 bytes.
_GROWTH: Final = 4
_FRAME_BYTES: Final = 256  # a state around nothing, and what stands around a part that joins the rest


# Of the states that are kept decoded, as they are encoded, with what they remember: decoded they take about six times
# as much.
_KEPT_BYTES: Final = 5 * 1024 * 1024 // 2


class DecodedStates:
    """The states of the customers that were touched latest, decoded, over those of a task's store.

    Whoever is active once mostly comes again soon, and decoding would be a good part of the work on an event. When half
    of the room is used up by new ones, the older half is let go.
    """

    def __init__(self) -> None:
        self._young: dict[bytes, CustomerState] = {}
        self._old: dict[bytes, CustomerState] = {}
        self._room = _KEPT_BYTES // 2

    def get(self, key: bytes) -> CustomerState | None:
        """Return a state, None when it is not here."""
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def keep(self, key: bytes, state: CustomerState) -> None:
        """Keep a state that is now in the store, or was found there."""
        room = state.size + len(state.words or b"") + len(state.profile_json or b"")
        if self._room < room:
            self._old, self._young, self._room = self._young, {}, _KEPT_BYTES // 2
        self._young[key] = state
        self._room -= room

    def forget(self, key: bytes) -> None:
        """Let go of a customer that has no state any more."""
        self._young.pop(key, None)
        self._old.pop(key, None)


@mypyc_attr(acyclic=True)
class _Staged:
    """A customer in a chunk's hands: the state by now, None without one, and at most how many bytes its record has."""

    __slots__ = ("is_changed", "size", "state")

    def __init__(self, state: CustomerState | None) -> None:
        self.state = state
        self.size = 0 if state is None else state.size
        self.is_changed = False


class StagedStates:
    """States by key, over a store that stays as it is until `flush`. None is a customer without state.

    `keeps`: those that are touched stay decoded. A walk over all customers lets them go.
    """

    def __init__(self, store: Store, decoded: DecodedStates, *, keeps: bool = True) -> None:
        self._store = store
        self._decoded = decoded
        self._keeps = keeps
        self._staged: dict[bytes, _Staged] = {}
        self._changed: list[bytes] = []

    def get(self, key: bytes) -> CustomerState | None:
        """Return the state as the chunk has it by now."""
        return self._stage(key).state

    def known_words(self, key: bytes | None) -> bytes | None:
        """Return the words in which a customer was told of last, None where that is not remembered."""
        if key is None:
            return None
        staged = self._staged.get(key)
        state = self._decoded.get(key) if staged is None else staged.state
        return None if state is None else state.words

    def size_after(self, key: bytes, state: CustomerState | None, read: int) -> int:
        """Return at most how many bytes the changed state has; `read` is the size of the input that it comes from.

        An upper bound that costs nothing; it is exact when the bound would be over `OUTPUT_LIMIT`.
        """
        if state is None:
            return 0
        bound = self._stage(key).size + _GROWTH * read + _FRAME_BYTES
        return bound if bound <= OUTPUT_LIMIT else len(encode_customer(state))

    def put(self, key: bytes, state: CustomerState | None, size: int) -> None:
        """Note a changed state with its `size_after`; None forgets the customer."""
        staged = self._stage(key)
        staged.state, staged.size = state, size
        if not staged.is_changed:
            staged.is_changed = True
            self._changed.append(key)

    def flush(self) -> None:
        """Write what changed."""
        for key in self._changed:
            state = self._staged[key].state
            if state is not None:
                self._store.put(key, encode_customer(state))
                if self._keeps or self._decoded.get(key) is not None:
                    self._decoded.keep(key, state)
            else:
                self._decoded.forget(key)
                if self._store.get(key) is not None:
                    self._store.delete(key)

    def _stage(self, key: bytes) -> _Staged:
        staged = self._staged.get(key)
        if staged is None:
            staged = self._staged[key] = _Staged(self._find(key))
        return staged

    def _find(self, key: bytes) -> CustomerState | None:
        state = self._decoded.get(key)
        if state is None:
            value = self._store.get(key)
            if value is not None:
                state = decode_customer(value)
                if self._keeps:
                    self._decoded.keep(key, state)
        return state
