"""Customer state: what is remembered of one customer, its bytes, and how profiles are merged.

A state is a value. The functions here return new objects for what changes and never touch those they were given, so
whoever works on an event can drop the result and still hold the state from before it.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

import orjson

from streamproc.errors import FatalError

#: Written into every state, so that a later shape can tell what it reads.
STATE_VERSION = 1
#: Lists and objects inside a profile may stand this deep; beyond it no JSON encoder could be relied on.
MAX_DEPTH = 100

Profile = dict[str, Any]

# Upstream's own sums. Ours are counted from the events, and the two must not be mixed.
_COUNTED_HERE = frozenset({"summary", "loyalty", "referrals"})
_MERGED_BY_KEY = ("metadata", "address")
_NOT_PLAIN = _COUNTED_HERE.union(_MERGED_BY_KEY)
_CONTAINERS = frozenset({dict, list})


@dataclass(frozen=True, slots=True)
class CustomerState:
    """All that is remembered of one customer: the profile, and the segments it belongs to, sorted."""

    profile: Profile = field(default_factory=dict)
    memberships: list[str] = field(default_factory=list)


def encode_customer(state: CustomerState) -> bytes:
    """Return the value of the state's record in `customer-state`."""
    return orjson.dumps({"v": STATE_VERSION, "profile": state.profile, "memberships": state.memberships})


def decode_customer(value: bytes) -> CustomerState:
    """Read a state back. One that another release has written in a shape unknown here ends the worker."""
    record = orjson.loads(value)
    if record["v"] != STATE_VERSION:
        raise FatalError(f"customer-state holds version {record['v']!r}; this release reads version {STATE_VERSION}")
    return CustomerState(record["profile"], record["memberships"])


def replace_profile(record: dict[str, Any]) -> Profile:
    """Make the profile that a record of `customers` stands for; nulls count as missing."""
    return {key: value for key, value in record.items() if value is not None and key not in _COUNTED_HERE}


def merge_profile(profile: Profile, customer: dict[str, Any]) -> Profile:
    """Lay an event's `data.customer` over a profile, key by key, and one level deeper for metadata and address.

    Returns the very same object when nothing changed. Null leaves a key as it is. A metadata or address that is no
    object is taken as it comes.
    """
    merged = _overlay(profile, customer, _NOT_PLAIN)
    for key in _MERGED_BY_KEY:
        new = customer.get(key)
        if new is None:
            continue
        old = profile.get(key)
        part = _overlay(old if type(old) is dict else {}, new, frozenset()) if type(new) is dict else new
        if part is not old and not _same(old, part):
            merged = {**merged, key: part}
    return merged


def is_too_deep(profile: Profile) -> bool:
    """Tell whether something in the profile stands deeper than `MAX_DEPTH`."""
    level = [value for value in profile.values() if type(value) in _CONTAINERS]
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _CONTAINERS
        ]
    return True


def join_segment(memberships: list[str], segment_id: str) -> list[str]:
    """Return the memberships with this segment; the same object if it was there."""
    place = bisect_left(memberships, segment_id)
    if place < len(memberships) and memberships[place] == segment_id:
        return memberships
    return [*memberships[:place], segment_id, *memberships[place:]]


def leave_segment(memberships: list[str], segment_id: str) -> list[str]:
    """Return the memberships without this segment; the same object if it was not there."""
    if segment_id not in memberships:
        return memberships
    return [member for member in memberships if member != segment_id]


def _overlay(old: dict[str, Any], new: dict[str, Any], skipped: frozenset[str]) -> dict[str, Any]:
    """Return `old` itself, or a copy with what is not null in `new` and differs.

    The first test is the fast way out for the usual case, a scalar that has not changed. Type is compared as well,
    for in JSON true is not 1.
    """
    merged = old
    known = old.get
    for key, value in new.items():
        before = known(key)
        if value is None or (before == value and type(before) is type(value) and type(value) not in _CONTAINERS):
            continue
        if key in skipped or _same(before, value):
            continue
        if merged is old:
            merged = old.copy()
        merged[key] = value
    return merged


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if type(one) is dict:
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if type(one) is list:
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
