"""The processor of a customer task.

Events, profiles, publications and commands in; customer state, jobs, requests for codes, decisions, changes of
membership, dead letters and reports out. Long work is done in steps between the chunks.
"""

from collections.abc import Sequence

from streamproc.domain.events import format_instant
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegments
from streamproc.processing.customer_chunk import CustomerChunk, Outcome
from streamproc.processing.customer_states import DecodedStates, StagedStates
from streamproc.processing.customer_step import CustomerStep
from streamproc.processing.dead_letters import CircuitBreaker
from streamproc.processing.duplicates import WINDOW, DuplicateWindow
from streamproc.processing.processor import OrderedStore, Output, Slice, Store
from streamproc.processing.scans import Scans


class CustomerProcessor:
    """Decides for the customers of one partition of so many.

    Takes slices of `customer-events`, `customers`, `publications` and `partition-commands`. `segments` are those whose
    members are found here: commands change them, and a host without commands fills them.
    """

    def __init__(
        self,
        partition: int,
        state: OrderedStore,
        task_state: Store,
        definitions: Definitions,
        segments: ComputedSegments,
        *,
        partitions: int = 1,
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
        self._scans = Scans(partition, partitions, state, task_state, definitions, segments)

    @property
    def wake_at(self) -> int:
        """When the next step of long work is due."""
        return self._scans.wake_at

    def process(self, slices: Sequence[Slice], now: int, outcomes: list[Outcome] | None = None) -> Output:
        """Decide for one chunk; `outcomes`, where given, gets one entry for each input, in their order.

        Raises `DeadLetterLimitReached`, before anything was written.
        """
        if not slices:
            return self._step(now)
        states, ids = StagedStates(self._state, self._decoded), self._window.stage()
        chunk = CustomerChunk(self._definitions, self._segments, states, ids, self._scans, outcomes)
        for piece in slices:
            chunk.work(piece)
        self._breaker.observe(chunk.inputs, chunk.dead)
        states.flush()
        self._window.flush(ids, self._task_state)
        return chunk.output(self._partition, format_instant(now))

    def _step(self, now: int) -> Output:
        states = StagedStates(self._state, self._decoded, keeps=False)
        step = CustomerStep(self._definitions, self._segments, states)
        reports = self._scans.step(now, step)
        self._breaker.observe(step.inputs, step.dead)
        states.flush()
        return step.output(self._partition, reports, format_instant(now))
