"""Customer state: what is remembered of one customer, and its bytes.

A state is a value. The functions here return new objects for what changes and never touch those they were given, so
whoever works on an event can drop the result and still hold the state from before it.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson
from mypy_extensions import mypyc_attr
from xxhash import xxh3_64_hexdigest

from streamproc.domain.custom_events import CUSTOM_EVENT, Occurrences, occurrences_after
from streamproc.domain.events import Event
from streamproc.domain.loyalty import POINTS_EVENTS, TIER_EVENTS, ByCampaign, points_after, tiers_after
from streamproc.domain.orders import NO_ORDERS, ORDER_EVENTS, Orders, from_version_2, from_version_3, orders_after
from streamproc.domain.profiles import Profile, changed_fields, merge_profile, replace_profile
from streamproc.errors import FatalError

#: Written into every state, so that a later shape can tell what it reads.
STATE_VERSION: Final = 4
_START: Final = b'{"v":%d,"profile":' % STATE_VERSION

# Compiled code looks up a name from a module that is not compiled whenever it uses it; those of its own it has at hand.
_digest: Final = xxh3_64_hexdigest

# How many bytes of words are remembered at most. Longer ones are known again by their hash alone.
_REMEMBERED_BYTES: Final = 2048


# Not frozen, which would double what it costs to make one; nothing ever sets what is remembered. The `__init__` is
# written out, because the one that a dataclass makes is not compiled.
@mypyc_attr(acyclic=True)
@dataclass(slots=True, init=False)
class CustomerState:
    """All that is remembered of one customer.

    `memberships` are the ids of the segments it belongs to, sorted; `occurrences` its custom events by name. `now` is
    the latest time at which something about it was decided: that of its latest event, profile record or tick.
    `words` are those in which an event has told of the customer last: laid over the profile once more, they change
    nothing. They are not written, but `told` is, 64 bits of their hash: whoever reads a state back knows them again.
    Both are learnt with a change of the state.

    What is found out about a state is kept with it, the same for whoever holds it: `profile_json`, its profile in JSON,
    and `size`, how many bytes its record has; None and 0 until that is known.
    """

    profile: Profile
    memberships: list[str]
    orders: Orders
    occurrences: Occurrences
    points: ByCampaign
    tiers: ByCampaign
    now: datetime | None
    words: bytes | None
    told: str | None
    profile_json: bytes | None = field(init=False, compare=False, repr=False)
    size: int = field(init=False, compare=False, repr=False)

    def __init__(
        self,
        profile: Profile,
        memberships: list[str],
        orders: Orders,
        occurrences: Occurrences,
        points: ByCampaign,
        tiers: ByCampaign,
        now: datetime | None,
        words: bytes | None = None,
        told: str | None = None,
    ) -> None:
        self.profile = profile
        self.memberships = memberships
        self.orders = orders
        self.occurrences = occurrences
        self.points = points
        self.tiers = tiers
        self.now = now
        self.words = words
        self.told = told
        self.profile_json = None
        self.size = 0

    def with_memberships(self, memberships: list[str]) -> "CustomerState":
        """Return the state with other memberships."""
        return self._with(memberships, self.now)

    def with_time(self, now: datetime) -> "CustomerState":
        """Return the state at a later time."""
        return self._with(self.memberships, now)

    def _with(self, memberships: list[str], now: datetime | None) -> "CustomerState":
        orders, occurrences, points, tiers = self.orders, self.occurrences, self.points, self.tiers
        words, told = self.words, self.told
        state = CustomerState(self.profile, memberships, orders, occurrences, points, tiers, now, words, told)
        return _handed_on(self, state)


#: What is known of a customer before anything was told. Its parts stand in every state that has nothing else there.
NEW_CUSTOMER: Final = CustomerState({}, [], NO_ORDERS, {}, {}, {}, None)


def after_event(state: CustomerState, event: Event, *, keep_time: bool = False) -> CustomerState:
    """Return the state with what an event says; the same object when that is nothing new. Memberships stay.

    `keep_time` says that the event's time alone is something new. It is so while some segment depends on the date;
    without one, the time is noted together with whatever else changes, and need not be written with every event.
    """
    kind, words = event.type, event.words
    profile, told = _profile_after(state, event, words)
    if words is not None and len(words) > _REMEMBERED_BYTES:
        words = None
    orders, occurrences, points, tiers = state.orders, state.occurrences, state.points, state.tiers
    if kind in ORDER_EVENTS:
        orders = orders_after(orders, event)
        if orders is state.orders and profile is state.profile and not keep_time:
            return state
    elif kind == CUSTOM_EVENT:
        occurrences = occurrences_after(occurrences, event)
    elif kind in POINTS_EVENTS:
        points = points_after(points, event)
    elif kind in TIER_EVENTS:
        tiers = tiers_after(tiers, event)
    elif profile is state.profile and not keep_time:
        return state
    now = latest(state.now, event.created_at)
    after = CustomerState(profile, state.memberships, orders, occurrences, points, tiers, now, words, told)
    return _handed_on(state, after)


def _profile_after(state: CustomerState, event: Event, words: bytes | None) -> tuple[Profile, str | None]:
    """Return the profile with what an event tells, and the hash of its words.

    Mostly an event tells of its customer in the words of the one before, which need not even be decoded then.
    """
    if words is None:
        return merge_profile(state.profile, event.customer), None
    if words == state.words:
        return state.profile, state.told
    told = _digest(words)
    return (state.profile if told == state.told else merge_profile(state.profile, event.customer)), told


def after_record(
    state: CustomerState, record: dict[str, Any], at: datetime, *, keep_time: bool = False
) -> CustomerState:
    """Return the state with the profile that a record of `customers` stands for; the rest stays.

    The same object when that is nothing new; `keep_time` as in `after_event`.
    """
    profile, now = replace_profile(state.profile, record), latest(state.now, at)
    if profile is state.profile and (now is state.now or not keep_time):
        return state
    orders, occurrences, points, tiers = state.orders, state.occurrences, state.points, state.tiers
    return _handed_on(state, CustomerState(profile, state.memberships, orders, occurrences, points, tiers, now))


def _handed_on(before: CustomerState, after: CustomerState) -> CustomerState:
    """Return the later state with what was found out about a profile that is still the same."""
    if after.profile is before.profile:
        after.profile_json = before.profile_json
    return after


def latest(one: datetime | None, other: datetime) -> datetime:
    """Return the later of two times."""
    return other if one is None or other > one else one


def changed(before: CustomerState, after: CustomerState) -> set[str]:
    """Name what differs between two states of a customer, by the beginnings of the paths that filters read.

    `email`, `metadata.club`, `address.city`; `summary.orders`, `events.<name>`, `loyalty_points`, `loyalty_tier`. A
    filter reads something that changed when a beginning of one of its paths (`domain.attributes.beginnings`) is here.
    """
    names: set[str] = set()
    if after.profile is not before.profile:
        names |= changed_fields(before.profile, after.profile)
    if after.orders is not before.orders:
        names.add("summary.orders")
    if after.occurrences is not before.occurrences:
        known, now = before.occurrences, after.occurrences
        names |= {f"events.{name}" for name in known.keys() | now.keys() if known.get(name) is not now.get(name)}
    if after.points is not before.points:
        names.add("loyalty_points")
    if after.tiers is not before.tiers:
        names.add("loyalty_tier")
    return names


def encode_customer(state: CustomerState) -> bytes:
    """Return the value of the state's record in `customer-state`; what is empty is left out."""
    profile_json = state.profile_json
    if profile_json is None:
        profile_json = state.profile_json = orjson.dumps(state.profile)
    record: dict[str, Any] = {"now": state.now}
    if state.memberships:
        record["memberships"] = state.memberships
    if state.orders is not NO_ORDERS:
        record["orders"] = state.orders
    if state.occurrences:
        record["events"] = state.occurrences
    if state.points:
        record["points"] = state.points
    if state.tiers:
        record["tiers"] = state.tiers
    if state.told is not None:
        record["told"] = state.told
    value = b"".join((_START, profile_json, b",", orjson.dumps(record)[1:]))
    state.size = len(value)
    return value


