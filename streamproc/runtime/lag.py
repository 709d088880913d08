"""How far each owned partition is behind its real end, asked of the brokers at an interval.

Not taken from what was fetched: a stuck consumer would show no lag.
"""

import asyncio
from collections.abc import Mapping

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streamproc.runtime.kafka import Kafka
from streamproc.runtime.listener import Listener
from streamproc.runtime.offsets import nothing_between
from streamproc.runtime.patience import patiently
from streamproc.runtime.tasks import Tasks

log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 5.0
ANSWER_SECONDS = 10.0

Span = tuple[int, int]


class LagMonitor:
    """Reports the lag of every source partition of the tasks owned, and whether the brokers answer."""

    def __init__(self, kafka: Kafka, tasks: Tasks, listener: Listener) -> None:
        self._kafka = kafka
        self._tasks = tasks
        self._listener = listener
        #: By partition, from where to where it was behind at the last look.
        self._behind: dict[TopicPartition, Span] = {}
        #: By partition, offsets between which no record was found.
        self._empty: dict[TopicPartition, Span] = {}

    async def run(self) -> None:
        """Measure until cancelled."""
        await patiently("measuring the lag", self._measure_on)

    async def _measure_on(self) -> None:
        reader = self._kafka.reader()
        try:
            await reader.start()
            while True:
                await self.measure(reader)
                await asyncio.sleep(INTERVAL_SECONDS)
        finally:
            await reader.stop()

    async def measure(self, reader: AIOKafkaConsumer) -> None:
        """Look once, and tell the listener."""
        positions = {tp: at for task in self._tasks.owned for tp, at in task.positions.items()}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                lags = await self._lags(reader, positions) if positions else {}
        except (KafkaError, TimeoutError) as error:
            log.warning("brokers_do_not_answer", error=repr(error))
            self._listener.brokers_answer(answer=False)
        else:
            self._listener.brokers_answer(answer=True)
            self._listener.lag(lags)

    async def _lags(
        self, reader: AIOKafkaConsumer, positions: Mapping[TopicPartition, int | None]
    ) -> dict[TopicPartition, int]:
        ends = await reader.end_offsets(list(positions))
        starts = await reader.beginning_offsets(list(positions))
        # Before the beginning there is nothing any more, whatever was committed.
        spans = {tp: (max(at or 0, starts[tp]), ends[tp]) for tp, at in positions.items()}
        behind = {tp: span for tp, span in spans.items() if span[0] < span[1]}
        for tp, span in behind.items():
            # Whoever stands still may have nothing to do: the markers of upstream's transactions take offsets too.
            if self._behind.get(tp) == span != self._empty.get(tp) and await self._holds_nothing(tp, span):
                self._empty[tp] = span
        self._behind = behind
        self._empty = {tp: span for tp, span in self._empty.items() if behind.get(tp) == span}
        return {tp: end - start if tp in behind and tp not in self._empty else 0 for tp, (start, end) in spans.items()}

    async def _holds_nothing(self, tp: TopicPartition, span: Span) -> bool:
        # A reader of its own: the other one would go on fetching what it was assigned here.
        reader = self._kafka.reader()
        try:
            await reader.start()
            return await nothing_between(reader, tp, *span)
        finally:
            await reader.stop()
