"""Groups: the distributions of one trigger and selector that share one rule, so that it is decided once."""

from bisect import bisect_left, insort
from operator import attrgetter

from streamproc.domain.facts import Facts
from streamproc.domain.rules.conditions import Check, Key
from streamproc.matching.distributions import CompiledDistribution

by_id = attrgetter("id")


class Group:
    """Members that share one rule.

    `left` must all hold when the group is met, which may be several times when it stands under several keys (`filed`;
    None while it stands nowhere). `ready` are the members that are not blocked, by id, as of the generation `checked`.
    """

    __slots__ = ("checked", "filed", "left", "members", "ready")

    def __init__(self) -> None:
        self.members: list[CompiledDistribution] = []
        self.ready: list[CompiledDistribution] = []
        self.checked = -1
        self.left: tuple[Check, ...] = ()
        self.filed: tuple[Key, ...] | None = None

    def holds(self, facts: Facts) -> bool:
        """Decide what the key has not decided."""
        for part in self.left:  # noqa: SIM110  (a generator would cost more than the tests)
            if not part.holds(facts):
                return False
        return True

    def add(self, member: CompiledDistribution) -> None:
        """Put a member in its place by id."""
        insort(self.members, member, key=by_id)
        self.checked = -1

    def remove(self, member: CompiledDistribution) -> None:
        """Take a member out."""
        del self.members[bisect_left(self.members, member.id, key=by_id)]
        self.checked = -1


def merge(one: list[CompiledDistribution], other: list[CompiledDistribution]) -> list[CompiledDistribution]:
    """Merge two lists that are in order by id, each member once; an empty one leaves the other as it is."""
    if not one or not other:
        return one or other
    merged: list[CompiledDistribution] = []
    place, end = 0, len(other)
    for member in one:
        while place < end and other[place].id < member.id:
            merged.append(other[place])
            place += 1
        if place < end and other[place].id == member.id:
            place += 1
        merged.append(member)
    merged.extend(other[place:])
    return merged
