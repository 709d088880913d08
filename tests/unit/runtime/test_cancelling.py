"""Ending a task of the event loop for certain."""

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest
from mode.threads import ServiceThread

from streamproc.runtime.cancelling import cancel_and_wait
from streamproc.runtime.transport import ChunkConsumerThread


async def deaf(times: int) -> None:
    """Wait for ever, and take so many cancellations for somebody else's."""
    for _ in range(times):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()


async def test_a_task_that_takes_a_cancellation_for_somebody_elses_is_ended_all_the_same() -> None:
    tasks = [asyncio.create_task(deaf(times)) for times in (0, 1)]
    await asyncio.sleep(0)
    await cancel_and_wait(*tasks)
    assert all(task.cancelled() for task in tasks)


async def test_control_to_be_cancelled_once_does_not_end_it() -> None:
    task = asyncio.create_task(deaf(1))
    await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=0.05)
    assert not done
    await cancel_and_wait(task)


async def test_a_task_that_has_ended_keeps_what_it_ended_with() -> None:
    task = asyncio.create_task(asyncio.sleep(0, "said"))
    await task
    await cancel_and_wait(task)
    assert await task == "said"


async def end_of_thread(kind: type[ServiceThread], within: float) -> None:
    """Let a thread of this kind, of which this is the event loop, end what its client has left running."""
    thread: Any = SimpleNamespace(thread_loop=asyncio.get_running_loop())
    async with asyncio.timeout(within):
        await kind._gather_remaining_tasks(thread)


async def test_the_thread_of_the_consumer_ends_whatever_its_client_has_left_running() -> None:
    left = [asyncio.create_task(deaf(times)) for times in (0, 1, 2)]
    await asyncio.sleep(0)
    await end_of_thread(ChunkConsumerThread, within=30)
    assert all(task.cancelled() for task in left)


async def test_control_a_thread_of_fausts_waits_for_ever() -> None:
    left = asyncio.create_task(deaf(1))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await end_of_thread(ServiceThread, within=0.05)
    await cancel_and_wait(left)
