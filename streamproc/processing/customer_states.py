"""The customer states that one chunk touches: each is decoded once, and written once if it changed."""

from streamproc.domain.customers import CustomerState, decode_customer, encode_customer
from streamproc.processing.processor import Store
from streamproc.topics import OUTPUT_LIMIT

# Numbers can be written longer than they were read: of `1e15` and a comma come 19 bytes.
_GROWTH = 4
_FRAME_BYTES = 256  # a state around nothing, and what stands around a part that joins the rest


class StagedStates:
    """States by key, over a store that stays as it is until `flush`. None is a customer without state."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._states: dict[bytes, CustomerState | None] = {}
        # What each state has at most when it is encoded, as it was found, and of those that changed as it is now.
        self._found: dict[bytes, int] = {}
        self._changed: dict[bytes, int] = {}

    def get(self, key: bytes) -> CustomerState | None:
        """Return the state as the chunk has it by now."""
        try:
            return self._states[key]
        except KeyError:
            value = self._store.get(key)
            if value is not None:
                self._found[key] = len(value)
            state = self._states[key] = None if value is None else decode_customer(value)
            return state

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
                self._store.put(key, encode_customer(state))
            elif self._store.get(key) is not None:
                self._store.delete(key)
