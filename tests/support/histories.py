"""What a history of pushes allows: whether one order of versions explains what has become of all events.

A state is what was in force between two pushes. An event that was committed before a push cannot have been decided by
what was pushed, and one that was sent after the push was in force cannot have been decided by what stood there before;
in between either may have decided it. In a partition states come in the order in which they were pushed, and never
come back.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Place = Mapping[int, int]
"""An offset of the events' topic, by partition."""

Outcome = list[tuple[str, int, str]]
"""What one event led to, in order: topic, the version stamped on it, and what tells by its contents which one it is."""


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One event, and where it stands."""

    number: int
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class State:
    """What was in force between two pushes, by the outcome that it gives an event.

    `pushed`: where the application stood just before; `in_force`: where the events ended just after.
    """

    name: str
    outcome: Callable[[SentEvent], Outcome]
    pushed: Place
    in_force: Place


def unexplained(
    history: Sequence[State], events: Iterable[SentEvent], outcomes: Mapping[int, Outcome]
) -> list[tuple[SentEvent, Outcome]]:
    """Return the events of which the outcome fits no state that may have decided them, with the outcome."""
    by_partition: dict[int, list[SentEvent]] = defaultdict(list)
    for event in events:
        by_partition[event.partition].append(event)
    problems = []
    for partition, sent in by_partition.items():
        reached = 0  # the first that fits leaves the most to those that follow
        for event in sorted(sent, key=lambda one: one.offset):
            found = sorted(outcomes.get(event.number, []))
            fitting = (
                number
                for number in range(reached, len(history))
                if _may_decide(history, number, partition, event.offset) and history[number].outcome(event) == found
            )
            state = next(fitting, None)
            if state is None:
                problems.append((event, found))
            else:
                reached = state
    return problems


def decided_alone(history: Sequence[State], number: int, events: Iterable[SentEvent]) -> int:
    """Count the events that no other state than this one may have decided."""
    others = [other for other in range(len(history)) if other != number]
    return sum(
        _may_decide(history, number, event.partition, event.offset)
        and not any(_may_decide(history, other, event.partition, event.offset) for other in others)
        for event in events
    )


def _may_decide(history: Sequence[State], number: int, partition: int, offset: int) -> bool:
    is_over = number + 1 < len(history) and offset >= history[number + 1].in_force[partition]
    return history[number].pushed[partition] <= offset and not is_over
