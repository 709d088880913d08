"""Attributes: what the paths of segment filters read from a customer's state.

`summary.orders.total_count`, `events.<name>.count`, `loyalty_points.campaigns.<name or id>.points`,
`loyalty_tier.campaigns.<name or id>` are counted here; any other path reads the profile. What is not there reads as
None, but a custom event that never came has a count of 0.
"""

from collections.abc import Callable
from typing import Any

from streamproc.domain.customers import CustomerState
from streamproc.domain.loyalty import by_id_and_name
from streamproc.domain.orders import last_order_amount, last_order_date, summary, total_count
from streamproc.domain.paths import compile_path

ReadAttribute = Callable[[CustomerState], Any]


def compile_attribute(path: str) -> ReadAttribute:
    """Return the function that reads a path from a state. An existing key with dots wins, else it descends."""
    direct = _DIRECT.get(path)
    if direct is not None:
        return direct
    family, _, rest = path.partition(".")
    if family == "events":
        return _compile_occurrences(rest.split("."))
    document = _DOCUMENTS.get(family)
    read = compile_path(path)
    if document is None:
        return lambda state: read(state.profile)
    return lambda state: read({family: document(state)})


def beginnings(path: str) -> tuple[str, ...]:
    """Return the beginnings of a path, itself included; what it reads may change when `changed` names one of them."""
    names = path.split(".")
    return tuple(".".join(names[:end]) for end in range(1, len(names) + 1))


def _compile_occurrences(names: list[str]) -> ReadAttribute:
    """Read `<name>.count`, `<name>.last`, or `<name>`; the name of a custom event may have dots."""
    whole, name, field = ".".join(names), ".".join(names[:-1]), names[-1]
    place = {"count": 0, "last": 1}.get(field) if name else None

    def read(state: CustomerState) -> Any:
        found = state.occurrences.get(whole)
        if found is not None:
            return {"count": found[0], "last": found[1]}
        if place is None:
            return None
        found = state.occurrences.get(name)
        if found is not None:
            return found[place]
        return 0 if place == 0 else None

    return read


# What takes no summing up: filters on the last order are asked with every event.
_DIRECT: dict[str, ReadAttribute] = {
    "summary.orders.total_count": lambda state: total_count(state.orders),
    "summary.orders.last_order_amount": lambda state: last_order_amount(state.orders),
    "summary.orders.last_order_date": lambda state: last_order_date(state.orders),
}
_DOCUMENTS: dict[str, Callable[[CustomerState], dict[str, Any]]] = {
    "summary": lambda state: {"orders": summary(state.orders)},
    "loyalty_points": lambda state: {
        "campaigns": {campaign: {"points": points} for campaign, points in by_id_and_name(state.points).items()}
    },
    "loyalty_tier": lambda state: {"campaigns": by_id_and_name(state.tiers)},
}
