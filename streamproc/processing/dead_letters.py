"""Dead letters: the record that keeps an input which could not be processed, and the limit on how many there may be."""

from collections import deque
from collections.abc import Sequence

from streamproc.domain.outcomes import DeadLetterReason, Parked
from streamproc.errors import DeadLetterLimitReached
from streamproc.processing.processor import OutputRecord, SourceRecord

#: The inputs in a row over which the share of dead letters is taken.
INPUTS_IN_A_ROW = 1_000


def dead_letter(parked: Parked, topic: str, partition: int, record: SourceRecord, parked_at: str) -> OutputRecord:
    """Keep the input as it came. The seven headers of ours stand last, behind those that it brought."""
    headers: list[tuple[str, bytes | None]] = [
        *record.headers,
        ("reason", parked.reason.encode()),
        ("detail", parked.detail.encode()),
        ("source-topic", topic.encode()),
        ("source-partition", b"%d" % partition),
        ("source-offset", b"%d" % record.offset),
        ("parked-at", parked_at.encode()),
        ("step", parked.step.encode()),
    ]
    return record.key, record.value, headers


def describe(error: Exception) -> str:
    """Name an unexpected exception by its type and the place that raised it; its text may hold customer data."""
    place = error.__traceback__
    if place is None:
        return type(error).__name__
    while place.tb_next is not None:
        place = place.tb_next
    module = place.tb_frame.f_globals.get("__name__", "?")
    return f"{type(error).__name__} at {module}:{place.tb_lineno}"


class CircuitBreaker:
    """Stops the worker when more than the share `limit` of 1,000 inputs in a row became dead letters.

    It breaks as soon as that many are reached, not only at the thousandth input. A limit of 1 never breaks.
    """

    def __init__(self, limit: float) -> None:
        self._allowed = round(limit * INPUTS_IN_A_ROW)
        self._inputs = 0
        self._dead: deque[tuple[int, DeadLetterReason]] = deque()  # number of the input and reason

    def observe(self, inputs: int, dead: Sequence[tuple[int, DeadLetterReason]]) -> None:
        """Take note of a chunk: how many inputs, and which of them (counted from 0) became dead letters, in order.

        Raises `DeadLetterLimitReached`.
        """
        for index, reason in dead:
            number = self._inputs + index
            self._dead.append((number, reason))
            while self._dead[0][0] <= number - INPUTS_IN_A_ROW:
                self._dead.popleft()
            if len(self._dead) > self._allowed:
                raise self._limit_reached(number)
        self._inputs += inputs

    def _limit_reached(self, number: int) -> DeadLetterLimitReached:
        reasons: dict[str, int] = {}
        for _, reason in self._dead:
            reasons[reason] = reasons.get(reason, 0) + 1
        return DeadLetterLimitReached(dead=len(self._dead), of=min(number + 1, INPUTS_IN_A_ROW), reasons=reasons)
