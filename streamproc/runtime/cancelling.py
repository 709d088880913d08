"""Ending a task of the event loop for certain."""

import asyncio
from typing import Any

CANCEL_AGAIN_SECONDS = 1.0


async def cancel_and_wait(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel the tasks until each has ended; what they ended with is not told here.

    Once is not enough: a client of aiokafka that is just being stopped takes a cancellation for that of its own
    routines, and so does `asyncio.wait_for` until Python 3.11 in the moment in which what it waits for is done.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)  # nobody else need look at their errors


async def end_other_tasks() -> None:
    """Cancel everything else in this event loop until it has ended."""
    own = asyncio.current_task()
    await cancel_and_wait(*(task for task in asyncio.all_tasks() if task is not own))
