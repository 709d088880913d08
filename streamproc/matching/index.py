"""The access-key index: distributions of one trigger and selector, filed under one key that their rule needs.

From each rule one alternative of keys is taken that an event must carry for the rule to hold (`Condition.keys`), the
one with the fewest rules filed there so far. An event looks up only the keys that it carries, and decides the rules
it meets. Rules without such a key are decided for every event of the trigger and selector.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Iterator
from operator import attrgetter
from typing import Any, Protocol

from streamproc.domain.facts import Facts
from streamproc.domain.rules import Condition
from streamproc.domain.rules.conditions import Holds, Key, Source
from streamproc.domain.rules.values import index_key


class Member(Protocol):
    """What is filed: matches come out by id."""

    @property
    def id(self) -> str:
        """The distribution's id."""


_by_id = attrgetter("id")


class Group:
    """The distributions of one bucket that share one rule, so that it is decided once."""

    __slots__ = ("filed", "holds", "members")

    def __init__(self) -> None:
        self.members: list[Any] = []
        self.holds: Holds | None = None
        self.filed: tuple[Key, ...] | None = None


_Table = dict[Hashable, list[Group]]


class Bucket:
    """The distributions of one trigger and selector."""

    __slots__ = ("_groups", "_plain", "_probes", "_scanned", "_tables")

    def __init__(self) -> None:
        self._plain: list[Any] = []
        self._groups: dict[str, Group] = {}
        self._scanned: list[Group] = []
        self._tables: dict[Source, _Table] = {}
        self._probes: list[tuple[Callable[[Facts], Iterable[Any]], _Table]] = []

    def __bool__(self) -> bool:
        return bool(self._plain or self._groups)

    @property
    def scanned(self) -> int:
        """How many rules are decided for every event that comes here."""
        return len(self._scanned)

    def match(self, facts: Facts) -> list[Any]:
        """Return the distributions whose rule holds, each once, by id."""
        found = self._plain
        for read, table in self._probes:
            try:
                hits = [group for groups in map(table.get, read(facts)) if groups for group in groups]
            except TypeError:
                # Some value is a list or an object.
                hits = [group for key in _spread(read(facts)) for group in table.get(key, ())]
            for group in hits:
                if group.holds(facts):  # type: ignore[misc]
                    found = found + group.members
        for group in self._scanned:
            if group.holds(facts):  # type: ignore[misc]
                found = found + group.members
        # A rule may have been met under several of its keys.
        return sorted(set(found), key=_by_id) if len(found) > 1 and found is not self._plain else found

    def add(self, member: Member, rule_id: str | None) -> bool:
        """File a distribution; tells whether its rule is new here, so that `file` has to follow."""
        if rule_id is None:
            insort(self._plain, member, key=_by_id)
            return False
        group = self._groups.get(rule_id)
        if group is None:
            group = self._groups[rule_id] = Group()
        insort(group.members, member, key=_by_id)
        return len(group.members) == 1

    def remove(self, member: Member, rule_id: str | None) -> bool:
        """Take a distribution out; tells whether its rule is no longer used here."""
        if rule_id is None:
            _take_out(self._plain, member)
            return False
        group = self._groups[rule_id]
        _take_out(group.members, member)
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
        group.holds = condition.holds
        if not condition.keys:
            group.filed = ()
            self._scanned.append(group)
            return
        group.filed = tuple(min(condition.keys, key=self._crowd))
        for source, key in group.filed:
            self._table(source).setdefault(key, []).append(group)

    def _crowd(self, alternative: Iterable[Key]) -> int:
        """Count the rules that one would meet under these keys."""
        tables = self._tables
        return sum(1 + len(tables[source].get(key, ())) if source in tables else 1 for source, key in alternative)

    def _unfile(self, group: Group) -> None:
        if group.filed == ():
            self._scanned.remove(group)
        for source, key in group.filed or ():
            table = self._tables[source]
            table[key].remove(group)
            if not table[key]:
                del table[key]
            if not table:
                del self._tables[source]
                self._list_probes()
        group.filed = None

    def _table(self, source: Source) -> _Table:
        if source not in self._tables:
            self._tables[source] = {}
            self._list_probes()
        return self._tables[source]

    def _list_probes(self) -> None:
        self._probes = [(_READERS[source], table) for source, table in self._tables.items()]


def carried_keys(facts: Facts) -> set[Key]:
    """Return every key that an event carries; looking up is faster, and finds the same."""
    return {(source, key) for source, read in _READERS.items() for key in _spread(read(facts))}


def _take_out(members: list[Any], member: Member) -> None:
    del members[bisect_left(members, member.id, key=_by_id)]


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


def _references(facts: Facts) -> Iterable[Any]:
    return [reference for line in facts.lines for reference in line.references]


_READERS: dict[Source, Callable[[Facts], Iterable[Any]]] = {
    "customer.segment": attrgetter("segments"),
    "customer.metadata": lambda facts: facts.customer_metadata.items(),
    "order.metadata": lambda facts: facts.order_metadata.items(),
    "custom_event.metadata": lambda facts: facts.custom_event_metadata.items(),
    "loyalty_tier": _loyalty_tiers,
    "order.items": _references,
}
