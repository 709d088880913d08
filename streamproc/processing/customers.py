"""The processor of a customer task.

Events, profiles and publications in; customer state, jobs, requests for codes, decisions, changes of membership and
dead letters out.
"""

from collections.abc import Sequence

from streamproc.domain.events import format_instant
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegments
from streamproc.processing.customer_chunk import CustomerChunk, Outcome
from streamproc.processing.customer_states import DecodedStates, StagedStates
from streamproc.processing.dead_letters import CircuitBreaker
from streamproc.processing.duplicates import WINDOW, DuplicateWindow
from streamproc.processing.processor import Output, Slice, Store


class CustomerProcessor:
    """Decides for the customers of one partition. Takes slices of `customer-events`, `customers` and `publications`.

    `segments` are those whose members are found here. Its host fills it, and may change it between two chunks.
    """

    wake_at: int | None = None

    def __init__(
        self,
        partition: int,
        state: Store,
        task_state: Store,
        definitions: Definitions,
        segments: ComputedSegments,
        *,
        dead_letter_limit: float = 0.5,
        window: int = WINDOW,
    ) -> None:
        self._partition = partition
        self._state = state
        self._decoded = DecodedStates()
        self._task_state = task_state
        self._definitions = definitions
        self._segments = segments
        self._window = DuplicateWindow(task_state, window)
        self._breaker = CircuitBreaker(dead_letter_limit)

    def process(self, slices: Sequence[Slice], now: int, outcomes: list[Outcome] | None = None) -> Output:
        """Decide for one chunk; `outcomes`, where given, gets one entry for each input, in their order.

        Raises `DeadLetterLimitReached`, before anything was written.
        """
        states, ids = StagedStates(self._state, self._decoded), self._window.stage()
        chunk = CustomerChunk(self._definitions, self._segments, states, ids, outcomes)
        for piece in slices:
            chunk.work(piece)
        self._breaker.observe(chunk.inputs, chunk.dead)
        states.flush()
        self._window.flush(ids, self._task_state)
        return chunk.output(self._partition, format_instant(now))
