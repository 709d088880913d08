"""The exceptions of streamproc.

StreamprocError
├── SettingsError          settings or flags are wrong; nothing was started
├── LocalBrokerError       the local broker could not be started or found
├── LocalPostgresError     the local database could not be started or found
├── LedgerUnavailable      the database of codes does not answer, or not as it should; try again later
└── FatalError             the worker must end; a restart restores
    ├── TaskFenced         another worker owns the task now
    └── DeadLetterLimitReached   too many dead letters in a row; a person has to look

Commands have some of their own under `StreamprocError`. What deciding code raises and catches itself, such as
`JobTooLarge` or `BadValue`, is no part of this tree.
"""


class StreamprocError(Exception):
    """Base of everything that this package raises on purpose, and that whoever runs it gets to read."""


class SettingsError(StreamprocError):
    """Settings or flags are wrong; all problems at once, one a line."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class LocalBrokerError(StreamprocError):
    """The local broker could not be started, found or stopped."""


class LocalPostgresError(StreamprocError):
    """The local database could not be started, found or stopped."""


class LedgerUnavailable(StreamprocError):
    """The database of codes cannot be used now: nothing was done, or it will be found done. Codes wait."""


class FatalError(StreamprocError):
    """The worker must end without committing anything further; a restart restores."""


class TaskFenced(FatalError):
    """Another worker has taken the task over; what this one had not committed is void."""


class DeadLetterLimitReached(FatalError):
    """More than the permitted share of the latest inputs became dead letters."""

    def __init__(self, *, dead: int, of: int, reasons: dict[str, int]) -> None:
        self.dead = dead
        self.of = of
        self.reasons = reasons
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        super().__init__(
            f"{dead} of the last {of} inputs became dead letters ({told}); nothing further was committed. "
            "Mend the source, or start with a higher --dead-letter-limit to let them pass."
        )
