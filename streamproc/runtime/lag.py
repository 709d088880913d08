"""How far each owned partition is behind its real end, asked of the brokers at an interval.

Not taken from what was fetched: a stuck consumer would show no lag.
"""

import asyncio

import structlog
from aiokafka.errors import KafkaError

from streamproc.runtime.kafka import Kafka
from streamproc.runtime.listener import Listener
from streamproc.runtime.tasks import Tasks

log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 5.0
ANSWER_SECONDS = 10.0


class LagMonitor:
    """Reports the lag of every source partition of the tasks owned, and whether the brokers answer."""

    def __init__(self, kafka: Kafka, tasks: Tasks, listener: Listener) -> None:
        self._kafka = kafka
        self._tasks = tasks
        self._listener = listener

    async def run(self) -> None:
        """Measure until cancelled."""
        reader = self._kafka.reader()
        await reader.start()
        try:
            while True:
                positions = {tp: at for task in self._tasks.owned for tp, at in task.positions.items()}
                try:
                    async with asyncio.timeout(ANSWER_SECONDS):
                        ends = await reader.end_offsets(list(positions)) if positions else {}
                except (KafkaError, TimeoutError) as error:
                    log.warning("brokers_do_not_answer", error=repr(error))
                    self._listener.brokers_answer(answer=False)
                else:
                    self._listener.brokers_answer(answer=True)
                    lags = {tp: max(ends[tp] - (at or 0), 0) for tp, at in positions.items()}
                    self._listener.lag(lags)
                await asyncio.sleep(INTERVAL_SECONDS)
        finally:
            await reader.stop()
