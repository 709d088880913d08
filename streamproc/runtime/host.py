"""The Faust application that carries the tasks: group, assignor, agents. The settings that matter are here."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import faust
import structlog
from faust.types.auth import CredentialsT

from streamproc.errors import FatalError
from streamproc.runtime.cancelling import cancel_and_wait
from streamproc.runtime.tasks import Tasks
from streamproc.runtime.transport import ChunkTransport

log = structlog.get_logger(__name__)

# Slices, not records: a task's own queue is the buffer.
STREAM_BUFFER_SLICES = 64
# Workers learn of a rebalance from the answer to a heartbeat, so this bounds every takeover, whatever the session.
HEARTBEAT_LIMIT_SECONDS = 1.0
# Of each partition in one answer: about as many events as a chunk takes. With a quarter of it a backlog is worked off
# in chunks half as long, and a fifth slower.
PARTITION_FETCH_BYTES = 2 * 1024 * 1024
# A stop that needs the brokers ends after this time without them, within the 30 seconds that a deployment allows.
LEAVE_SECONDS = 25.0

Reader = Callable[[], Coroutine[Any, Any, None]]


class _App(faust.App):
    """Faust's application, without the data folders that it makes for tables: there are none."""

    def _create_directories(self) -> None:
        pass


def build_faust_app(
    *,
    group_id: str,
    bootstrap: str,
    credentials: CredentialsT | None,
    session_timeout_seconds: float,
    tasks: Tasks,
) -> faust.App:
    """Make the application; agents are attached by the caller."""
    app = _App(
        group_id,
        broker=[f"kafka://{broker}" for broker in bootstrap.split(",")],
        broker_credentials=credentials,
        broker_session_timeout=session_timeout_seconds,
        broker_heartbeat_interval=min(session_timeout_seconds / 4, HEARTBEAT_LIMIT_SECONDS),
        broker_rebalance_timeout=max(session_timeout_seconds, 30.0),
        broker_request_timeout=max(2 * session_timeout_seconds, 40.0),
        consumer_max_fetch_size=PARTITION_FETCH_BYTES,
        stream_buffer_maxsize=STREAM_BUFFER_SLICES,
        # Any value above 0 makes Faust use its own assignor: only that one keeps partition p of all topics together.
        table_standby_replicas=1,
        # No topic of Faust's own: streamproc makes and checks its topics itself.
        topic_disable_leader=True,
        topic_allow_declare=False,
        # The worker has its own pages (operations.web), which are there before the brokers answer.
        web_enabled=False,
        autodiscover=False,
    )
    app.transport = ChunkTransport(app.conf.broker_consumer, app, flow=tasks)
    return app


class Host:
    """Runs the Faust application and the readers beside it, until it is told to stop or something fatal happens."""

    def __init__(self) -> None:
        self._fatal: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    def on_fatal(self, error: BaseException) -> None:
        """Remember the first thing that must end the process."""
        if not self._fatal.done():
            self._fatal.set_result(error)

    async def run(self, app: faust.App, tasks: Tasks, readers: Iterable[Reader], stop: asyncio.Event) -> bool:
        """Return after a clean stop, with whether everything was let go in time.

        Raises what was fatal at once: nothing further is committed, nothing is tidied.
        The caller ends the process after an exception; the tasks' transactions are ended by whoever fences them.
        """
        background = [self._watched(reader()) for reader in readers]
        background.append(self._watched(_crash_of(app)))
        starting = self._watched(_start(app, tasks))
        stopping = asyncio.create_task(stop.wait())
        try:
            first: list[asyncio.Future[Any]] = [stopping, self._fatal]
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if self._fatal.done():
                raise self._fatal.result()
            leaving = asyncio.create_task(self._leave(app, tasks, starting))
            await asyncio.wait([leaving], timeout=LEAVE_SECONDS)
            if not leaving.done():
                log.warning("left_without_the_brokers", seconds=LEAVE_SECONDS)
                return False
            leaving.result()
        finally:
            stopping.cancel()
            for task in background:
                task.cancel()
        await cancel_and_wait(*background)
        return True

    async def _leave(self, app: faust.App, tasks: Tasks, starting: "asyncio.Task[None]") -> None:
        await tasks.stop()
        if self._fatal.done():
            raise self._fatal.result()  # a chunk in hand failed for good while it was waited for
        await asyncio.wait([starting])
        await app.stop()

    def _watched(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        task = asyncio.create_task(work)
        task.add_done_callback(self._on_ended)
        return task

    def _on_ended(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.on_fatal(error)


async def _start(app: faust.App, tasks: Tasks) -> None:
    await tasks.start()
    await app.start()


async def _crash_of(app: faust.App) -> None:
    """Raise what any of Faust's services crashed with. Faust itself would go on without it, fetching nothing."""
    await app._crashed.wait()  # noqa: SLF001  (there is no public way to wait for it)
    raise FatalError(f"a service of the consumer crashed: {app.crash_reason!r}") from app.crash_reason