def decode_customer(value: bytes) -> CustomerState:
    """Read a state back. One that another release has written in a shape unknown here ends the worker."""
    record = orjson.loads(value)
    if record["v"] != STATE_VERSION:
        _bring_up_to_date(record)
    get, now = record.get, record["now"]
    state = CustomerState(
        record["profile"],
        get("memberships", NEW_CUSTOMER.memberships),
        get("orders", NO_ORDERS),
        get("events", NEW_CUSTOMER.occurrences),
        get("points", NEW_CUSTOMER.points),
        get("tiers", NEW_CUSTOMER.tiers),
        None if now is None else datetime.fromisoformat(now),
        told=get("told"),
    )
    state.size = len(value)
    return state


def _bring_up_to_date(record: dict[str, Any]) -> None:
    """Give a state of an earlier version the shape that states have now.

    A state is written anew only when it changes, so those of versions long gone may still be there.
    """
    version = record["v"]
    if version not in {2, 3}:
        told = f"customer-state holds version {version!r}; this release reads versions 2 to {STATE_VERSION}"
        raise FatalError(f"{told}; start the release that wrote it (see the runbook)")
    if "orders" in record:
        orders = from_version_2(record["orders"]) if version == 2 else record["orders"]
        record["orders"] = from_version_3(orders)


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
