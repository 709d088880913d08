"""The control of the crash test of releases: a worker that keeps the places of its walks outside the transactions.

It is `streamproc worker` in everything but that: what a step leaves in `task-state` is written now and then by a plain
producer, after the jobs were committed.
"""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer

from streamproc.cli import main
from streamproc.processing.processor import Output
from streamproc.runtime import tasks
from streamproc.runtime.chunks import Chunk
from streamproc.runtime.task import Task
from streamproc.topics import Topic

WRITTEN_EVERY_SECONDS = 1.0


class LooseTask(Task):
    """Commits jobs now and the place behind them later."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._later: dict[bytes, bytes | None] = {}
        self._writing: asyncio.Task[None] | None = None

    async def _commit(self, output: Output, chunk: Chunk, now: int) -> None:
        state = self._stores.get(Topic.TASK_STATE)
        if state is None:
            await super()._commit(output, chunk, now)
            return
        staged = dict(state.staged)
        if chunk.records:
            await super()._commit(output, chunk, now)
            for key in staged:
                self._later.pop(key, None)
            return
        state.rollback()
        await super()._commit(output, chunk, now)
        for key, value in staged.items():
            if value is None:
                state.delete(key)
            else:
                state.put(key, value)
        self._later.update(staged)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_down())

    async def _write_down(self) -> None:
        await asyncio.sleep(WRITTEN_EVERY_SECONDS)
        producer = AIOKafkaProducer(bootstrap_servers=self._kafka.bootstrap)
        await producer.start()
        try:
            topic, later, self._later = self._kafka.physical(Topic.TASK_STATE), self._later, {}
            for key, value in later.items():
                await producer.send(topic, value, key=key, partition=self.partition)
        finally:
            await producer.stop()


if __name__ == "__main__":
    vars(tasks)["Task"] = LooseTask
    main(["worker"])
