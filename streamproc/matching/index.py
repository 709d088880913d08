"""The access-key index: distributions of one trigger and selector, filed under one key that their rule needs.

From each rule one access is taken, keys of which an event must carry one for the rule to hold: the access with the
fewest rules filed there so far. An event looks up only the keys that it carries, and of the rules that it meets
decides what the key has not decided. Rules without such a key are decided for every event of the trigger and selector.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Iterator
from operator import attrgetter
from typing import Any, Generic, Literal, Protocol, TypeVar

from streamproc.domain.facts import Facts
from streamproc.domain.lines import item_id
from streamproc.domain.rules import Condition
from streamproc.domain.rules.conditions import Access, Holds, Key, Source
from streamproc.domain.rules.values import index_key


class Member(Protocol):
    """What is filed: matches come out by id."""

    @property
    def id(self) -> str:
        """The distribution's id."""


M = TypeVar("M", bound=Member)

_by_id = attrgetter("id")


class Group(Generic[M]):
    """The distributions of one bucket that share one rule, so that it is decided once.

    `left` must all hold when the group is met. `ready` are the members that are not blocked, by id, as of the
    generation `checked`.
    """

    __slots__ = ("checked", "filed", "left", "members", "ready")

    def __init__(self) -> None:
        self.members: list[M] = []
        self.ready: list[M] = []
        self.checked = -1
        self.left: tuple[Holds, ...] = ()
        self.filed: tuple[Key, ...] | None = None

    def add(self, member: M) -> None:
        """Put a member in its place by id."""
        insort(self.members, member, key=_by_id)
        self.checked = -1

    def remove(self, member: M) -> None:
        """Take a member out."""
        del self.members[bisect_left(self.members, member.id, key=_by_id)]
        self.checked = -1


class Bucket(Generic[M]):
    """The distributions of one trigger and selector."""

    __slots__ = ("_groups", "_plain", "_probes", "_scanned", "_tables")

    def __init__(self) -> None:
        self._plain: Group[M] = Group()  # those without a rule
        self._groups: dict[str, Group[M]] = {}
        self._scanned: list[Group[M]] = []
        self._tables: dict[Source, dict[Hashable, tuple[Group[M], ...]]] = {}
        self._probes: list[tuple[Callable[[Facts], Iterable[Any]], dict[Hashable, tuple[Group[M], ...]]]] = []

    def __bool__(self) -> bool:
        return bool(self._plain.members or self._groups)

    @property
    def scanned(self) -> int:
        """How many rules are decided for every event that comes here."""
        return len(self._scanned)

    def match(self, facts: Facts, generation: int, refresh: Callable[[Group[M]], None]) -> list[M]:
        """Return the distributions that are not blocked and whose rule holds, each once, by id.

        `refresh` brings the `ready` members of a group up to date. The list is not the caller's to change.
        """
        plain = self._plain
        if plain.checked != generation:
            refresh(plain)
        if not self._groups:
            return plain.ready
        met = []
        for read, table in self._probes:
            try:
                met += [group for groups in map(table.get, read(facts)) if groups for group in groups]
            except TypeError:
                # Some value is a list or an object.
                met += [group for key in _spread(read(facts)) for group in table.get(key, ())]
        found: list[M] = []
        for group in met + self._scanned if self._scanned else met:
            for holds in group.left:
                if not holds(facts):
                    break
            else:
                if group.checked != generation:
                    refresh(group)
                found += group.ready
        if not found:
            return plain.ready
        found += plain.ready
        # A rule may have been met under several of its keys.
        return sorted(set(found), key=_by_id) if len(found) > 1 else found

    def add(self, member: M, rule_id: str | None) -> bool:
        """File a distribution; tells whether its rule is new here, so that `file` has to follow."""
        if rule_id is None:
            self._plain.add(member)
            return False
        group = self._groups.get(rule_id)
        if group is None:
            group = self._groups[rule_id] = Group()
        group.add(member)
        return len(group.members) == 1

    def remove(self, member: M, rule_id: str | None) -> bool:
        """Take a distribution out; tells whether its rule is no longer used here."""
        if rule_id is None:
            self._plain.remove(member)
            return False
        group = self._groups[rule_id]
        group.remove(member)
        if group.members:
            return False
        self._unfile(group)
        del self._groups[rule_id]
        return True

    def file(self, rule_id: str, condition: Condition | None) -> None:
        """Put a rule under the keys of its present version; None for a rule that is missing: it never holds."""
        group = self._groups[rule_id]
        self._unfile(group)
        if condition is None or condition.is_never:
            return
        if not condition.accesses:
            group.filed, group.left = (), _parts(condition)
            self._scanned.append(group)
            return
        access = min(condition.accesses, key=self._crowd)
        group.filed, group.left = tuple(access.keys), _parts(condition.beyond(access))
        for source, key in group.filed:
            table = self._table(source)
            table[key] = (*table.get(key, ()), group)

    def _crowd(self, access: Access) -> int:
        """Count the rules that one would meet under the keys of an access."""
        tables = self._tables
        return sum(1 + len(tables[source].get(key, ())) if source in tables else 1 for source, key in access.keys)

    def _unfile(self, group: Group[M]) -> None:
        if group.filed == ():
            self._scanned.remove(group)
        for source, key in group.filed or ():
            table = self._tables[source]
            others = tuple(other for other in table[key] if other is not group)
            if others:
                table[key] = others
            else:
                del table[key]
            if not table:
                del self._tables[source]
                self._list_probes()
        group.filed = None

    def _table(self, source: Source) -> dict[Hashable, tuple[Group[M], ...]]:
        if source not in self._tables:
            self._tables[source] = {}
            self._list_probes()
        return self._tables[source]

    def _list_probes(self) -> None:
        self._probes = [(_READERS[source], table) for source, table in self._tables.items()]


