"""A core for the process that is measured, the others for the broker and the bench.

That is what design.md's costs are for: one process on one core, a real broker beside it. Left to the scheduler, a
worker of a machine with two cores waits a fifth of the time for one of them.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from streamproc.local.kafka import existing_broker


@dataclass(frozen=True)
class Cores:
    """The core for what is measured, None where there is none to spare; how many there are for everything else."""

    own: int | None
    others: int

    def give(self, process_id: int) -> None:
        """Keep a process that has just been started on its core."""
        if self.own is not None:
            _move(process_id, [self.own])

    def told(self, what: str) -> str:
        """Say where what is measured runs, and where the rest does."""
        rest = "bench" if existing_broker() else "broker and bench"
        cores = "one core" if self.others == 1 else f"{self.others} cores"
        return f"{what} beside {rest}" if self.own is None else f"{what} on a core of its own, {rest} on {cores}"


@contextmanager
def one_core_left_free() -> Iterator[Cores]:
    """Keep this process and those that it has started off one core; a broker of somebody else stays where it is."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        yield Cores(None, len(cores))
        return
    _keep_on(cores[:-1])
    try:
        yield Cores(cores[-1], len(cores) - 1)
    finally:
        _keep_on(cores)


def _keep_on(cores: Sequence[int]) -> None:
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        _move(process.pid, cores)


def _move(process_id: int, cores: Sequence[int]) -> None:
    """Move all threads of a process, also those that come meanwhile; one that ends is let go."""
    moved: set[int] = set()
    with suppress(psutil.NoSuchProcess):
        while found := {thread.id for thread in psutil.Process(process_id).threads()} - moved:
            for thread in found:
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(thread, cores)
            moved |= found
