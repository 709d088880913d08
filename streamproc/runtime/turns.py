"""Turns: of the tasks that have long work to do, only a few take a step at the same time.

Steps of all tasks at once would each be done late, and whatever a task has to do besides with them. Who asks first gets
the next turn, and keeps its place while it does something else.
"""

from collections import deque
from collections.abc import Callable


class Turn:
    """One that was asked for; `is_granted` from when it may be used until it is given back."""

    __slots__ = ("is_granted", "tell")

    def __init__(self, tell: Callable[[], object]) -> None:
        self.is_granted = False
        self.tell = tell


class Turns:
    """So many at once."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._asked: deque[Turn] = deque()

    def ask(self, tell: Callable[[], object]) -> Turn:
        """Ask for a turn; `tell` is called when it is granted, which may be at once."""
        turn = Turn(tell)
        self._asked.append(turn)
        self._grant()
        return turn

    def give_back(self, turn: Turn) -> None:
        """Let the next have it; one that was not granted yet is no longer asked for."""
        if turn.is_granted:
            turn.is_granted = False
            self._free += 1
        else:
            self._asked.remove(turn)
        self._grant()

    def _grant(self) -> None:
        while self._free and self._asked:
            turn = self._asked.popleft()
            self._free -= 1
            turn.is_granted = True
            turn.tell()
