"""A task's records on their way to its producer; what a task does with brokers is in `tests.integration`."""

from collections.abc import Mapping

from aiokafka.structs import TopicPartition

from streamproc.processing.processor import Output
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.task import NO_HEADERS, Task, TaskOptions
from streamproc.runtime.turns import Turns
from tests.support.runtime import COPIES, COPY_SPEC, COUNTS, Heard


class Nobody:
    """A group that is never asked."""

    async def committed(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int | None]:
        raise NotImplementedError

    async def seek(self, positions: Mapping[TopicPartition, int | None]) -> None:
        raise NotImplementedError


def test_records_leave_the_output_with_their_lane_and_those_of_the_changelogs_come_last() -> None:
    options = TaskOptions("app", 500, 0.0, 60.0)
    task = Task(COPY_SPEC, 3, Kafka("nowhere:9092", ""), options, Nobody(), Heard(), Turns(1))
    task._stores[COUNTS].put(b"key", b"1")
    task._stores[COUNTS].delete(b"gone")
    output = Output()
    for partition in (3, 4):
        output.lane(COPIES, partition).append((b"key", b"value", []))
    lanes = task._lanes(output)
    # Whoever holds the records of a lane longer has them in memory once more while their batches are on the way.
    assert next(lanes) == (COPIES, 3, [(b"key", b"value", [])])
    assert output.records.keys() == {(COPIES, 4)}
    assert next(lanes) == (COPIES, 4, [(b"key", b"value", [])])
    assert output.records == {}
    assert list(lanes) == [(COUNTS, 3, [(b"key", b"1", NO_HEADERS), (b"gone", None, NO_HEADERS)])]
