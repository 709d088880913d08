"""The customer states that one chunk touches: each is decoded once, and written once if it changed."""

from streamproc.domain.customers import CustomerState, decode_customer, encode_customer
from streamproc.processing.processor import Store


class StagedStates:
    """States by key, over a store that stays as it is until `flush`. None is a customer without state."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._states: dict[bytes, CustomerState | None] = {}
        self._changed: dict[bytes, CustomerState | None] = {}

    def get(self, key: bytes) -> CustomerState | None:
        """Return the state as the chunk has it by now."""
        try:
            return self._states[key]
        except KeyError:
            value = self._store.get(key)
            state = self._states[key] = None if value is None else decode_customer(value)
            return state

    def put(self, key: bytes, state: CustomerState | None) -> None:
        """Note a changed state; None forgets the customer."""
        self._states[key] = self._changed[key] = state

    def flush(self) -> None:
        """Write what changed."""
        for key, state in self._changed.items():
            if state is not None:
                self._store.put(key, encode_customer(state))
            elif self._store.get(key) is not None:
                self._store.delete(key)
