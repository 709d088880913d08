"""What the consumer of a worker is made to do when it has started."""

from types import SimpleNamespace
from typing import Any

from streamproc.runtime.fetch_sessions import FetchSessions
from streamproc.runtime.slices import _SliceResults
from streamproc.runtime.transport import ChunkConsumerThread


async def test_a_worker_fetches_slices_in_sessions() -> None:
    consumer = SimpleNamespace(_fetcher=SimpleNamespace(), _client=object())

    async def start_consumer() -> None:
        """There is nothing to start."""

    thread: Any = SimpleNamespace(_start_consumer=start_consumer, _ensure_consumer=lambda: consumer)
    await ChunkConsumerThread.on_start(thread)
    assert isinstance(consumer._fetcher._client, FetchSessions)
    assert isinstance(consumer._fetcher._records, _SliceResults)
