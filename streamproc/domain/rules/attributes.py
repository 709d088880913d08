"""The attributes of a customer that a filter may read, by their dotted paths."""

_SINGLE = ("name", "email", "phone", "source_id", "created_at", "birthdate", "source")
# Of these any path that goes on after the name is an attribute.
_FAMILIES = ("address", "summary", "loyalty", "loyalty_points", "loyalty_tier", "metadata", "system_metadata")
_EVENTS = "events"  # goes on with the name of a custom event, and then with what is known of it
_COUNTED = frozenset({"summary", "loyalty_points", _EVENTS})
_LAST = frozenset({"last_order_date", "last"})

ATTRIBUTES = (*_SINGLE, *(f"{family}.*" for family in _FAMILIES), f"{_EVENTS}.<name>.*")


def is_attribute(path: str) -> bool:
    """Tell whether a path is an attribute that a filter may read."""
    first, _, rest = path.partition(".")
    if first == _EVENTS:
        name, _, rest = rest.partition(".")
        return bool(name and rest)
    return path in _SINGLE or (first in _FAMILIES and bool(rest))


def may_be_a_date(path: str) -> bool:
    """Tell whether an attribute may be a date: what is counted here is none, but for what came last."""
    first, last = path.split(".", 1)[0], path.rsplit(".", 1)[-1]
    return first not in _COUNTED or last in _LAST
