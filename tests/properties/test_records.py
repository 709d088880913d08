"""Records of batches are read in C as the client reads them, and what is no batch is refused."""

from typing import Any

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from hypothesis import assume, given
from hypothesis import strategies as st

from streamproc.runtime.records import append_records, is_intact

_records = pytest.importorskip("streamproc.runtime._records", reason="nothing is read in C here")

# Where one byte more is needed for a length: from 64 on, and from 8,192.
LENGTHS = st.sampled_from([0, 1, 62, 63, 64, 65, 300, 8191, 8192])
TEXTS = st.none() | st.binary(max_size=80) | LENGTHS.map(bytes)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | LENGTHS.map("n".__mul__)
TIMES = st.integers(0, 2**62) | st.just(1_764_000_000_000)
RECORDS = st.lists(st.tuples(TIMES, TEXTS, TEXTS, st.lists(st.tuples(NAMES, TEXTS), max_size=3)), max_size=40)
OFFSETS = st.integers(0, 2**62)
_CHECKSUM, _COVERED = slice(17, 21), 21
_ATTRIBUTES, _LAST_TIMESTAMP = slice(21, 23), slice(35, 43)
_IS_APPEND_TIME = 0x08
GZIP = 1


def make_batch(records: list[Any], first_offset: int = 0, *, compression: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, 0, 1 << 30)
    for number, record in enumerate(records):
        builder.append(number, *record)
    return first_offset.to_bytes(8, "big") + bytes(builder.build())[8:]


def with_checksum(batch: bytes) -> bytes:
    checksum: int = calc_crc32c(batch[_COVERED:])
    return batch[: _CHECKSUM.start] + checksum.to_bytes(4, "big") + batch[_COVERED:]


def told(records: list[Any]) -> list[Any]:
    return [(one.offset, one.timestamp, one.key, one.value, list(one.headers)) for one in records]


def read_by_client(batch: bytes) -> list[Any]:
    found = MemoryRecords(batch).next_batch()
    assert found is not None
    return told(list(found))


def read_in_c(data: bytes, start: int = 0, first: int = -(2**63)) -> list[Any]:
    found: list[Any] = []
    assert append_records(found, data, start, first)
    return told(found)


@given(records=RECORDS, first_offset=OFFSETS)
def test_the_records_are_those_that_the_client_reads(records: list[Any], first_offset: int) -> None:
    batch = make_batch(records, first_offset)
    assert is_intact(batch, 0) is True
    assert read_in_c(batch) == read_by_client(batch)


@given(records=RECORDS, before=st.binary(max_size=100), behind=st.binary(max_size=100))
def test_a_batch_is_read_wherever_it_stands(records: list[Any], before: bytes, behind: bytes) -> None:
    batch = make_batch(records, 7)
    data = before + batch + behind
    assert is_intact(data, len(before)) is True
    assert read_in_c(data, len(before)) == read_by_client(batch)


@given(records=RECORDS, first=st.integers(0, 50))
def test_records_before_the_offset_are_left_out_and_what_was_found_before_stays(records: list[Any], first: int) -> None:
    batch = make_batch(records, 5)
    found: list[Any] = ["before"]
    assert append_records(found, batch, 0, first)
    assert found[0] == "before"
    assert told(found[1:]) == [record for record in read_by_client(batch) if record[0] >= first]


@given(records=RECORDS, last=TIMES)
def test_where_the_broker_sets_the_time_it_is_that_of_the_batch(records: list[Any], last: int) -> None:
    batch = bytearray(make_batch(records))
    batch[_ATTRIBUTES] = _IS_APPEND_TIME.to_bytes(2, "big")
    batch[_LAST_TIMESTAMP] = last.to_bytes(8, "big")
    batch = bytearray(with_checksum(bytes(batch)))
    assert {record[1] for record in read_in_c(bytes(batch))} <= {last}
    assert read_in_c(bytes(batch)) == read_by_client(bytes(batch))


@given(records=RECORDS, place=st.integers(0, 2**16), bit=st.integers(0, 7))
def test_a_bit_that_is_wrong_is_noticed_by_the_checksum(records: list[Any], place: int, bit: int) -> None:
    batch = bytearray(make_batch(records))
    covered = len(batch) - _COVERED
    batch[_COVERED + place % covered] ^= 1 << bit
    assert is_intact(bytes(batch), 0) is False


