"""`streamproc worker` that writes down how long its event loop was held: `... -m tests.benchmarks.watched_worker FILE`.

While one thing holds the loop nothing else is decided or committed. It is told in the processor time of the loop's
thread, so what other processes take of the machine is not in it.
"""

import asyncio
import sys
from pathlib import Path
from time import perf_counter, thread_time

from streamproc import worker
from streamproc.app import Application
from streamproc.cli import main

EVERY_SECONDS = 0.005
NOTED_SECONDS = 0.01

_work = worker._work


async def _watched_work(application: Application, stop: asyncio.Event) -> None:
    watching = asyncio.create_task(_watch(Path(sys.argv[1])))
    await _work(application, stop)
    watching.cancel()


async def _watch(file: Path) -> None:
    """Append a line for each long stretch: when it ended, and for how long, in seconds."""
    with file.open("a", buffering=1) as lines:
        before = thread_time()
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            now = thread_time()
            if now - before > NOTED_SECONDS:
                lines.write(f"{perf_counter()} {now - before}\n")
            before = now


if __name__ == "__main__":
    vars(worker)["_work"] = _watched_work
    main(["worker"])