def _parts(condition: Condition) -> tuple[Holds, ...]:
    """Return what must all hold. A tuple of functions is nearer in memory than a function that calls them."""
    if condition.is_always:
        return ()
    return tuple(part.holds for part in condition.parts) or (condition.holds,)


def _spread(carried: Iterable[Any]) -> Iterator[Hashable]:
    """Yield the keys that an event carries: of a list those of its elements, of an object that of its id."""
    for item in carried:
        if type(item) is tuple and len(item) == 2:
            name, value = item
            for element in value if type(value) is list else (value,):
                yield name, index_key(element)
        else:
            yield index_key(item)


def _loyalty_tiers(facts: Facts) -> Iterable[Any]:
    tier = facts.loyalty_tier
    return tier if type(tier) is list else (tier,)


def _ids_of(kind: Literal["product", "sku"]) -> Callable[[Facts], Iterable[Any]]:
    own_id = f"{kind}_id"

    def read(facts: Facts) -> Iterable[Any]:
        items = facts.order.get("items")
        if type(items) is not list:
            return ()
        # Nearly always a text; anything else is read as the rules read it.
        return [
            found if type(found := item.get(own_id)) is str else item_id(item, kind)
            for item in items
            if type(item) is dict
        ]

    return read


def _collections(facts: Facts) -> Iterable[Any]:
    return [found for line in facts.lines for kind, found in line.references if kind == "products_collection"]


_READERS: dict[Source, Callable[[Facts], Iterable[Any]]] = {
    "customer.segment": attrgetter("segments"),
    "customer.metadata": lambda facts: facts.customer_metadata.items(),
    "order.metadata": lambda facts: facts.order_metadata.items(),
    "custom_event.metadata": lambda facts: facts.custom_event_metadata.items(),
    "loyalty_tier": _loyalty_tiers,
    "product": _ids_of("product"),
    "sku": _ids_of("sku"),
    "products_collection": _collections,
}
