"""The gate before the first chunk: what stood in the tables' source topics at the start has been processed and read.

Otherwise a worker that starts together with its configuration would decide its first events without it. What can be
prepared of it is prepared then, and not at the expense of the first events.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog
from aiokafka.structs import TopicPartition

from streamproc.runtime.kafka import Kafka
from streamproc.runtime.listener import Listener
from streamproc.runtime.offsets import committed_offsets, nothing_between
from streamproc.runtime.patience import patiently
from streamproc.runtime.table import TableReader

log = structlog.get_logger(__name__)

ASK_AGAIN_SECONDS = 0.1


class Gate:
    """Opens once, for all tasks of the worker. `prepare` does something in steps, once the table is read."""

    def __init__(
        self,
        kafka: Kafka,
        group_id: str,
        sources: Sequence[str],
        table: TableReader,
        listener: Listener,
        timeout_seconds: float,
        prepare: Callable[[], Iterable[object]] = tuple,
    ) -> None:
        self._kafka = kafka
        self._group_id = group_id
        self._sources = [TopicPartition(kafka.physical(topic), 0) for topic in sources]
        self._table = table
        self._listener = listener
        self._timeout = timeout_seconds
        self._prepare = prepare
        self._open = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Say whether tasks may process."""
        return self._open.is_set()

    async def passed(self) -> None:
        """Return when the gate is open."""
        await self._open.wait()

    async def run(self) -> None:
        """Wait for the sources, then for the table; after the timeout start with what is in force, and say so.

        What is in force has to be known for that: the timeout does not cut short the first reading of the table.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await patiently("waiting for the tables' sources", self._sources_processed)
                await self._table.wait_for(await patiently("asking for the table's end", self._table_end))
        except TimeoutError:
            log.warning("starting_with_what_is_in_force", seconds=self._timeout, table_ready=self._table.ready.is_set())
            self._listener.gate_timed_out(self._timeout)
        await self._table.ready.wait()
        for _ in self._prepare():
            await asyncio.sleep(0)
        self._open.set()

    async def _sources_processed(self) -> None:
        reader = self._kafka.reader()
        admin = self._kafka.admin()
        try:
            await reader.start()
            await admin.start()
            ends = await reader.end_offsets(self._sources)
            pending = {tp: end for tp, end in ends.items() if end > 0}
            while pending:
                committed = await committed_offsets(admin, self._group_id, list(pending))
                for tp in list(pending):
                    if await nothing_between(reader, tp, committed[tp] or 0, pending[tp]):
                        del pending[tp]
                if pending:
                    await asyncio.sleep(ASK_AGAIN_SECONDS)
        finally:
            await admin.close()
            await reader.stop()

    async def _table_end(self) -> int:
        """Return the end of what the processing of the sources has written to the table's topic.

        It is that of everything written: brokers end a transaction partition by partition, so the offsets of the
        sources may show while their definitions still count as open.
        """
        reader = self._kafka.reader(committed=False)
        tp = TopicPartition(self._kafka.physical(self._table.topic), 0)
        try:
            await reader.start()
            end: int = (await reader.end_offsets([tp]))[tp]
        finally:
            await reader.stop()
        return end
