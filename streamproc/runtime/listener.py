"""What the runtime tells whoever watches it; `operations` turns it into metrics and health."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from aiokafka.structs import TopicPartition


class Listener(Protocol):
    """Called by tasks and readers on the event loop; must be quick and must not raise."""

    def chunk_committed(
        self,
        kind: str,
        partition: int,
        *,
        records: int,
        counts: Counter[tuple[str, ...]],
        seconds: float,
        transaction_seconds: float,
        delay_seconds: float,
    ) -> None:
        """A chunk is committed.

        `seconds` is the time from the decision's begin to the commit, `transaction_seconds` the transaction's part of
        it, `delay_seconds` the age of the chunk's first record by its own timestamp.
        """

    def step_committed(
        self, kind: str, partition: int, *, counts: Counter[tuple[str, ...]], seconds: float, transaction_seconds: float
    ) -> None:
        """A step of long work, a chunk without records, is committed; the times are those of `chunk_committed`."""

    def measured(self, levels: Mapping[tuple[str, ...], int], observed: Sequence[tuple[str, float]]) -> None:
        """What a committed chunk or step has found: numbers that go up and down, and single values."""

    def transaction_aborted(self, kind: str, partition: int, error: BaseException) -> None:
        """A transaction was aborted; its chunk will be done again."""

    def task_state(self, kind: str, partition: int, state: str) -> None:
        """A task has changed its state."""

    def restore_progress(self, kind: str, partition: int, store: str, done: int, total: int) -> None:
        """A store has read `done` of `total` offsets of its changelog."""

    def lag(self, lags: Mapping[TopicPartition, int]) -> None:
        """Offsets between where the owned tasks stand and the real ends of their sources."""

    def brokers_answer(self, *, answer: bool) -> None:
        """Whether the brokers answered the latest question."""

    def assigned(self) -> None:
        """The group has told this worker what it owns."""

    def gate_timed_out(self, seconds: float) -> None:
        """Processing starts although not all inputs of the tables had been processed."""
