"""The access-key index: distributions of one trigger and selector, filed under one key that their rule needs.

From each rule one access is taken, keys of which an event must carry one for the rule to hold: the access with the
fewest rules filed there so far. An event looks up only the keys that it carries, and of the rules that it meets
decides what the key has not decided. Rules without such a key are decided for every event of the trigger and selector.
"""

from collections.abc import Callable
from typing import Final

from streamproc.domain.facts import Facts
from streamproc.domain.rules.conditions import Access, Check, Condition, Source
from streamproc.matching.distributions import CompiledDistribution
from streamproc.matching.groups import Group, by_id, merge
from streamproc.matching.tables import Table, make_table

#: So many groups are merged one by one; more of them are sorted, because each merge walks all that was found.
_FEW: Final = 8


class Bucket:
    """The distributions of one trigger and selector."""

    __slots__ = ("_events", "_groups", "_plain", "_probed", "_scanned", "_tables")

    def __init__(self) -> None:
        self._events = 0  # that have asked its groups
        self._plain: Group = Group()  # those without a rule
        self._groups: dict[str, Group] = {}
        self._scanned: list[Group] = []
        self._tables: dict[Source, Table] = {}
        self._probed: list[Table] = []  # the same tables: a list is walked quicker

    def __bool__(self) -> bool:
        return bool(self._plain.members or self._groups)

    @property
    def scanned(self) -> int:
        """How many rules are decided for every event that comes here."""
        return len(self._scanned)

    def match(self, facts: Facts, generation: int, refresh: Callable[[Group], None]) -> list[CompiledDistribution]:
        """Return the distributions that are not blocked and whose rule holds, each once, by id.

        `refresh` brings the `ready` members of a group up to date. The list is not the caller's to change.
        """
        plain = self._plain
        if plain.checked != generation:
            refresh(plain)
        if not self._groups:
            return plain.ready
        met: list[Group] = []
        for table in self._probed:
            table.meet(facts, met)
        if self._scanned:
            met.extend(self._scanned)
        # An order of a thousand lines of one collection meets what is filed under that a thousand times.
        event = self._events = self._events + 1
        found, merged = plain.ready, 0
        more: list[CompiledDistribution] = []
        for group in met:
            if group.asked == event:
                continue
            group.asked = event
            if group.holds(facts):
                if group.checked != generation:
                    refresh(group)
                if merged < _FEW:
                    found = merge(found, group.ready)
                    merged += 1
                else:
                    more.extend(group.ready)
        return sorted(found + more, key=by_id) if more else found

    def add(self, member: CompiledDistribution, rule_id: str | None) -> bool:
        """File a distribution; tells whether its rule is new here, so that `file` has to follow."""
        if rule_id is None:
            self._plain.add(member)
            return False
        group = self._groups.get(rule_id)
        if group is None:
            group = self._groups[rule_id] = Group()
        group.add(member)
        return len(group.members) == 1

    def remove(self, member: CompiledDistribution, rule_id: str | None) -> bool:
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
            group.filed = ()
            group.leave(_parts(condition))
            self._scanned.append(group)
            return
        access = min(condition.accesses, key=self._crowd)
        group.filed = tuple(access.keys)
        group.leave(_parts(condition.beyond(access)))
        for source, key in group.filed:
            self._table(source).add(key, group)

    def _crowd(self, access: Access) -> int:
        """Count the rules that one would meet under the keys of an access."""
        tables = self._tables
        return sum(1 + (tables[source].crowd(key) if source in tables else 0) for source, key in access.keys)

    def _unfile(self, group: Group) -> None:
        if group.filed == ():
            self._scanned.remove(group)
        for source, key in group.filed or ():
            if self._tables[source].remove(key, group):
                del self._tables[source]
                self._probed = list(self._tables.values())
        group.filed = None

    def _table(self, source: Source) -> Table:
        table = self._tables.get(source)
        if table is None:
            table = self._tables[source] = make_table(source)
            self._probed = list(self._tables.values())
        return table


def _parts(condition: Condition) -> tuple[Check, ...]:
    """Return what must all hold. A tuple of checks is nearer in memory than a check that asks them."""
    if condition.is_always:
        return ()
    return tuple(part.check for part in condition.parts) or (condition.check,)
