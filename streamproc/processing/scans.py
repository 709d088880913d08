"""The long work of one partition: what commands ask for, what the calendar asks for, and whose turn it is.

Work that concerns all customers is done in steps. Updates (`updates`) share one walk, each send (`sends`) and each
count (`counts`) has its own; they take turns, a step each. Everything that a step leaves is in `task-state`, so whoever
has the partition next goes on where the last committed step stopped.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

from streamproc.domain.commands import CommandKind, Report
from streamproc.domain.configuration import InForce
from streamproc.domain.occasions import segment_object
from streamproc.domain.partitions import partition_of
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegments
from streamproc.processing.counts import Count, Counts
from streamproc.processing.customer_step import CustomerStep
from streamproc.processing.days import beginning_of, day_at
from streamproc.processing.processor import OrderedStore, Store
from streamproc.processing.segments_in_force import SegmentsInForce
from streamproc.processing.send_walk import SendWalk
from streamproc.processing.sender import Sender
from streamproc.processing.sends import SENDING, Send, Sends, SendState
from streamproc.processing.updates import Update, Updates

Json = Mapping[str, Any]

#: Milliseconds between two reports of the same walk; people look at them.
REPORT_EVERY = 1_000
# To how many customers one step brings updates, at a few microseconds for each of both.
BROUGHT = 3_000
BROUGHT_AT_LEAST = 10
# So many comparisons take about as long as all else that is done to bring one update.
COMPARISONS = 8


class Scans:
    """All long work of one partition of so many; holds what `task-state` holds."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        customers: OrderedStore,
        store: Store,
        definitions: Definitions,
        segments: ComputedSegments,
    ) -> None:
        self.segments = SegmentsInForce(store, segments)
        self.updates = Updates(store)
        self._partition = partition
        self._partitions = partitions
        self._customers = customers
        self._definitions = definitions
        self._sends = Sends(store)
        self._counts = Counts(store)
        self._walks: dict[str, SendWalk] = {}
        self._reported: dict[str, int] = {}
        self._turn = 0

    @property
    def wake_at(self) -> int:
        """When the next step is due: at once while there is work, else when the day changes."""
        if self.updates.running or self._sends.walking or self._counts.running:
            return 0
        day = self.updates.day
        return 0 if day is None else beginning_of(date.fromisoformat(day) + timedelta(days=1), self._definitions.zone)

    def step(self, now: int, step: CustomerStep) -> list[Report]:
        """Do some milliseconds of work, and return what there is to report."""
        self._begin_day(now)
        works: list[Callable[[], list[Report]]] = [
            partial(self._go_on, send, now, step) for send in self._sends.walking
        ]
        works += [partial(self._count_on, count) for count in self._counts.running]
        if self.updates.running:
            works.append(partial(self._bring_updates, now, step))
        if not works:
            return []
        self._turn += 1
        return works[self._turn % len(works)]()

    def obey(self, told: Json, at: int) -> list[Report]:
        """Begin or do what a command asks for, and return what there is to report; a repeated one changes nothing."""
        kind = told["kind"]
        if kind == "sync":
            self._sync(told, at)
        elif kind == "drop":
            self._drop(told, at)
        elif kind == "count":
            self._counts.begin(told)
        elif kind in SENDING:
            self._begin_send(told, at)
        elif kind == "resume":
            return self._resume(told)
        else:
            return self._halt(told, "stopped" if kind == "stop" else "over")
        return []

    def begin_one(self, told: Json, at: int) -> tuple[Send, Sender] | None:
        """Return how to obey a command that sends to one customer; None when that was done before."""
        distribution_id, segment_id = told["distribution"]["id"], told.get("segment_id", "")
        send = self._sends.find(distribution_id)
        if send is None:
            send = Send(distribution_id, told["kind"], told["id"], segment_id, at, 1, state="over", scanned=1)
        elif told["id"] in {send.command_id, *send.heard}:
            return None
        return send, Sender(send, told, segment_object(segment_id, self._name_of(segment_id)))

    def end_one(self, send: Send, told: Json) -> Report:
        """Note that such a command was obeyed, and return what there is to report."""
        send.heard.append(told["id"])
        self._sends.save(send)
        return self._report(send, told["id"], told["kind"], is_done=True)

    def nothing(self, told: Json) -> Report:
        """Answer for a command that has come to nothing here."""
        return Report(told["id"], told["kind"], self._partition, done=True)

    def _sync(self, told: Json, at: int) -> None:
        segment = told["segment"]
        in_force = InForce("segments", segment["id"], segment["version"], segment["object"])
        if self.segments.is_news(in_force.id, in_force.version):
            self.segments.put(in_force)
            self._begin(Update(told["id"], "sync", in_force.id, at))

    def _drop(self, told: Json, at: int) -> None:
        segment_id, version = told["segment_id"], int(told["id"].rpartition(":")[2])
        if self.segments.is_news(segment_id, version):
            self.segments.drop(segment_id, version)
            self._begin(Update(told["id"], "drop", segment_id, at))

    def _begin_send(self, told: Json, at: int) -> None:
        distribution_id = told["distribution"]["id"]
        if self._sends.find(distribution_id) is None:
            send = Send(distribution_id, told["kind"], told["id"], told["segment_id"], at, len(self._customers))
            self._sends.carry(send, told)
            self._sends.save(send)

    def _resume(self, told: Json) -> list[Report]:
        send = self._sends.find(told["distribution"]["id"])
        if send is None:
            return [self.nothing(told)]
        if not _is_news(send, told):
            return []
        if send.state == "over":
            self._sends.save(send)
            return [self._report(send, told["id"], "resume", is_done=True)]
        send.state, send.command_id = "walking", told["id"]
        self._sends.carry(send, told)
        self._sends.save(send)
        self._walks.pop(send.distribution_id, None)
        return []

    def _halt(self, told: Json, state: SendState) -> list[Report]:
        """Let a send stand where it is; one that has reached everybody is over."""
        send = self._sends.find(told["distribution_id"])
        if send is None:
            return [self.nothing(told)]
        if not _is_news(send, told):
            return []
        remaining = 0
        if send.state != "over":
            remaining = self._walk(send).remaining(self._customers)
            send.state = state if remaining else "over"
        self._save(send)
        return [self._report(send, told["id"], told["kind"], is_done=True, remaining=remaining)]

    def _begin_day(self, now: int) -> None:
        """Begin a day if one has come since the latest. In a partition's life the first one changes nothing."""
        zone, former = self._definitions.zone, self.updates.day
        today = day_at(now, zone)
        if former is not None and today <= date.fromisoformat(former):
            return
        self.updates.begin_day(str(today))
        if former is not None and self.segments.computed.affected(()):
            self._begin(Update(f"tick:{today}", "tick", str(today), beginning_of(today, zone)))

    def _begin(self, update: Update) -> None:
        self.updates.begin(update, len(self._customers))

    def _bring_updates(self, now: int, step: CustomerStep) -> list[Report]:
        updates = self.updates
        limit = max(BROUGHT // self._effort(), BROUGHT_AT_LEAST)
        keys = updates.next_keys(self._customers, limit)
        for key in keys:
            step.bring(key, updates.pending(key), is_walk=True)
        through = list(updates.move(keys[-1] if len(keys) == limit else None))
        told = [(update, True) for update in through]
        told += [(update, False) for update in updates.running if self._is_time(update.id, now)]
        # Nobody has asked for a tick, so nobody is told of it.
        return [self._report_update(update, is_done=done) for update, done in told if update.kind != "tick"]

    def _effort(self) -> int:
        """Return how much more work the updates under way are for one customer than a simple one."""
        effort = 0
        for update in self.updates.running:
            dated = (one.id for one in self.segments.computed.affected(()))
            comparisons = self.segments.comparisons(dated if update.kind == "tick" else (update.subject,))
            effort += 1 + comparisons // COMPARISONS
        return max(effort, 1)

    def _go_on(self, send: Send, now: int, step: CustomerStep) -> list[Report]:
        is_over = self._walk(send).go_on(self._customers, self.updates, self._effort(), step)
        if is_over:
            send.state = "over"
        self._save(send)
        if not is_over and not self._is_time(send.command_id, now):
            return []
        return [self._report(send, send.command_id, send.answers, is_done=is_over)]

    def _count_on(self, count: Count) -> list[Report]:
        if not self._counts.go_on(count, self._customers):
            return []
        return [
            Report(
                count.command_id, "count", self._partition, count.scanned, count.matched, total=count.scanned, done=True
            )
        ]

    def _walk(self, send: Send) -> SendWalk:
        walk = self._walks.get(send.distribution_id)
        if walk is None:
            segment = segment_object(send.segment_id, self._name_of(send.segment_id))
            listed = sorted({one.encode() for one in self.segments.listed(send.segment_id)})
            walk = SendWalk(send, self._sends.carried(send), segment, listed, self._is_mine)
            self._walks[send.distribution_id] = walk
        return walk

    def _save(self, send: Send) -> None:
        self._sends.save(send)
        if send.state == "over":
            self._walks.pop(send.distribution_id, None)

    def _is_mine(self, key: bytes) -> bool:
        return partition_of(key, self._partitions) == self._partition

    def _name_of(self, segment_id: str) -> str:
        """Return a segment's name; that of an external one is known to all."""
        segment = self.segments.computed.get(segment_id)
        if segment is not None:
            return segment.name
        external = self._definitions.configuration.get("segments", segment_id)
        return "" if external is None else str(external.record["name"])

    def _is_time(self, command_id: str, now: int) -> bool:
        """Tell whether a walk has said nothing for so long that it should."""
        if now - self._reported.get(command_id, 0) < REPORT_EVERY:
            return False
        self._reported[command_id] = now
        return True

    def _report(self, send: Send, command_id: str, kind: CommandKind, *, is_done: bool, remaining: int = 0) -> Report:
        return Report(
            command_id, kind, self._partition, send.scanned, send.matched, send.emitted, send.undeliverable,
            max(send.total, send.scanned), is_done, remaining,
        )  # fmt: skip

    def _report_update(self, update: Update, *, is_done: bool) -> Report:
        assert update.kind != "tick"
        total = update.scanned if is_done else max(update.total, update.scanned)
        return Report(
            update.id, update.kind, self._partition, update.scanned, update.matched, total=total, done=is_done
        )


def _is_news(send: Send, told: Json) -> bool:
    """Tell whether a command about a send is read for the first time."""
    if told["id"] in send.heard:
        return False
    send.heard.append(told["id"])
    return True
