"""A control task in memory: its stores, a clock moved by hand, and all that it has written."""

from collections.abc import Iterable
from typing import Any

import orjson

from streamproc.domain.commands import Report, ReportKind
from streamproc.processing.control import STORES, ControlProcessor
from streamproc.processing.processor import Output, Record, Slice
from streamproc.runtime.store import StateStore

NOW = 1_764_000_000_000
MINUTE = 60_000
HOLD = 10 * MINUTE

Json = dict[str, Any]


class ControlTask:
    """The host of a control processor; `push` and `report` are one chunk of one record each."""

    def __init__(self, partitions: int = 2, hold: int = HOLD) -> None:
        self.partitions = partitions
        self.hold = hold
        self.stores: dict[str, StateStore] = {name: StateStore() for name in STORES}
        self.now = NOW
        self.offsets: dict[str, int] = {}
        #: Commands with their partitions, receipts and changes of state, in the order in which they were written.
        self.commands: list[tuple[int, Json]] = []
        self.log: list[Json] = []
        #: Codes left, by campaign, where the database answers; and for how many it was asked before each chunk.
        self.codes: dict[str, int] = {}
        self.looked_for: list[dict[str, int]] = []
        #: By topic its end, where something before that is unread; None: the brokers do not tell.
        self.unread: dict[str, int] | None = {}
        #: What the last chunk has staged, by store.
        self.staged: dict[str, dict[bytes, bytes | None]] = {}
        self.restart()

    def restart(self) -> None:
        """Build the processor anew from its stores."""
        self.processor = ControlProcessor(self.stores, partitions=self.partitions, hold_milliseconds=self.hold)

    def push(self, kind: str, record: Json | bytes | None, key: str = "", **header: bytes) -> Json:
        """Push one record now, and return its verdict."""
        slices = [Slice(kind, 0, [self.pushed(kind, record, key, **header)])]
        ((_, verdict, _),) = self.take(*slices).records["config-verdicts", 0]
        told: Json = orjson.loads(verdict or b"")
        return told

    def pushed(self, kind: str, record: Json | bytes | None, key: str = "", **header: bytes) -> Record:
        """Return the record that would be pushed now, under the next offset."""
        offset = self.offsets[kind] = self.offsets.get(kind, -1) + 1
        value = orjson.dumps(record) if isinstance(record, dict) else record
        object_id = key or (record["id"] if isinstance(record, dict) else "")
        headers = [("expected-version", header["expected"])] if "expected" in header else []
        return Record(offset, self.now, object_id.encode(), value, headers)

    @staticmethod
    def slice(topic: str, *records: Record) -> Slice:
        """Return consecutive records of a topic with one partition."""
        return Slice(topic, 0, records)

    def report(self, kind: ReportKind, subject: str, partition: int, *, done: bool = True, **numbers: int) -> None:
        """Report now about a command."""
        report = Report(f"{kind}:{subject}", kind, partition, done=done, **numbers)
        offset = self.offsets["partition-reports"] = self.offsets.get("partition-reports", -1) + 1
        record = Record(offset, self.now, report.command_id.encode(), report.encode())
        self.take(Slice("partition-reports", 0, [record]))

    def synced(self, segment_id: str, version: int, matched: int = 0) -> None:
        """Report the sync of a segment as done, by all partitions; so many customers of each belong to it."""
        for partition in range(self.partitions):
            self.report("sync", f"{segment_id}:{version}", partition, scanned=10, total=10, matched=matched)

    def take(self, *slices: Slice) -> Output:
        """Take one chunk or step, and commit it."""
        if self.processor.read_before_release(self.now) is not None and self.unread is not None:
            self.processor.take_unread(self.unread)
        needed = self.processor.codes_needed(self.now)
        self.looked_for.append(needed)
        self.processor.take_codes_free({one: self.codes[one] for one in needed if one in self.codes})
        output = self.processor.process(slices, self.now)
        self.staged = {name: dict(store.staged) for name, store in self.stores.items()}
        for store in self.stores.values():
            store.commit()
        for (topic, partition), records in output.records.items():
            told = [orjson.loads(value or b"") for _, value, _ in records if topic != "dead-letters"]
            if topic == "partition-commands":
                self.commands += [(partition, one) for one in told]
            elif topic == "distribution-log":
                self.log += told
        return output

    def wait(self, milliseconds: int = 0) -> None:
        """Move the clock on, giving the processor each step that it asks for on the way, as its host does."""
        until = self.now + milliseconds
        while (wake_at := self.processor.wake_at) is not None and wake_at <= until:
            self.now = max(self.now, wake_at)
            self.take()
        self.now = until

    @property
    def statuses(self) -> dict[str, Json]:
        """The statuses, by distribution."""
        return self.objects("distribution-status")

    @property
    def holds(self) -> dict[str, Json]:
        """The holds, by distribution."""
        return self.objects("distribution-holds")

    @property
    def in_force(self) -> dict[str, int]:
        """The versions in force, by the keys of `definitions`."""
        return {key: one["version"] for key, one in self.objects("definitions").items()}

    @property
    def states(self) -> dict[str, tuple[str, int, str | None]]:
        """State, version and problem of each distribution."""
        return {key: (one["state"], one["version"], one.get("problem")) for key, one in self.statuses.items()}

    @property
    def receipts(self) -> list[tuple[str, int, int]]:
        """The receipts so far: kind, version and jobs emitted."""
        return [(one["receipt"], one["version"], one["emitted"]) for one in self.log if "receipt" in one]

    def command_ids(self, partition: int) -> list[str]:
        """The ids of the commands that a partition got."""
        return [command["id"] for number, command in self.commands if number == partition]

    def objects(self, store: str) -> dict[str, Json]:
        """What a store holds, decoded."""
        items: Iterable[tuple[bytes, bytes]] = self.stores[store].items()
        return {key.decode(): orjson.loads(value) for key, value in items}
