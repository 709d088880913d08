"""Updates: what changes for all customers of a partition at once. A segment's new version, a segment gone, a new day.

An update is in effect from the moment it begins, and a walk brings it to one customer after the other. Whoever works
on a customer in between brings along what the walk has not brought yet (`pending`), in the order in which the updates
began. So the outcome is the same as if each had reached everybody at once, however slow the walk is.

All updates share one walk, which goes round the customers in the order of their keys: one that begins while it is
under way ends when the walk comes to its place again. A walk through for each would decode every customer as often.

An update may meet a customer twice: when something else brought it along, and when the walk comes by. The second time
finds nothing to change, because a customer's time never goes back: no decision is made for an earlier time than
`latest`, which every update moves on to its own. Only what upstream tells has no such time: who enters a segment while
it is being taken out of the memberships, because it was computed before, is noted and passed by.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal

import orjson

from streamproc.domain.commands import Command, narrowed
from streamproc.domain.events import instant_of
from streamproc.processing.processor import OrderedStore, Store

UpdateKind = Literal["sync", "drop", "tick"]

_KEY = b"updates"
_KEPT = b"kept/"
_BEHIND_ID = b"\x00"  # ids of segments hold no control characters


@dataclass(slots=True)
class Update:
    """One update on its way. `subject` is the segment's id, or the day; `at` its time, in milliseconds.

    The walk stood behind the key `start` when it began (None: before the first), and has gone past the last key since
    if `wrapped`. `scanned` of about `total` customers were reached, and `matched` counts those whom it concerns.
    """

    id: str
    kind: UpdateKind
    subject: str
    at: int
    start: bytes | None = None
    wrapped: bool = False
    scanned: int = 0
    matched: int = 0
    total: int = 0
    time: datetime = field(init=False, compare=False)

    def __post_init__(self) -> None:
        self.time = instant_of(self.at)

    def narrowed(self, customer_id: str) -> Command:
        """Return the command that brings this update to one customer alone."""
        told = {"id": self.id, "kind": self.kind, "subject": self.subject, "at": self.at}
        return narrowed(told, customer_id)

    def has_reached(self, key: bytes, cursor: bytes | None) -> bool:
        """Tell whether the walk, which stands behind `cursor`, has brought this update to a customer."""
        is_behind = cursor is not None and key <= cursor
        if self.start is None:
            return is_behind
        if self.wrapped:
            return is_behind or key > self.start
        return is_behind and key > self.start

    def is_through(self, cursor: bytes | None) -> bool:
        """Tell whether the walk has been everywhere since this update began."""
        return self.wrapped and (self.start is None or (cursor is not None and cursor >= self.start))


_FIELDS = tuple(one.name for one in fields(Update) if one.init)


class Updates:
    """The updates under way in one partition, in the order in which they began, and where their walk stands."""

    def __init__(self, store: Store) -> None:
        self._store = store
        told = orjson.loads(store.get(_KEY) or b"{}")
        #: No decision about any customer is made for an earlier time; None: there was no update yet.
        self.latest: datetime | None = None
        if "latest" in told:
            self.latest = datetime.fromisoformat(told["latest"])
        #: The day that the latest tick began.
        self.day: str | None = told.get("day")
        self.running = [_decode(update) for update in told.get("running", ())]
        self._cursor: bytes | None = _bytes(told.get("cursor"))
        #: By drop, whom it passes by.
        self._kept: dict[str, set[bytes]] = {}
        for name in [name for name, _ in store.items() if name.startswith(_KEPT)]:
            update_id, _, key = name.removeprefix(_KEPT).partition(_BEHIND_ID)
            self._kept.setdefault(update_id.decode(), set()).add(key)

    def begin(self, update: Update, total: int) -> None:
        """Begin an update, in the place of one that is under way about the same subject."""
        for one in [one for one in self.running if _is_superseded(one, update)]:
            self._end(one)
        if not self.running:
            self._cursor = None
        update.start, update.total = self._cursor, total
        self.running.append(update)
        self.latest = update.time if self.latest is None else max(self.latest, update.time)
        self.save()

    def begin_day(self, day: str) -> None:
        """Note that a day has begun, which is no update by itself: it may be that nothing depends on the date."""
        self.day = day
        self.save()

    def pending(self, key: bytes) -> Sequence[Update]:
        """Return the updates that have not been brought to a customer yet, in the order in which they began."""
        return [
            update
            for update in self.running
            if not (update.has_reached(key, self._cursor) or key in self._kept.get(update.id, ()))
        ]

    def keep(self, key: bytes, segment_id: str) -> None:
        """Let a drop pass a customer by who has entered the segment meanwhile."""
        for update in self.pending(key):
            if update.kind == "drop" and update.subject == segment_id:
                self._kept.setdefault(update.id, set()).add(key)
                self._store.put(_kept_name(update, key), b"1")

    def next_keys(self, customers: OrderedStore, limit: int) -> list[bytes]:
        """Return the next customers on the walk; `move` has to follow."""
        return customers.keys_after(self._cursor, limit)

    def move(self, last: bytes | None) -> Iterator[Update]:
        """Move the walk behind the key `last`, or past the last key of all (None); yield the updates that are through.

        Those are no longer under way.
        """
        self._cursor = last
        if last is None:
            for update in self.running:
                # The second time at the end: the customers between there and its start are gone.
                update.start = None if update.wrapped else update.start
                update.wrapped = True
        through = [update for update in self.running if update.is_through(last)]
        for update in through:
            self._end(update)
        self.save()
        yield from through

    def _end(self, update: Update) -> None:
        self.running.remove(update)
        for key in self._kept.pop(update.id, ()):
            self._store.delete(_kept_name(update, key))

    def save(self) -> None:
        """Write down where everything stands."""
        told = {
            "day": self.day,
            **({} if self.latest is None else {"latest": self.latest}),
            "cursor": _text(self._cursor),
            "running": [_encode(update) for update in self.running],
        }
        self._store.put(_KEY, orjson.dumps(told))


def _is_superseded(update: Update, by: Update) -> bool:
    """Tell whether an update need not go on: a later one decides the same anew for everybody."""
    if by.kind == "tick":
        return update.kind == "tick"
    return update.kind != "tick" and update.subject == by.subject


def _kept_name(update: Update, key: bytes) -> bytes:
    return _KEPT + update.id.encode() + _BEHIND_ID + key


def _encode(update: Update) -> dict[str, Any]:
    told: dict[str, Any] = {name: getattr(update, name) for name in _FIELDS}
    return told | {"start": _text(update.start)}


def _decode(told: dict[str, Any]) -> Update:
    return Update(**{**told, "start": _bytes(told["start"])})


def _bytes(key: str | None) -> bytes | None:
    return None if key is None else key.encode()


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.decode()
