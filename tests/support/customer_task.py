"""A customer task in memory, with its long work: commands and events in, lists out; it can lose its memory any time."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from streamproc.domain.commands import Command
from streamproc.domain.configuration import InForce
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegments
from streamproc.processing.customers import CustomerProcessor
from streamproc.processing.processor import Output, OutputRecord, Record, Slice
from streamproc.runtime.store import StateStore

Json = dict[str, Any]

#: 2026-11-24, 10:00 in UTC.
NOW = 1_795_514_400_000


class CustomerTask:
    """One partition; `lanes` has all that ever came out, by topic."""

    def __init__(
        self, definitions: Definitions | None = None, *, partition: int = 0, partitions: int = 1, zone: str = "UTC"
    ) -> None:
        self.definitions = definitions or Definitions(ZoneInfo(zone))
        self.state, self.task_state = StateStore(), StateStore()
        self.lanes: dict[str, list[OutputRecord]] = {}
        self.now = NOW
        self.restarts_always = False
        self._place = (partition, partitions)
        #: That of the latest record.
        self.offset = -1
        self.restart()

    def restart(self) -> None:
        """Lose everything but the stores."""
        partition, partitions = self._place
        self.processor = CustomerProcessor(
            partition,
            self.state,
            self.task_state,
            self.definitions,
            ComputedSegments(self.definitions.zone),
            partitions=partitions,
            dead_letter_limit=1.0,
        )

    def put(self, kind: str, record: Json, version: int = 0) -> None:
        """Put an object in force."""
        self.definitions.put(kind, record["id"], InForce(kind, record["id"], version, record))

    def customers(self, *records: Json) -> Output:
        """Take profiles."""
        return self.take("customers", [(record["id"].encode(), orjson.dumps(record)) for record in records])

    def events(self, *records: Json) -> Output:
        """Take events."""
        given = [(record["data"]["customer"]["id"].encode(), orjson.dumps(record)) for record in records]
        return self.take("customer-events", given)

    def commands(self, *commands: Command) -> Output:
        """Take commands."""
        return self.take("partition-commands", [(command.id.encode(), command.body) for command in commands])

    def take(self, topic: str, records: Iterable[tuple[bytes | None, bytes | None]]) -> Output:
        """Take records of a topic as one chunk."""
        made = []
        for key, value in records:
            self.offset += 1
            made.append(Record(self.offset, self.now, key, value))
        return self._commit(self.processor.process([Slice(topic, self._place[0], made)], self.now))

    @property
    def is_idle(self) -> bool:
        """Tell whether no step is due."""
        return self.processor.wake_at > self.now

    def step(self) -> Output:
        """Take one step."""
        return self._commit(self.processor.process([], self.now))

    def lose_step(self) -> None:
        """Take one step whose transaction is aborted."""
        self.processor.process([], self.now)
        self.state.rollback()
        self.task_state.rollback()
        self.restart()

    def run(self) -> int:
        """Take steps until none is due, and return how many."""
        steps = 0
        while not self.is_idle:
            self.step()
            steps += 1
            assert steps < 10_000, "no end"
        return steps

    def told(self, topic: str) -> list[Json]:
        """Return the values of all records that came out to a topic."""
        return [orjson.loads(value or b"null") for _, value, _ in self.lanes.get(topic, [])]

    def jobs(self) -> list[Json]:
        """Return all jobs, by channel."""
        return [job for topic in sorted(self.lanes) if topic.startswith("deliveries.") for job in self.told(topic)]

    @property
    def memberships(self) -> dict[str, list[str]]:
        """The segments of each customer that is in any."""
        states = {key.decode(): orjson.loads(value).get("memberships", []) for key, value in self.state.items()}
        return {key: found for key, found in sorted(states.items()) if found}

    def _commit(self, output: Output) -> Output:
        for (topic, _), records in output.records.items():
            self.lanes.setdefault(topic, []).extend(records)
        self.state.commit()
        self.task_state.commit()
        if self.restarts_always:
            self.restart()
        return output
