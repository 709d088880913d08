"""The one seam between what decides and what does I/O.

A `Processor` is synchronous and has no clock, no await and no I/O. Its host gives it slices of records and the
stores and tables of its task, and gets back an `Output`. The host makes the output true (in one Kafka
transaction, as lines on standard output, or as lists in a test), or throws it away together with the processor
and builds a new one from the committed stores.

Work that is too long for one chunk is done in steps: the processor names a time (`wake_at`), and its host gives it a
chunk without records then. What a step leaves in the stores is where the next one, or a new processor, goes on.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

# A list, because the client's compiled batch builder takes nothing else. It takes null values, and gives them back.
Headers = list[tuple[str, bytes]] | list[tuple[str, bytes | None]]
OutputRecord = tuple[bytes | None, bytes | None, Headers]


class SourceRecord(Protocol):
    """What a processor reads of a record; aiokafka's ConsumerRecord and `Record` both fit."""

    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int:  # noqa: D102  (milliseconds since the epoch)
        ...
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Record:
    """A source record made by hand: for files, tests and samples."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


@dataclass(frozen=True, slots=True)
class Slice:
    """Consecutive records of one topic partition. `topic` is the logical name, without the prefix."""

    topic: str
    partition: int
    records: Sequence[SourceRecord]


@dataclass(slots=True)
class Output:
    """What follows from one chunk: records to write, by logical topic and partition, and counts to publish.

    The changelog records of the stores are not in here: the host takes them from what the stores have staged.
    The key of a count is the metric's name followed by its label values. `levels` are numbers that go up and down, by
    such keys, as they are after the chunk; `observed` are single values, each with its metric's name.
    """

    records: dict[tuple[str, int], list[OutputRecord]] = field(default_factory=dict)
    counts: Counter[tuple[str, ...]] = field(default_factory=Counter)
    levels: dict[tuple[str, ...], int] = field(default_factory=dict)
    observed: list[tuple[str, float]] = field(default_factory=list)

    def lane(self, topic: str, partition: int) -> list[OutputRecord]:
        """Return the list to which records for this topic partition are appended."""
        return self.records.setdefault((topic, partition), [])


class Store(Protocol):
    """The keyed state of one task. Writes are staged until the host commits the chunk."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value as this chunk sees it: staged first, then committed."""

    def put(self, key: bytes, value: bytes) -> None:
        """Stage a value."""

    def delete(self, key: bytes) -> None:
        """Stage a deletion."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Walk everything committed, in no particular order; used when a processor is built."""


class OrderedStore(Store, Protocol):
    """A store that can be walked in the order of its keys while it changes: what is committed, piece by piece."""

    def __len__(self) -> int:
        """Return how many keys are committed."""

    def keys_after(self, key: bytes | None, limit: int) -> list[bytes]:
        """Return the first committed keys after this one, in order; None begins with the first of all."""

    def count_after(self, key: bytes | None) -> int:
        """Return how many committed keys come after this one."""


class Processor(Protocol):
    """Decides for one task."""

    @property
    def wake_at(self) -> int | None:
        """When it wants `process([], now)`, in milliseconds by the host's clock: long work, or something that is due.

        A time in the past is at once; None waits for records. The host asks anew after each chunk and each step.
        """

    def process(self, slices: Sequence[Slice], now: int) -> Output:
        """Decide for one chunk, or, without slices, take one step of the work that is waiting for its time.

        `now` is the host's clock, milliseconds since the epoch. A step is short: it holds up everything else.

        Raises `FatalError` when the worker must stop. Any other exception is a defect.
        """
