"""Slices: whole batches, aborted transactions left out, and the place of each slice in its partition."""

import weakref
from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from streamproc.errors import FatalError
from streamproc.runtime.slices import FetchedBytes, FetchedSlice, _SliceResults

TP = TopicPartition("events", 0)
GZIP = 1


class Position:
    """The part of the client's subscription state that a fetch result looks at."""

    active = True
    paused = False

    def __init__(self, position: int) -> None:
        self.position = position

    def state_value(self, _: TopicPartition) -> "Position":
        return self

    def consumed_to(self, position: int) -> None:
        self.position = position


def batch(base: int, count: int, *, producer: int = -1, compression: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(2, compression, int(producer >= 0), producer, 0, base, 1 << 20)
    for offset in range(count):
        builder.append(offset, 1000 + base + offset, b"key", b"%d" % (base + offset), [])
    data = bytearray(builder.build())
    data[0:8] = base.to_bytes(8, "big")
    return bytes(data)


def fetch(
    results: _SliceResults, position: Position, data: bytes, aborted: list[tuple[int, int]] | None = None
) -> FetchedSlice:
    records = PartitionRecords(
        TP, FetchedBytes(data), aborted or [], position.position, None, None, True, READ_COMMITTED
    )
    results[TP] = FetchResult(TP, assignment=position, partition_records=records, backoff=0)
    result = results.pop(TP)
    taken: Any = result.getall(None)
    assert isinstance(taken, FetchedSlice)
    return taken


def offsets(taken: FetchedSlice) -> list[int]:
    return [record.offset for record in taken]


def test_a_slice_is_all_batches_of_a_fetch_and_the_position_goes_behind_them() -> None:
    position = Position(0)
    taken = fetch(_SliceResults(), position, batch(0, 2) + batch(2, 3))
    assert [(record.offset, record.timestamp, record.key, record.value) for record in taken] == [
        (n, 1000 + n, b"key", b"%d" % n) for n in range(5)
    ]
    assert (taken.start, taken.end, taken.moved, position.position) == (0, 5, True, 5)


def test_records_before_the_position_are_left_out() -> None:
    taken = fetch(_SliceResults(), Position(3), batch(0, 5))
    assert (offsets(taken), taken.start, taken.end) == ([3, 4], 3, 5)


def test_a_slice_that_follows_has_not_moved_and_one_after_a_seek_has() -> None:
    results, position = _SliceResults(), Position(0)
    fetch(results, position, batch(0, 2))
    following = fetch(results, position, batch(2, 2))
    position.position = 10
    sought = fetch(results, position, batch(10, 1))
    assert (following.start, following.moved) == (2, False)
    assert (sought.start, sought.moved) == (10, True)


def test_aborted_records_are_left_out_and_a_fetch_of_nothing_else_counts_to_the_next_slice() -> None:
    results, position = _SliceResults(), Position(0)
    nothing = fetch(results, position, batch(0, 3, producer=7), aborted=[(7, 0)])
    after = fetch(results, position, batch(3, 2))
    assert (offsets(nothing), position.position) == ([], 5)
    assert (offsets(after), after.start, after.end) == ([3, 4], 0, 5)


def test_a_result_of_another_position_brings_nothing() -> None:
    results, position = _SliceResults(), Position(0)
    records = PartitionRecords(TP, FetchedBytes(batch(0, 2)), [], 0, None, None, True, READ_COMMITTED)
    results[TP] = FetchResult(TP, assignment=position, partition_records=records, backoff=0)
    position.position = 1
    assert results[TP].getall(None) == []


def test_a_header_name_that_is_not_utf_8_is_fatal_and_says_where_it_is() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, 0, -1, 1 << 20)
    builder.append(0, 1000, b"key", b"value", [("name", b"")])
    data = bytearray(builder.build().replace(b"name", b"\xff\xff\xff\xff"))
    data[17:21] = calc_crc32c(data[21:]).to_bytes(4, "big")
    with pytest.raises(FatalError) as told:
        fetch(_SliceResults(), Position(0), bytes(data))
    assert str(told.value).startswith("events, partition 0: a header name of a record is not UTF-8")
    assert "fetched from offset 0, the record is in the batch of offsets 0 to 0" in str(told.value)


def test_a_batch_with_a_wrong_checksum_is_refused() -> None:
    data = bytearray(batch(0, 2))
    data[-2] ^= 1  # of the last value
    with pytest.raises(CorruptRecordException, match="partition=0"):
        fetch(_SliceResults(), Position(0), bytes(data))


def test_what_is_no_record_behind_a_right_checksum_is_refused() -> None:
    data = bytearray(batch(0, 2))
    data[57:61] = (3).to_bytes(4, "big")  # one record more than there is
    data[17:21] = calc_crc32c(data[21:]).to_bytes(4, "big")
    with pytest.raises(CorruptRecordException, match="partition=0"):
        fetch(_SliceResults(), Position(0), bytes(data))


@pytest.mark.parametrize("version", [0, 1])
def test_messages_of_the_old_formats_are_read(version: int) -> None:
    builder = LegacyRecordBatchBuilder(version, 0, 1 << 20)
    for offset in range(2):
        builder.append(offset, 1000, b"key", b"%d" % offset)
    taken = fetch(_SliceResults(), Position(1), bytes(builder.build()))
    assert (offsets(taken), taken.end) == ([1], 2)


def test_compressed_batches_stand_beside_others() -> None:
    data = batch(0, 3, compression=GZIP) + batch(3, 2) + batch(5, 2, compression=GZIP) + batch(7, 1) + batch(8, 1)[:-1]
    position = Position(1)
    taken = fetch(_SliceResults(), position, data)
    assert [(record.offset, record.value) for record in taken] == [(n, b"%d" % n) for n in range(1, 8)]
    assert (taken.start, taken.end, position.position) == (1, 8, 8)


def held_until_now(records: list["weakref.ref[PartitionRecords]"]) -> list[PartitionRecords]:
    return [one for ref in records if (one := ref()) is not None]


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("end", ["taken", "moved away", "dropped"])
def test_what_a_fetch_has_brought_goes_without_the_garbage_collector(end: str) -> None:
    results, position, held = _SliceResults(), Position(0), []
    for base in range(0, 30, 10):
        records = PartitionRecords(TP, FetchedBytes(batch(base, 10)), [], base, None, None, True, READ_COMMITTED)
        held.append(weakref.ref(records))
        results[TP] = FetchResult(TP, assignment=position, partition_records=records, backoff=0)
        del records
        position.position = 1_000 if end == "moved away" else base
        result = results.pop(TP)
        if end != "dropped":
            result.getall(None)
        del result
    assert held_until_now(held) == []


@pytest.mark.usefixtures("no_collector")
def test_control_the_clients_own_records_wait_for_the_garbage_collector() -> None:
    records = PartitionRecords(TP, FetchedBytes(batch(0, 10)), [], 0, None, None, True, READ_COMMITTED)
    held = [weakref.ref(records)]
    del records
    assert len(held_until_now(held)) == 1
