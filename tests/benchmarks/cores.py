"""A core for the process that is measured, the others for the broker and the bench.

That is what design.md's costs are for: one process on one core, a real broker beside it. Left to the scheduler, a
worker of a machine with two cores waits a fifth of the time for one of them.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil


@contextmanager
def one_core_left_free() -> Iterator[int | None]:
    """Keep this process and those it has started off one core; yields its number, None if there is none to spare.

    A broker that was not started by this process stays where it is.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        yield None
        return
    _keep_on(cores[:-1])
    try:
        yield cores[-1]
    finally:
        _keep_on(cores)


def on_core(core: int | None, command: Sequence[str]) -> list[str]:
    """Return the command, to be run on this core alone."""
    return list(command) if core is None else ["taskset", "--cpu-list", str(core), *command]


def told_core(core: int | None) -> str:
    """Say where the measured process ran."""
    return "one worker process" if core is None else "one worker process on a core of its own"


def _keep_on(cores: Sequence[int]) -> None:
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        for thread in process.threads():
            os.sched_setaffinity(thread.id, cores)
