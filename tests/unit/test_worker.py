"""What a worker does with its memory once its tasks are ready."""

import asyncio
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from streamproc import worker

LOOKS = 5


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done, in its order; looks follow each other at once."""
    done: list[str] = []

    def use_large_pages(gives_up: Callable[[], bool]) -> int:
        done.append("given up" if gives_up() else "large pages")
        return 0

    monkeypatch.setattr(worker, "LOOK_SECONDS", 0)
    monkeypatch.setattr(worker, "LOOKS_BEFORE_LARGE_PAGES", LOOKS)
    monkeypatch.setattr(worker, "use_large_pages", use_large_pages)
    collector = SimpleNamespace(collect=lambda: done.append("collect"), freeze=lambda: done.append("freeze"))
    monkeypatch.setattr(worker, "gc", collector)
    return done


class Tasks:
    """Tasks that answer one look after the other whether they are ready; after the last answer the worker ends."""

    owned = ("customer.0",)

    def __init__(self, answers: Iterable[bool]) -> None:
        self.over = asyncio.Event()
        self._answers = iter(answers)

    @property
    def ready(self) -> bool:
        for answer in self._answers:
            return answer
        self.over.set()
        return False


async def work(answers: Iterable[bool], *, is_told_to_stop: bool = False) -> None:
    """Let a worker work for so many looks."""
    tasks, stop = Tasks(answers), asyncio.Event()

    async def preflight() -> None: ...

    async def run(stop: asyncio.Event) -> bool:
        if is_told_to_stop:
            stop.set()
        return await tasks.over.wait()

    application: Any = SimpleNamespace(
        settings=SimpleNamespace(kafka="nowhere:9092", prefix=""),
        gate=SimpleNamespace(is_open=True),
        tasks=tasks,
        preflight=preflight,
        run=run,
    )
    await worker._work(application, stop)


async def test_what_is_restored_is_frozen_at_once_and_moved_after_having_been_ready_for_so_long(
    done: list[str],
) -> None:
    await work([True] * (LOOKS - 1))
    assert done == ["freeze"]
    done.clear()
    await work([True] * 3 * LOOKS)
    assert done == ["freeze", "large pages"]


async def test_after_a_rebalance_it_is_done_again_without_what_has_become_garbage(done: list[str]) -> None:
    await work([*[True] * LOOKS, False, *[True] * (LOOKS - 1), False, *[True] * LOOKS])
    assert done == ["freeze", "large pages", "collect", "freeze", "collect", "freeze", "large pages"]


async def test_what_is_not_ready_yet_is_left_alone(done: list[str]) -> None:
    await work([False] * 3 * LOOKS)
    assert done == []


async def test_a_worker_that_is_told_to_stop_moves_nothing_more(done: list[str]) -> None:
    await work([True] * LOOKS, is_told_to_stop=True)
    assert done == ["freeze", "given up"]
