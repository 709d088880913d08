"""Batches made in C are those that the client makes, and the client reads them."""

from collections.abc import Callable, Sequence

import pytest
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from streamproc.processing.processor import OutputRecord
from streamproc.runtime.batches import build_batches, build_one_by_one

NOW = 1_764_000_000_000
NO_LIMIT = 1 << 30
LIMIT = 700
# Where one byte more is needed for a length: from 64 on, and from 8,192.
LENGTHS = st.sampled_from([0, 1, 62, 63, 64, 65, 300, 8191, 8192])
TEXTS = st.none() | st.binary(max_size=80) | LENGTHS.map(bytes)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | LENGTHS.map("n".__mul__)
RECORDS = st.lists(st.tuples(TEXTS, TEXTS, st.lists(st.tuples(NAMES, TEXTS), max_size=3)), max_size=130)
Build = Callable[[Sequence[OutputRecord], int, int, int, int], list[bytes]]
BUILDS = [pytest.param(build_batches, id="in C"), pytest.param(build_one_by_one, id="one by one")]


@given(records=RECORDS, producer_id=st.integers(0, 2**63 - 1), epoch=st.integers(0, 2**15 - 1))
def test_what_fits_into_one_batch_is_the_same_to_the_byte(
    records: list[OutputRecord], producer_id: int, epoch: int
) -> None:
    given = (records, NOW, producer_id, epoch, NO_LIMIT)
    built = build_batches(*given)
    assert len(built) == bool(records)
    assert built == build_one_by_one(*given)


@pytest.mark.parametrize("build", BUILDS)
@given(records=RECORDS)
def test_batches_hold_all_records_in_order_and_no_more_than_the_limit(
    build: Build, records: list[OutputRecord]
) -> None:
    read: list[OutputRecord] = []
    for bytes_ in build(records, NOW, 7, 3, LIMIT):
        batch = MemoryRecords(bytes_).next_batch()
        assert batch is not None
        assert batch.validate_crc()
        assert (batch.is_transactional, batch.producer_id, batch.producer_epoch) == (True, 7, 3)
        assert batch.base_sequence == len(read)
        found = list(batch)
        assert [record.offset for record in found] == list(range(len(found)))
        assert {record.timestamp for record in found} == {NOW}
        assert len(bytes_) <= LIMIT or len(found) == 1
        read += [(record.key, record.value, [(name, value) for name, value in record.headers]) for record in found]
    assert read == records


@pytest.mark.parametrize("build", BUILDS)
def test_a_batch_is_filled_before_the_next_one_begins(build: Build) -> None:
    records: list[OutputRecord] = [(b"key", bytes(90), [])] * 100
    sizes = [len(batch) for batch in build(records, NOW, 7, 3, LIMIT)]
    assert min(sizes[:-1]) > LIMIT - 101


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(
    "record",
    [
        pytest.param(("key", b"value", []), id="a text as key"),
        pytest.param((b"key", 7, []), id="a number as value"),
        pytest.param((b"key", b"value", None), id="no headers"),
        pytest.param((b"key", b"value", [("name", "value")]), id="a text in a header"),
        pytest.param((b"key", b"value", [(b"name", b"value")]), id="bytes as a header's name"),
        pytest.param((b"key", b"value", [("\ud800", b"value")]), id="a name that is not Unicode"),
    ],
)
def test_what_is_no_record_is_refused(build: Build, record: OutputRecord) -> None:
    with pytest.raises((TypeError, AttributeError, UnicodeEncodeError)):
        build([(b"key", b"value", []), record], NOW, 7, 3, LIMIT)
