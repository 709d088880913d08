"""Slices become chunks in their order, each record exactly once."""

import asyncio

from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streamproc.processing.processor import Record
from streamproc.runtime.chunks import MOST_SLICES, WaitingSlices

EVENTS = TopicPartition("events", 3)
PROFILES = TopicPartition("profiles", 3)


def records(first: int, count: int) -> list[Record]:
    return [Record(offset, 0, None, b"") for offset in range(first, first + count)]


async def test_a_chunk_takes_slices_of_several_sources_and_commits_the_offset_after_each_last_record() -> None:
    waiting = WaitingSlices(limit=10)
    done: list[str] = []
    waiting.add(EVENTS, records(5, 3), lambda: done.append("events"))
    waiting.add(PROFILES, records(0, 2), lambda: done.append("profiles"))
    chunk = waiting.take(100)
    assert chunk is not None
    assert chunk.ends == {EVENTS: 8, PROFILES: 2}
    assert chunk.records == 5
    assert done == []
    for finished in chunk.finished:
        finished()
    assert done == ["events", "profiles"]


async def test_a_long_slice_is_acknowledged_only_with_its_last_part() -> None:
    waiting = WaitingSlices(limit=10)
    waiting.add(EVENTS, records(0, 5), lambda: None)
    first, second = waiting.take(3), waiting.take(3)
    assert first is not None
    assert second is not None
    assert (first.ends, first.finished) == ({EVENTS: 3}, [])
    assert second.ends == {EVENTS: 5}
    assert len(second.finished) == 1


async def test_a_gap_in_the_offsets_is_kept() -> None:
    waiting = WaitingSlices(limit=10)
    waiting.add(EVENTS, [Record(2, 0, None, b""), Record(9, 0, None, b"")], lambda: None)
    chunk = waiting.take(10)
    assert chunk is not None
    assert chunk.ends == {EVENTS: 10}


async def test_dropping_acknowledges_everything_and_makes_room() -> None:
    waiting = WaitingSlices(limit=2)
    done: list[int] = []
    waiting.add(EVENTS, records(0, 2), lambda: done.append(1))
    assert not waiting.has_room
    waiting.drop()
    assert (done, waiting.has_room, waiting.take(10)) == ([1], True, None)


async def test_who_waits_learns_that_everything_was_dropped() -> None:
    waiting = WaitingSlices(limit=2)
    waiter = asyncio.create_task(waiting.wait())
    await asyncio.sleep(0)
    assert not waiter.done()
    waiting.drop()
    await asyncio.wait_for(waiter, 5)


async def test_nothing_to_take_lets_the_waiter_wait_again() -> None:
    waiting = WaitingSlices(limit=2)
    waiting.drop()
    assert waiting.take(1) is None
    waiting.add(EVENTS, records(0, 1), lambda: None)
    await waiting.wait()
    assert waiting.take(1) is not None


async def test_waiting_ends_after_its_time_when_nothing_comes() -> None:
    waiting = WaitingSlices(limit=2)
    await waiting.wait(0.001)
    assert not waiting.has_news
    waiting.add(EVENTS, records(0, 1), lambda: None)
    await waiting.wait(3600)
    assert waiting.has_news


@given(sizes=st.lists(st.integers(1, 7), max_size=10), limit=st.integers(1, 10))
def test_every_record_is_in_exactly_one_chunk_and_no_chunk_is_too_long(sizes: list[int], limit: int) -> None:
    waiting = WaitingSlices(limit=1000)
    first = 0
    for size in sizes:
        waiting.add(EVENTS, records(first, size), lambda: None)
        first += size
    taken = []
    while (chunk := waiting.take(limit)) is not None:
        assert chunk.records <= limit
        taken += [record.offset for _, part in chunk.slices for record in part]
    assert taken == list(range(first))


async def test_many_small_slices_fill_the_queue_too() -> None:
    waiting = WaitingSlices(limit=1000)
    for offset in range(MOST_SLICES - 1):
        waiting.add(EVENTS, records(offset, 1), lambda: None)
    assert waiting.has_room
    waiting.add(EVENTS, records(MOST_SLICES, 1), lambda: None)
    assert not waiting.has_room
