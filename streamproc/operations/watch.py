"""Turns what the runtime tells (`runtime.listener.Listener`) into metrics and health."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from streamproc.operations.health import Health
from streamproc.operations.metrics import Metrics

CLOSED = "closed"
CONTROL = "control"


class Watch:
    """The runtime's listener. `monotonic` gives seconds; `logical` takes the prefix off a topic's name."""

    def __init__(
        self, metrics: Metrics, health: Health, monotonic: Callable[[], float], logical: Callable[[str], str]
    ) -> None:
        self._metrics = metrics
        self._health = health
        self._monotonic = monotonic
        self._logical = logical

    def chunk_committed(
        self,
        kind: str,
        partition: int,  # noqa: ARG002  (a label for every partition would cost more than it tells)
        *,
        records: int,
        counts: Counter[tuple[str, ...]],
        seconds: float,
        transaction_seconds: float,
        delay_seconds: float,
    ) -> None:
        """Count a committed chunk."""
        metrics = self._metrics
        metrics.count(counts)
        metrics.commits.labels(kind).inc()
        metrics.chunk_records.labels(kind).observe(records)
        metrics.chunk_seconds.labels(kind).observe(seconds)
        metrics.transaction_seconds.labels(kind).observe(transaction_seconds)
        metrics.delay_seconds.labels(kind).observe(max(delay_seconds, 0))
        self._health.progress_at = self._monotonic()

    def step_committed(
        self,
        kind: str,
        partition: int,  # noqa: ARG002
        *,
        counts: Counter[tuple[str, ...]],
        seconds: float,
        transaction_seconds: float,
    ) -> None:
        """Count a committed step of long work."""
        metrics = self._metrics
        metrics.count(counts)
        metrics.commits.labels(kind).inc()
        metrics.step_seconds.labels(kind).observe(seconds)
        metrics.transaction_seconds.labels(kind).observe(transaction_seconds)
        self._health.progress_at = self._monotonic()

    def measured(self, levels: Mapping[tuple[str, ...], int], observed: Sequence[tuple[str, float]]) -> None:
        """Show what a chunk has found."""
        self._metrics.measure(levels, observed)

    def transaction_aborted(self, kind: str, partition: int, error: BaseException) -> None:  # noqa: ARG002
        """Count an aborted transaction."""
        self._metrics.aborts.labels(kind).inc()

    def task_state(self, kind: str, partition: int, state: str) -> None:
        """Remember where a task is."""
        tasks = self._health.tasks_by_state
        before = tasks.pop((kind, partition), None)
        if before is not None:
            self._metrics.tasks.labels(kind, before).dec()
        if state == CLOSED and kind == CONTROL:
            self._metrics.distributions.clear()  # the next owner tells
        if state != CLOSED:
            tasks[kind, partition] = state
            self._metrics.tasks.labels(kind, state).inc()

    def restore_progress(self, kind: str, partition: int, store: str, done: int, total: int) -> None:  # noqa: ARG002
        """Show how far a restore is."""
        self._metrics.restore_done.labels(store, str(partition)).set(done)
        self._metrics.restore_total.labels(store, str(partition)).set(total)

    def lag(self, lags: Mapping[tuple[str, int], int]) -> None:
        """Show the lag of what is owned, and forget what is not."""
        self._metrics.lag.clear()
        for (topic, partition), lag in lags.items():
            self._metrics.lag.labels(self._logical(topic), str(partition)).set(lag)
        self._health.lags = dict(lags)

    def brokers_answer(self, *, answer: bool) -> None:
        """Remember whether the brokers answer."""
        self._metrics.brokers_answer.set(answer)
        self._health.brokers_answer = answer

    def assigned(self) -> None:
        """Remember that the group has told this worker what it owns."""
        self._health.assigned = True

    def gate_timed_out(self, seconds: float) -> None:  # noqa: ARG002
        """Count a start with what is in force."""
        self._metrics.gate_timeouts.inc()

    def ledger_answers(self, *, answers: bool) -> None:
        """Remember whether the database of codes answers."""
        self._metrics.ledger_answers.set(answers)
        self._health.ledger_answers = answers

    def allocated(self, seconds: float) -> None:
        """Note how long the ledger took."""
        self._metrics.allocation_seconds.observe(seconds)

    def codes_free(self, free: Mapping[str, int]) -> None:
        """Show how many codes are left, and forget campaigns that are gone."""
        self._metrics.codes_free.clear()
        for campaign, number in free.items():
            self._metrics.codes_free.labels(campaign).set(number)
