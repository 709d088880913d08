"""Groups: the distributions of one trigger and selector that share one rule, so that it is decided once."""

from bisect import bisect_left, insort
from operator import attrgetter

from streamproc.domain.facts import Facts
from streamproc.domain.rules.conditions import Check, Key
from streamproc.matching.distributions import CompiledDistribution

by_id = attrgetter("id")


class Group:
    """Members that share one rule.

    An event may meet it several times, under several keys (`filed`; None while it stands nowhere) or under one that it
    carries several times; `asked` is the number of the event for which it was decided last. `ready` are the members
    that are not blocked, by id, as of the generation `checked`.
    """

    __slots__ = ("_left", "_left_first", "asked", "checked", "filed", "members", "ready")

    def __init__(self) -> None:
        self.members: list[CompiledDistribution] = []
        self.ready: list[CompiledDistribution] = []
        self.checked = -1
        self.asked = 0
        # The first one by itself: mostly no other one is asked, and it is nearer in memory than a tuple's first.
        self._left_first: Check | None = None
        self._left: tuple[Check, ...] = ()
        self.filed: tuple[Key, ...] | None = None

    def leave(self, left: tuple[Check, ...]) -> None:
        """Take what must all hold when the group is met: what its key does not decide."""
        self._left_first, self._left = (left[0], left[1:]) if left else (None, ())

    def holds(self, facts: Facts) -> bool:
        """Decide what the key has not decided."""
        first = self._left_first
        if first is None:
            return True
        if not first.holds(facts):
            return False
        for part in self._left:  # noqa: SIM110  (a generator would cost more than the tests)
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
