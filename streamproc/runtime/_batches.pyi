from collections.abc import Sequence

from streamproc.processing.processor import OutputRecord

def build_batches(
    records: Sequence[OutputRecord], timestamp: int, producer_id: int, epoch: int, limit: int, /
) -> list[bytes]: ...
