"""What every agent does: hand each fetched slice to the task that owns its partition. Nothing else happens here.

An exception that left an agent would be a silent loss in Faust (it acknowledges and restarts the agent). There is none
to leave: `Tasks.deliver` only queues, and what tasks raise ends the worker on another path.
"""

from collections.abc import Sequence
from typing import Any

import mode
from faust.streams import Stream
from faust.types import AppT, StreamT

from streamproc.runtime.tasks import Tasks


def add_agent(app: AppT, name: str, topics: Sequence[str], tasks: Tasks) -> None:
    """Attach an agent that reads these (physical) topics as raw slices, acknowledged when their chunk is committed."""
    topic = app.topic(*topics, key_serializer="raw", value_serializer="raw")

    async def hand_over(stream: StreamT[Any]) -> None:
        assert isinstance(stream, Stream)
        async for event in stream.noack().events():
            tasks.deliver(event.message.tp, event.value, event.ack)

    app.agent(topic, name=name, supervisor_strategy=mode.CrashingSupervisor)(hand_over)
