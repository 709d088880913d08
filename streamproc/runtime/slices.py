"""Fetched batches to slices: a whole record batch at a time instead of record by record.

aiokafka turns each record into an object of its own in a generator, which costs as much as decoding it. A slice is
simply the batches' records one after the other, each with what a processor reads (offset, timestamp, key, value,
headers). What is visible is decided batch by batch, as in `aiokafka.consumer.fetcher.PartitionRecords`.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import ref

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from streamproc.errors import FatalError
from streamproc.runtime.records import append_records, is_intact

# What stands in a batch before the part of it that its length counts, and where the length is.
_UNCOUNTED_BYTES = 12
_LENGTH = slice(8, 12)


class FetchedBytes(MemoryRecords):  # type: ignore[misc]  # aiokafka has no types
    """What the client makes of the bytes that were fetched of a partition; it has them in a place only of its own."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data
        #: Where the next batch starts.
        self.position = 0

    def next_start(self) -> int:
        """Return where the batch starts that `next_batch` will return next, once for each."""
        start = self.position
        length = int.from_bytes(self.data[start + _LENGTH.start : start + _LENGTH.stop], "big")
        self.position = start + _UNCOUNTED_BYTES + length
        return start


fetcher.MemoryRecords = FetchedBytes  # (there is no public way)


def fetch_slices(consumer: AIOKafkaConsumer) -> None:
    """Make a started consumer, of which the isolation level is `read_committed`, return slices."""
    consumer._fetcher._records = _SliceResults()  # noqa: SLF001  (there is no public way)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a fetch stood, and whether it brought anything visible."""

    start: int
    end: int
    moved: bool
    empty: bool


class FetchedSlice(list[Any]):
    """The visible records of one fetch, and where they stand in the partition.

    `start` is the offset from which was fetched (fetches before it that brought nothing visible count in), `end` the
    one from which will be fetched next. `moved` tells that `start` is not the `end` of the slice before: somebody has
    moved the consumer, or the broker has nothing left of what came next.
    """

    __slots__ = ("end", "moved", "start")

    start: int
    end: int
    moved: bool


class _SliceResults(dict[TopicPartition, Any]):
    """What the fetcher has brought, by partition; each result is told to give slices as it is put here.

    A result has few objects and up to megabytes, so the garbage collector would come much too seldom: nothing of it may
    be in a cycle.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[TopicPartition, _Place] = {}

    def __setitem__(self, tp: TopicPartition, result: Any) -> None:
        if type(result) is FetchResult:
            result.getall = partial(self._take_all, tp, ref(result))
            # The generator for single records, which nobody needs here, refers to the records that refer to it.
            result._partition_records._records_iterator = None  # noqa: SLF001
        super().__setitem__(tp, result)

    def _take_all(self, tp: TopicPartition, fetched: "ref[FetchResult]", _limit: int | None = None) -> FetchedSlice:
        """Return all visible records of a fetch; nothing if the consumer has been moved since."""
        found, result = FetchedSlice(), fetched()
        assert result is not None  # whoever calls has it
        if not result.check_assignment(tp) or not result.has_more():
            return found
        source: PartitionRecords = result._partition_records  # noqa: SLF001
        start, last = source.next_fetch_offset, self._last.get(tp)
        if last is not None and last.end == start:
            found.start, found.moved = (last.start, last.moved) if last.empty else (start, False)
        else:
            found.start, found.moved = start, True
        while source._records.has_next():  # noqa: SLF001
            _take_batch(source, source._records, found)  # noqa: SLF001
        found.end = source.next_fetch_offset
        self._last[tp] = _Place(found.start, found.end, found.moved, not found)
        result._update_position()  # noqa: SLF001
        result._partition_records = None  # noqa: SLF001
        return found


def _take_batch(source: PartitionRecords, fetched: FetchedBytes, found: FetchedSlice) -> None:
    """Append the records of the next batch, unless it is a control batch or of an aborted transaction."""
    start, batch = fetched.next_start(), fetched.next_batch()
    intact = is_intact(fetched.data, start)
    if not (batch.validate_crc() if intact is None else intact):
        raise CorruptRecordException(f"Invalid CRC - {source._tp}")  # noqa: SLF001
    if _is_visible(source, batch):
        try:
            if not append_records(found, fetched.data, start, source.next_fetch_offset):
                # The batch may begin before the position.
                found.extend(record for record in batch if record.offset >= source.next_fetch_offset)
        except UnicodeDecodeError as error:
            raise _unreadable(source, batch, error) from error
        except ValueError as error:
            raise CorruptRecordException(f"{error} - {source._tp}") from error  # noqa: SLF001
    # Not the offset after the last record: compaction may have removed records from the batch's end.
    source.next_fetch_offset = batch.next_offset


def _unreadable(source: PartitionRecords, batch: Any, error: UnicodeDecodeError) -> FatalError:
    """Say where the record is that the client cannot parse. Without the record it cannot be parked either."""
    tp = source._tp  # noqa: SLF001
    return FatalError(
        f"{tp.topic}, partition {tp.partition}: a header name of a record is not UTF-8 ({error}); fetched from offset "
        f"{source.next_fetch_offset}, the record is in the batch of offsets {batch.base_offset} to "
        f"{batch.next_offset - 1}; see the runbook"
    )


def _is_visible(source: PartitionRecords, batch: Any) -> bool:
    if batch.producer_id is not None:
        source._consume_aborted_up_to(batch.base_offset)  # noqa: SLF001
        if batch.is_control_batch and source._contains_abort_marker(batch):  # noqa: SLF001
            source._aborted_producers.discard(batch.producer_id)  # noqa: SLF001
        if batch.is_transactional and batch.producer_id in source._aborted_producers:  # noqa: SLF001
            return False
    return not batch.is_control_batch