@given(
    records=RECORDS,
    # The client takes a record's attributes, one byte, for a number of variable length.
    changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 127)), min_size=1, max_size=3),
    cut=st.integers(0, 3),
)
def test_whatever_stands_behind_a_right_checksum_is_read_as_by_the_client_or_refused(
    records: list[Any], changes: list[tuple[int, int]], cut: int
) -> None:
    batch = bytearray(make_batch(records))
    for place, byte in changes:
        batch[_COVERED + place % (len(batch) - _COVERED)] = byte
    if cut and len(batch) - cut >= 61:
        del batch[-cut:]
        batch[8:12] = (len(batch) - 12).to_bytes(4, "big")
    # Compressed ones are the client's, and it reads no records where it is told of fewer than none.
    assume(not batch[22] & 7)
    assume(batch[57] < 0x80)
    data = with_checksum(bytes(batch))
    try:
        expected = read_by_client(data)
    except (CorruptRecordException, UnicodeDecodeError, OverflowError, MemoryError):
        expected = None
    try:
        found = read_in_c(data)
    except ValueError:
        found = None
    assert found == expected


ENDLESS = b"\x80" * 10


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x80", id="a length without end"),
        pytest.param(ENDLESS + b"\x00", id="a length of more than 64 bits"),
        pytest.param(b"\x00", id="a length of nothing"),
        pytest.param(b"\x01", id="a length below nothing"),
        pytest.param(b"\x10\x00\x00\x00", id="a length beyond the end"),
        pytest.param(b"\x02\x00", id="attributes only"),
        pytest.param(b"\x0c\x00\x00\x00\x04\x01\x00", id="a key beyond the end"),
        pytest.param(b"\x0c\x00\x00\x00\x01\x04\x00", id="a value beyond the end"),
        pytest.param(b"\x0c\x00\x00\x00\x01\x01\x01", id="fewer headers than none"),
        pytest.param(b"\x0c\x00\x00\x00\x01\x01\x02", id="a header beyond the end"),
        pytest.param(b"\x10\x00\x00\x00\x01\x01\x02\x01\x00", id="a header without a name"),
        pytest.param(b"\x0e\x00\x00\x00\x01\x01\x00\x00", id="something behind its headers"),
        pytest.param(b"\x0c\x00\x00\x00\x01\x01\x00\x00", id="something behind it"),
    ],
)
def test_what_is_no_record_is_refused(record: bytes) -> None:
    head = bytearray(make_batch([(0, b"key", b"value", [])])[:61])
    head[8:12] = (len(head) + len(record) - 12).to_bytes(4, "big")
    with pytest.raises(ValueError, match="no record"):
        append_records([], with_checksum(bytes(head) + record), 0, 0)


@given(records=RECORDS, size=st.integers(0, 2**16))
def test_of_a_batch_that_is_cut_off_nothing_is_read(records: list[Any], size: int) -> None:
    batch = make_batch(records)
    piece = batch[: size % len(batch)]
    with pytest.raises(ValueError, match="no whole batch"):
        is_intact(piece, 0)
    with pytest.raises(ValueError, match="no whole batch"):
        append_records([], piece, 0, 0)


@pytest.mark.parametrize("start", [-1, 1, 2**40])
def test_a_place_beside_the_batch_is_refused(start: int) -> None:
    with pytest.raises(ValueError, match="no whole batch"):
        is_intact(make_batch([(0, b"key", b"value", [])]), start)


def test_what_is_compressed_or_of_an_older_version_is_left_to_the_client() -> None:
    found: list[Any] = []
    batch = make_batch([(0, b"key", b"value", [])], compression=GZIP)
    assert is_intact(batch, 0) is True
    assert append_records(found, batch, 0, 0) is False
    builder = LegacyRecordBatchBuilder(1, 0, 1 << 20)
    builder.append(0, 1000, b"k", b"v")
    older = bytes(builder.build())
    assert len(older) < 61
    assert is_intact(older, 0) is None
    assert append_records(found, older, 0, 0) is False
    assert found == []


@pytest.mark.parametrize("data", [None, "text", bytearray(100)])
def test_what_is_no_bytes_is_refused(data: Any) -> None:
    with pytest.raises(TypeError):
        is_intact(data, 0)
    with pytest.raises(TypeError):
        append_records([], data, 0, 0)
