"""What one turn of the control task comes to: kept apart until nothing can fail any more, then staged as a whole.

A turn is one record, or one hold that is due. One at which something fails leaves nothing behind.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from streamproc.domain.commands import Command
from streamproc.domain.events import format_instant
from streamproc.processing.processor import Output, OutputRecord, Store
from streamproc.topics import Topic


class Changes:
    """The stores as the turn sees them, what it writes, and how to take back what it has changed in memory.

    `now` is the host's clock in milliseconds, `at` the same as people write it.
    """

    def __init__(self, stores: Mapping[str, Store], now: int) -> None:
        self.now = now
        self.at = format_instant(now)
        #: How many distributions more, or fewer, are in a state.
        self.states: Counter[str] = Counter()
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.observed: list[tuple[str, float]] = []
        self._stores = stores
        self._puts: dict[tuple[str, bytes], bytes | None] = {}
        self._records: list[tuple[str, int, OutputRecord]] = []
        self._undo: list[Callable[[], object]] = []

    def get(self, topic: str, key: bytes) -> bytes | None:
        """Return a value as this turn sees it."""
        try:
            return self._puts[topic, key]
        except KeyError:
            return self._stores[topic].get(key)

    def put(self, topic: str, key: bytes, value: bytes | None) -> None:
        """Set a value; None deletes."""
        self._puts[topic, key] = value

    def write(self, topic: str, partition: int, record: OutputRecord) -> None:
        """Write a record."""
        self._records.append((topic, partition, record))

    def command(self, command: Command, partitions: Iterable[int]) -> None:
        """Write a command to these partitions."""
        for partition in partitions:
            self.write(Topic.PARTITION_COMMANDS, partition, (command.id.encode(), command.body, []))

    def on_failure(self, undo: Callable[[], object]) -> None:
        """Remember how to take back a change of what is only in memory."""
        self._undo.append(undo)

    def undo(self) -> None:
        """Take everything back, the last first."""
        while self._undo:
            self._undo.pop()()

    def touched(self, topic: str) -> Iterable[tuple[bytes, bytes | None]]:
        """Return what this turn has set in one store."""
        return [(key, value) for (name, key), value in self._puts.items() if name == topic]

    def stage(self, output: Output) -> None:
        """Put everything into the stores and the output; what is there already costs nothing."""
        for (topic, key), value in self._puts.items():
            store = self._stores[topic]
            if store.get(key) == value:
                continue
            if value is None:
                store.delete(key)
            else:
                store.put(key, value)
        for topic, partition, record in self._records:
            output.lane(topic, partition).append(record)
        output.counts.update(self.counts)
        output.observed.extend(self.observed)
