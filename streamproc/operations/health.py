"""Health of a worker: `/healthz` (restart me when this says no) and `/readyz` (I am doing my work)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# A worker with records to process that has committed nothing for so long is stuck.
STUCK_SECONDS = 60.0


@dataclass(slots=True)
class Health:
    """What is known, and the two answers. Times are the host's monotonic seconds. Topics are physical names.

    A crashed agent or task is no answer here: it ends the process at once.
    """

    started_at: float
    tables_read: bool = False
    assigned: bool = False
    tasks_by_state: dict[tuple[str, int], str] = field(default_factory=dict)
    lags: dict[tuple[str, int], int] = field(default_factory=dict)
    brokers_answer: bool = True
    #: While the database of codes does not answer, being behind with requests for codes is no reason for a restart.
    ledger_answers: bool = True
    code_requests: str = ""
    progress_at: float = 0.0

    def healthy(self, now: float) -> Mapping[str, str]:
        """Return what is wrong, by check; empty when nothing is. Answering at all shows that the event loop turns."""
        problems = {}
        behind = sum(lag for (topic, _), lag in self.lags.items() if self.ledger_answers or topic != self.code_requests)
        silent = now - max(self.progress_at, self.started_at)
        running = bool(self.tasks_by_state) and not self._unready()
        if behind and running and self.brokers_answer and silent > STUCK_SECONDS:
            problems["progress"] = f"{behind} records behind and nothing committed for {silent:.0f} s"
        return problems

    def ready(self) -> Mapping[str, str]:
        """Return what is not ready, by check; empty when everything is."""
        problems = {}
        if not self.brokers_answer:
            problems["brokers"] = "the brokers do not answer"
        if not self.tables_read:
            problems["tables"] = "the configuration is being read"
        if not self.assigned:
            problems["assignment"] = "not known yet"
        if unready := self._unready():
            problems["tasks"] = ", ".join(
                f"{kind}.{partition} {state}" for (kind, partition), state in sorted(unready.items())
            )
        return problems

    def _unready(self) -> dict[tuple[str, int], str]:
        return {task: state for task, state in self.tasks_by_state.items() if state != "running"}
