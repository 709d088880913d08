"""Finds out who of all customers belongs to something, by their states in `customer-state`.

The topic is read partition by partition, and the last record of a customer counts. Kept in memory is where that
record stands, of each customer of one partition; the few that are shown are fetched again by their places.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from heapq import nsmallest
from itertools import chain, groupby

from aiokafka.structs import TopicPartition

from streamproc.cli.progress import Progress
from streamproc.cli.reading import Consumed, assigned, partitions_of
from streamproc.domain.customers import CustomerState, decode_customer, latest
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic

#: Tells whether a customer, by state and id, belongs to it at a time.
Belongs = Callable[[CustomerState, str, datetime], bool]

_POLL_MILLISECONDS = 100
_PATIENCE_MILLISECONDS = 5_000
_ONE_FETCH_BYTES = 64 * 1024  # a customer; brokers send one that is larger all the same
_NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Found:
    """How many customers there are, how many of them belong, and some of those by id.

    A customer of the sample who has changed while the others were read has no state here.
    """

    customers: int = 0
    matching: int = 0
    sample: list[tuple[str, CustomerState | None]] = field(default_factory=list)


class Tally:
    """What the records of one partition have told so far; the last one of each customer counts.

    Decided at `now`, or at the customer's own latest time if that is later: as the worker would, were it asked now.
    """

    def __init__(self, belongs: Belongs, now: datetime) -> None:
        self._belongs = belongs
        self._now = now
        self._places: dict[bytes, int] = {}

    def take(self, key: bytes, value: bytes | None, offset: int) -> None:
        """Take a record; a null forgets the customer."""
        if value is None:
            self._places.pop(key, None)
            return
        state = decode_customer(value)
        belongs = self._belongs(state, key.decode(), latest(state.now, self._now))
        self._places[key] = offset if belongs else _NOWHERE

    @property
    def customers(self) -> int:
        """How many customers there are."""
        return len(self._places)

    def matching(self) -> Iterator[tuple[bytes, int]]:
        """Yield key and place of each customer that belongs."""
        return ((key, offset) for key, offset in self._places.items() if offset != _NOWHERE)


# Whose lot is among the smallest is shown: drawn from all, whatever the order of ids, and the same each time.
_Shown = tuple[bytes, bytes, TopicPartition, int]


async def search(kafka: Kafka, belongs: Belongs, now: datetime, sample: int) -> Found:
    """Ask about every customer that is known now, and give a sample of at most so many that belong."""
    customers = matching = 0
    shown: list[_Shown] = []
    spans = await _spans(kafka)
    progress = Progress("records", total=sum(end - begin for _, begin, end in spans))
    for partition, begin, end in spans:
        tally = Tally(belongs, now)
        await _read(kafka, partition, begin, end, tally, progress)
        customers += tally.customers
        matching += sum(1 for _ in tally.matching())
        drawn = ((_lot(key), key, partition, offset) for key, offset in tally.matching())
        shown = nsmallest(sample, chain(shown, drawn))
    progress.end()
    return Found(customers, matching, await _fetch(kafka, shown))


async def _spans(kafka: Kafka) -> list[tuple[TopicPartition, int, int]]:
    """Return each partition that has records, with its first offset and its end."""
    partitions = await partitions_of(kafka, [Topic.CUSTOMER_STATE])
    async with assigned(kafka, ()) as reader:
        begins, ends = await reader.beginning_offsets(partitions), await reader.end_offsets(partitions)
    return [
        (partition, begins[partition], ends[partition])
        for partition in sorted(partitions)
        if begins[partition] < ends[partition]
    ]


def _lot(key: bytes) -> bytes:
    return blake2b(key, digest_size=8).digest()


async def _read(
    kafka: Kafka, partition: TopicPartition, begin: int, end: int, tally: Tally, progress: Progress
) -> None:
    position = begin
    async with assigned(kafka, [partition]) as reader:
        reader.seek(partition, begin)
        while position < end:
            for records in (await reader.getmany(timeout_ms=_POLL_MILLISECONDS)).values():
                for record in records:
                    if record.offset < end:
                        tally.take(record.key, record.value, record.offset)
            before, position = position, await reader.position(partition)
            progress.add(position - before)


async def _fetch(kafka: Kafka, shown: list[_Shown]) -> list[tuple[str, CustomerState | None]]:
    """Return the states of some customers, by their ids."""
    states = []
    # Each partition with a reader of its own: what is fetched of one holds up going to and fro in the others.
    for partition, several in groupby(sorted(shown, key=_place), lambda one: one[2]):
        async with assigned(kafka, [partition], _ONE_FETCH_BYTES) as reader:
            for _, key, _, offset in several:
                reader.seek(partition, offset)
                fetched = await reader.getmany(timeout_ms=_PATIENCE_MILLISECONDS, max_records=1)
                states.append((key.decode(), _state_of(fetched.get(partition, ()), key)))
    return sorted(states, key=lambda one: one[0])


def _place(shown: _Shown) -> tuple[TopicPartition, int]:
    return shown[2], shown[3]


def _state_of(records: Sequence[Consumed], key: bytes) -> CustomerState | None:
    """Return the state; None when its place has been cleaned up, and what comes next is another's, or nothing."""
    for record in records:
        if record.key == key and record.value is not None:
            return decode_customer(record.value)
    return None
