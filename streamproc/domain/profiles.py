"""Profiles: what upstream tells of a customer, how a record of it is read, and how it is merged.

A profile is a value. The functions here return new objects for what changes and never touch those they were given.
"""

from typing import Any, Final

import orjson

from streamproc.domain.depth import MAX_DEPTH, is_too_deep
from streamproc.domain.inputs import read_json
from streamproc.domain.outcomes import Parked

TOO_DEEP = f"the customer is nested deeper than {MAX_DEPTH} levels"

Profile = dict[str, Any]

#: Upstream's own sums. Ours are counted from the events, and the two must not be mixed. (`_outline.c` knows them too.)
COUNTED_HERE: Final = frozenset({"summary", "loyalty", "referrals"})
#: The objects of a profile that are merged key by key.
MERGED_BY_KEY: Final = ("metadata", "address")
# Fields from which on encoding the whole is quicker than looking at each; below it the loop is.
_WORTH_ENCODING: Final = 8


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
    replaced = {key: value for key, value in record.items() if value is not None and key not in COUNTED_HERE}
    return profile if same_json(profile, replaced) else replaced


def merge_profile(profile: Profile, customer: dict[str, Any]) -> Profile:
    """Lay an event's `data.customer` over a profile, key by key, and one level deeper for metadata and address.

    Returns the very same object when nothing changed. Null leaves a key as it is. A metadata or address that is no
    object is taken as it comes. States remember across releases what has been merged (`CustomerState.told`): who
    changes this function raises `STATE_VERSION`, and drops `told` of earlier states.
    """
    if _WORTH_ENCODING <= len(customer) <= len(profile) and _is_known(profile, customer):
        return profile
    merged = profile
    for key, value in customer.items():
        before = profile.get(key)
        if type(value) is str:
            if before == value or key in COUNTED_HERE:
                continue
            after: Any = value
        elif value is None or key in COUNTED_HERE:
            continue
        else:
            after = _merge_value(key, before, value)
            if after is before:
                continue
        if merged is profile:
            merged = profile.copy()
        merged[key] = after
    return merged


def changed_fields(before: Profile, after: Profile) -> set[str]:
    """Name the fields that differ, those of metadata and address one by one: `email`, `metadata.club`."""
    changed: set[str] = set()
    for name in before.keys() | after.keys():
        one, other = before.get(name), after.get(name)
        if one is other or same_json(one, other):
            continue
        if name in MERGED_BY_KEY and type(one) is type(other) is dict:
            inner = one.keys() | other.keys()
            changed |= {f"{name}.{key}" for key in inner if not same_json(one.get(key), other.get(key))}
        else:
            changed.add(name)
    return changed


def same_json(one: Any, other: Any) -> bool:
    """Compare two JSON values; to Python true and 1 are equal, here they are not."""
    kind = type(one)
    if kind is not type(other) or one != other:
        return False
    if kind is dict:
        return all(same_json(value, other[key]) for key, value in one.items())
    if kind is list:
        return all(map(same_json, one, other))
    return True


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
    if type(value) is not dict or key not in MERGED_BY_KEY:
        return before if same_json(value, before) else value
    old = before if type(before) is dict else {}
    merged = old
    for inner, new in value.items():
        if type(new) is str:
            if old.get(inner) == new:
                continue
        elif new is None or same_json(new, old.get(inner)):
            continue
        if merged is old:
            merged = old.copy()
        merged[inner] = new
    return merged
