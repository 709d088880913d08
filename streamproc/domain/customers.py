"""Customer state: what is remembered of one customer, its bytes, and how profiles are merged.

A state is a value. The functions here return new objects for what changes and never touch those they were given, so
whoever works on an event can drop the result and still hold the state from before it.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

import orjson

from streamproc.domain.depth import MAX_DEPTH, is_too_deep
from streamproc.domain.events import read_json
from streamproc.domain.outcomes import Parked
from streamproc.errors import FatalError

#: Written into every state, so that a later shape can tell what it reads.
STATE_VERSION = 1
TOO_DEEP = f"the customer is nested deeper than {MAX_DEPTH} levels"

Profile = dict[str, Any]

# Upstream's own sums. Ours are counted from the events, and the two must not be mixed.
_COUNTED_HERE = frozenset({"summary", "loyalty", "referrals"})
_MERGED_BY_KEY = ("metadata", "address")
# Fields from which on encoding the whole is quicker than looking at each; below it the loop is.
_WORTH_ENCODING = 8


@dataclass(slots=True)  # not frozen, because that would double what it costs to make one; nothing ever sets a field
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


def read_customer(key: bytes, value: bytes) -> dict[str, Any] | Parked:
    """Check the bytes of a record of `customers` and decode them."""
    record = read_json(value)
    if isinstance(record, Parked):
        return record
    customer_id = record.get("id") if type(record) is dict else None
    if type(customer_id) is not str or not customer_id:
        return Parked("invalid_event", "not an object with an id that is a text")
    if key != customer_id.encode():
        return Parked("wrong_key", "the record's key is not the customer's id")
    return Parked("invalid_event", TOO_DEEP) if is_too_deep(record) else record


def replace_profile(profile: Profile, record: dict[str, Any]) -> Profile:
    """Make the profile that a record of `customers` stands for; nulls count as missing.

    Returns the very same object when nothing changed.
    """
    replaced = {key: value for key, value in record.items() if value is not None and key not in _COUNTED_HERE}
    return profile if _same(profile, replaced) else replaced


def merge_profile(profile: Profile, customer: dict[str, Any]) -> Profile:
    """Lay an event's `data.customer` over a profile, key by key, and one level deeper for metadata and address.

    Returns the very same object when nothing changed. Null leaves a key as it is. A metadata or address that is no
    object is taken as it comes.
    """
    if _WORTH_ENCODING <= len(customer) <= len(profile) and _is_known(profile, customer):
        return profile
    merged = profile
    known = profile.get
    for key, value in customer.items():
        before = known(key)
        if type(value) is str:
            if before == value or key in _COUNTED_HERE:
                continue
            after: Any = value
        elif value is None or key in _COUNTED_HERE:
            continue
        else:
            after = _merge_value(key, before, value)
            if after is before:
                continue
        if merged is profile:
            merged = profile.copy()
        merged[key] = after
    return merged


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


def _is_known(profile: Profile, customer: dict[str, Any]) -> bool:
    """Tell quickly that a customer says nothing new; False means that it may.

    For one of many fields, three calls of compiled code take half the time of the loop. The comparison is one of
    JSON, because to Python true and 1 are equal.
    """
    try:
        return orjson.dumps(profile | customer) == orjson.dumps(profile)
    except orjson.JSONEncodeError:  # nested beyond what can be encoded; `is_too_deep` will say so
        return False


def _merge_value(key: str, before: Any, value: Any) -> Any:
    """Return `before` itself when nothing changed."""
    if type(value) is not dict or key not in _MERGED_BY_KEY:
        return before if _same(value, before) else value
    old = before if type(before) is dict else {}
    merged = old
    for inner, new in value.items():
        if type(new) is str:
            if old.get(inner) == new:
                continue
        elif new is None or _same(new, old.get(inner)):
            continue
        if merged is old:
            merged = old.copy()
        merged[inner] = new
    return merged


def _same(one: Any, other: Any) -> bool:
    kind = type(one)
    if kind is not type(other) or one != other:
        return False
    if kind is dict:
        return all(_same(value, other[key]) for key, value in one.items())
    if kind is list:
        return all(map(_same, one, other))
    return True
