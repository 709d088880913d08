"""Waiting for what must come to pass, without a fixed sleep."""

import asyncio
from collections.abc import Callable
from time import monotonic


async def eventually(true: Callable[[], bool], *, within: float = 30.0, what: str = "the condition") -> None:
    """Return as soon as it holds; fail when it has not come to hold in so many seconds."""
    deadline = monotonic() + within
    while not true():
        assert monotonic() < deadline, f"{what} did not hold within {within} s"
        await asyncio.sleep(0.02)
