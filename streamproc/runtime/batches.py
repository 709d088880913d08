"""Record batches of one transaction for one partition.

They are made in C (`_batches.c`); where that is not there (no compiler, another processor) the client's builder makes
the same, record by record.
"""

from collections.abc import Sequence
from typing import Any

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streamproc.processing.processor import OutputRecord

_MAGIC = 2
_UNCOMPRESSED = 0


def build_one_by_one(
    records: Sequence[OutputRecord], timestamp: int, producer_id: int, epoch: int, limit: int
) -> list[bytes]:
    """Cut records into batches of at most so many bytes, numbered from 0; a batch always takes at least one record.

    `timestamp` is that of all records, in milliseconds.
    """

    def begin(sequence: int) -> Any:
        return DefaultRecordBatchBuilder(
            _MAGIC,
            _UNCOMPRESSED,
            is_transactional=1,
            producer_id=producer_id,
            producer_epoch=epoch,
            base_sequence=sequence,
            batch_size=limit,
        )

    built, sequence, count = [], 0, 0
    batch = begin(sequence)
    for key, value, headers in records:
        if batch.append(count, timestamp, key, value, headers) is None:
            built.append(bytes(batch.build()))
            sequence, count = sequence + count, 0
            batch = begin(sequence)
            batch.append(count, timestamp, key, value, headers)
        count += 1
    if count:
        built.append(bytes(batch.build()))
    return built


try:
    from streamproc.runtime._batches import build_batches
except ImportError:  # pragma: no cover  (depends on the installation)
    build_batches = build_one_by_one

__all__ = ["build_batches", "build_one_by_one"]
