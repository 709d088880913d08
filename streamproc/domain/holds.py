"""The hold: a manual distribution that was set live and waits to be released.

It is due a fixed time after it was saved or after its segment was synced, whichever is later. An edit does not begin
it anew, a changed segment that has to sync moves its due time.
"""

from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a distribution that is live still waits for, and since when its segment is known (None: by no segment).

    `waits_for` are causes as `Configuration.causes` words them; `synced_at` is in milliseconds.
    """

    waits_for: tuple[str, ...] = ()
    synced_at: int | None = None

    @property
    def only_syncs(self) -> bool:
        """Say whether it waits, and for nothing but segments that are being synced."""
        return bool(self.waits_for) and all(cause.startswith("syncing ") for cause in self.waits_for)


@dataclass(frozen=True, slots=True)
class Hold:
    """One waiting distribution; times in milliseconds. `due_at` is None while something else has to come first.

    `version` is what would be sent; `saved_at` the broker's time of the `live` record that began this hold.
    """

    version: int
    saved_at: int
    due_at: int | None
    waits_for: tuple[str, ...] = ()

    def encode(self, distribution_id: str) -> bytes:
        """Return the value of its record in `distribution-holds`."""
        told: dict[str, Any] = {
            "distribution_id": distribution_id,
            "version": self.version,
            "saved_at": self.saved_at,
            "due_at": self.due_at,
            "waits_for": self.waits_for,
        }
        return orjson.dumps(told)


def decode_hold(value: bytes) -> Hold:
    """Read a hold back."""
    told = orjson.loads(value)
    return Hold(told["version"], told["saved_at"], told["due_at"], tuple(told["waits_for"]))


def hold(version: int, saved_at: int, readiness: Readiness, milliseconds: int) -> Hold:
    """Return the hold of this length for a version saved at that time, or the one that takes its place.

    An edit keeps the time of the record that began the hold; a change of what it waits for keeps the version as well.
    """
    due_at = None if readiness.waits_for else max(saved_at, readiness.synced_at or 0) + milliseconds
    return Hold(version, saved_at, due_at, readiness.waits_for)
