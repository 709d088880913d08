"""Tables of the index: groups by the keys of one source, and which of its keys an event carries.

Keys are values, or names with values in metadata. Texts are looked up as they are; any other value by the key that
equal values share.
"""

from collections.abc import Callable, Hashable
from typing import Any, Literal

from streamproc.domain.facts import Facts
from streamproc.domain.lines import item_id
from streamproc.domain.rules.conditions import Source
from streamproc.domain.rules.values import index_key
from streamproc.matching.groups import Group


class Filed:
    """Groups by key; one key may have several, a group may stand under several."""

    __slots__ = ("_by_key",)

    def __init__(self) -> None:
        # Nearly every key has one group, which then stands here itself: a step less through memory.
        self._by_key: dict[Hashable, Group | tuple[Group, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def add(self, key: Hashable, group: Group) -> None:
        """Put a group under a key."""
        self._put(key, (*self._groups(key), group))

    def remove(self, key: Hashable, group: Group) -> None:
        """Take a group away from a key."""
        self._put(key, tuple(other for other in self._groups(key) if other is not group))

    def crowd(self, key: Hashable) -> int:
        """Count the groups under a key."""
        return len(self._groups(key))

    def meet(self, value: Any, met: list[Group]) -> None:
        """Append the groups of a value."""
        found = self._by_key.get(value if type(value) is str else index_key(value))
        if found is None:
            return
        if isinstance(found, Group):
            met.append(found)
        else:
            met.extend(found)

    def _groups(self, key: Hashable) -> tuple[Group, ...]:
        found = self._by_key.get(key, ())
        return (found,) if isinstance(found, Group) else found

    def _put(self, key: Hashable, groups: tuple[Group, ...]) -> None:
        if groups:
            self._by_key[key] = groups[0] if len(groups) == 1 else groups
        else:
            del self._by_key[key]


class Table:
    """The groups filed under the keys of one source."""

    __slots__ = ()

    def add(self, key: Any, group: Group) -> None:
        """Put a group under a key."""
        raise NotImplementedError

    def remove(self, key: Any, group: Group) -> bool:
        """Take a group away from a key; tell whether the table is empty now."""
        raise NotImplementedError

    def crowd(self, key: Any) -> int:
        """Count the groups under a key."""
        raise NotImplementedError

    def meet(self, facts: Facts, met: list[Group]) -> None:
        """Append the groups under each key that the event carries; one may come several times."""
        raise NotImplementedError


class ValueTable(Table):
    """A table of which the keys are values."""

    __slots__ = ("_filed",)

    def __init__(self) -> None:
        self._filed: Filed = Filed()

    def add(self, key: Any, group: Group) -> None:
        """Put a group under a value."""
        self._filed.add(key, group)

    def remove(self, key: Any, group: Group) -> bool:
        """Take a group away from a value."""
        self._filed.remove(key, group)
        return not self._filed

    def crowd(self, key: Any) -> int:
        """Count the groups under a value."""
        return self._filed.crowd(key)

    def meet(self, facts: Facts, met: list[Group]) -> None:
        """Append the groups of each value that the event carries."""
        filed = self._filed
        for value in self.carried(facts):
            filed.meet(value, met)

    def carried(self, facts: Facts) -> list[Any]:
        """Return the values of this source."""
        raise NotImplementedError


class MetadataTable(Table):
    """A table of which the keys are names of metadata, each with a value."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        # By name first: nearly every event carries the same few names, so what decides is one look-up of a value.
        self._names: dict[str, Filed] = {}

    def add(self, key: Any, group: Group) -> None:
        """Put a group under a name and value."""
        name, value = key
        self._names.setdefault(name, Filed()).add(value, group)

    def remove(self, key: Any, group: Group) -> bool:
        """Take a group away from a name and value."""
        name, value = key
        filed = self._names[name]
        filed.remove(value, group)
        if not filed:
            del self._names[name]
        return not self._names

    def crowd(self, key: Any) -> int:
        """Count the groups under a name and value."""
        name, value = key
        filed = self._names.get(name)
        return 0 if filed is None else filed.crowd(value)

    def meet(self, facts: Facts, met: list[Group]) -> None:
        """Append the groups of each name with its value, of a list with each of its elements."""
        names = self._names
        for name, value in self.metadata(facts).items():
            filed = names.get(name)
            if filed is None:
                continue
            if type(value) is list:
                for element in value:
                    filed.meet(element, met)
            else:
                filed.meet(value, met)

    def metadata(self, facts: Facts) -> dict[str, Any]:
        """Return the metadata of this source."""
        raise NotImplementedError


class _Segments(ValueTable):
    __slots__ = ()

    def carried(self, facts: Facts) -> list[Any]:
        segments: list[Any] = facts.segments  # a copy of the list would be made for a more exact type
        return segments


class _LoyaltyTiers(ValueTable):
    __slots__ = ()

    def carried(self, facts: Facts) -> list[Any]:
        tier = facts.loyalty_tier
        return tier if type(tier) is list else [tier]


class _Items(ValueTable):
    """What the lines of an order are of, by the ids of one kind."""

    __slots__ = ("_kind", "_own_id")

    def __init__(self, kind: Literal["product", "sku"]) -> None:
        super().__init__()
        self._kind: Literal["product", "sku"] = kind
        self._own_id: str = f"{kind}_id"

    def carried(self, facts: Facts) -> list[Any]:
        found: list[Any] = []
        items = facts.items
        if type(items) is list:
            for item in items:
                if type(item) is dict:
                    own = item.get(self._own_id)
                    # Nearly always a text; anything else is read as the rules read it.
                    found.append(own if type(own) is str else item_id(item, self._kind))
        return found


class _Collections(ValueTable):
    __slots__ = ()

    def carried(self, facts: Facts) -> list[Any]:
        return [found for line in facts.lines for found in line.collections]


class _CustomerMetadata(MetadataTable):
    __slots__ = ()

    def metadata(self, facts: Facts) -> dict[str, Any]:
        return facts.customer_metadata


class _OrderMetadata(MetadataTable):
    __slots__ = ()

    def metadata(self, facts: Facts) -> dict[str, Any]:
        return facts.order_metadata


class _CustomEventMetadata(MetadataTable):
    __slots__ = ()

    def metadata(self, facts: Facts) -> dict[str, Any]:
        return facts.custom_event_metadata


_MAKE: dict[Source, Callable[[], Table]] = {
    "customer.segment": _Segments,
    "customer.metadata": _CustomerMetadata,
    "order.metadata": _OrderMetadata,
    "custom_event.metadata": _CustomEventMetadata,
    "loyalty_tier": _LoyaltyTiers,
    "product": lambda: _Items("product"),
    "sku": lambda: _Items("sku"),
    "products_collection": _Collections,
}


def make_table(source: Source) -> Table:
    """Return an empty table for a source."""
    return _MAKE[source]()
