"""The walk of one send: from customer to customer in the order of their keys, in short pieces."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from streamproc.domain.commands import Command, narrowed
from streamproc.processing.customer_step import CustomerStep
from streamproc.processing.processor import OrderedStore
from streamproc.processing.sender import Sender
from streamproc.processing.sends import Send
from streamproc.processing.updates import Updates

# What one piece holds at most: some milliseconds of work. To look whether a customer may be meant costs a fraction of
# a microsecond, to decode its state some, a job about ten. Each piece is a transaction, which takes the brokers longer.
LOOKED_AT = 4_000
DECODED = 1_000
DECODED_AT_LEAST = 10
LISTED = 1_000
MESSAGES = 800
# Of jobs and dead letters, which can be as large as records may be.
BYTES = 2_000_000


class SendWalk:
    """A send with the version that it sends, compiled.

    `carried` is what its command carries, `segment` what events tell of the segment. `listed` are customers, by key
    and in order, who are meant although nothing may be known of them, as far as they are of this partition (`is_mine`).
    """

    def __init__(
        self,
        send: Send,
        carried: Mapping[str, Any],
        segment: dict[str, str],
        listed: Sequence[bytes],
        is_mine: Callable[[bytes], bool],
    ) -> None:
        self.send = send
        self._carried = carried
        self._sender = Sender(send, carried, segment)
        self._listed = listed
        self._is_mine = is_mine
        # As the segment stands among the memberships in the bytes of a state; it may stand elsewhere in them too.
        self._named = orjson.dumps(send.segment_id)

    def go_on(self, customers: OrderedStore, updates: Updates, effort: int, step: CustomerStep) -> bool:
        """Do one piece; tell whether everybody was reached. `effort` is that of bringing the updates under way."""
        send = self.send
        decoded = max(DECODED // effort, DECODED_AT_LEAST)
        keys, last = self._next_keys(customers, decoded if updates.running else LOOKED_AT)
        unknown = self._unknown(customers, send.cursor, last)
        met = sorted((*keys, *unknown)) if unknown else keys
        meet = partial(self._meet, step)
        for place, key in enumerate(met):
            # While updates are under way, the bytes do not tell who is a member.
            if not updates.running and not self._may_be_meant(customers.get(key)):
                continue
            if step.messages >= MESSAGES or step.bytes >= BYTES:
                last = met[place - 1]
                break
            if updates.running:
                step.bring(key, updates.pending(key), is_walk=False)
            step.send(key, meet, self._once_more)
        if last is None:
            send.scanned += len(keys) + len(unknown)
            return True
        send.scanned += bisect_right(keys, last) + bisect_right(unknown, last)
        send.cursor = last
        return False

    def remaining(self, customers: OrderedStore) -> int:
        """Return how many customers were not reached."""
        cursor = self.send.cursor
        return customers.count_after(cursor) + len(self._unknown(customers, cursor, None))

    def _next_keys(self, customers: OrderedStore, limit: int) -> tuple[list[bytes], bytes | None]:
        """Return the next customers, and the key up to which this piece goes: None is the end."""
        cursor, listed = self.send.cursor, self._listed
        keys = customers.keys_after(cursor, limit)
        last = keys[-1] if len(keys) == limit else None
        far = (0 if cursor is None else bisect_right(listed, cursor)) + LISTED
        if far < len(listed) and (last is None or listed[far] < last):
            last = listed[far]
            keys = keys[: bisect_right(keys, last)]
        return keys, last

    def _unknown(self, customers: OrderedStore, after: bytes | None, last: bytes | None) -> list[bytes]:
        """Return those listed of whom nothing is known, up to the key `last`; None is the end."""
        start = 0 if after is None else bisect_right(self._listed, after)
        end = len(self._listed) if last is None else bisect_right(self._listed, last)
        return [key for key in self._listed[start:end] if customers.get(key) is None and self._is_mine(key)]

    def _may_be_meant(self, state: bytes | None) -> bool:
        """Tell in a fraction of a microsecond; without a state only those are met who are listed."""
        return state is None or self._named in state

    def _meet(self, step: CustomerStep, key: bytes) -> None:
        """Send to one customer, if it is meant."""
        state = step.states.get(key)
        if state is None or self.send.segment_id in state.memberships:
            self._sender.send(key.decode(), state, step.outgoing)

    def _once_more(self, key: bytes) -> Command:
        return narrowed({**self._carried, "id": self.send.command_id, "kind": self.send.kind}, key.decode())
