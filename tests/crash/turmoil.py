"""Kills, stops and restarts, at random moments in the middle of work, of workers that somebody keeps starting again."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol, Self

from aiokafka.structs import TopicPartition

from streamproc.local.kafka import LocalKafka
from streamproc.runtime.kafka import Kafka
from streamproc.topics import CHANNELS, Topic, deliveries
from tests.support.streams import reader
from tests.support.workers import POLL_SECONDS, WorkerProcess, Workers, until

# One commit after the other while a burst of thousands waits: what the victim has in hand is not all of it.
COMMITS_SEEN_BEFORE = (1, 6)
WORKING_SECONDS = 60
SHARE_SECONDS = 10
TAKEN_OVER_SECONDS = 60
WRITTEN_IN_A_CHUNK = (Topic.TASK_STATE, Topic.CUSTOMER_STATE, *(deliveries(channel) for channel in CHANNELS))

#: Of a partition: from the first offset to before the second.
Span = tuple[int, int]
MayEnd = Callable[[WorkerProcess], bool]


def fenced(worker: WorkerProcess) -> bool:
    """Tell whether it ended because another had taken over one of its tasks."""
    return worker.exit_code == 1 and [entry["reason"] for entry in worker.entries("ending")] == ["TaskFenced"]


@dataclass
class Tally:
    """What was done, and what came of it."""

    kills: int = 0
    stops: int = 0
    broker_restarts: int = 0
    #: Workers that were woken up, and those that lost their session by themselves on a busy machine.
    fenced: int = 0
    ended_unasked: int = 0


class Run(Protocol):
    """What is disturbed: somebody who has events for the workers."""

    @property
    def kafka(self) -> Kafka:
        """Where the workers are."""

    async def write(self, events: int) -> None:
        """Write the next events."""


class Turmoil:
    """A number of workers that stays the same; every disturbance comes while its victim works on a burst.

    `kind` is that of the tasks by whose commits this is seen.
    """

    def __init__(
        self,
        run: Run,
        workers: Workers,
        rng: Random,
        burst: int,
        *,
        may_end: MayEnd = fenced,
        kind: str = "customer",
    ) -> None:
        self.tally = Tally()
        self._run = run
        self._workers = workers
        self._rng = rng
        self._burst = burst
        self._may_end = may_end
        self._kind = kind
        self._running: list[WorkerProcess] = []
        self._writing: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def of(
        cls, run: Run, workers: Workers, count: int, rng: Random, burst: int, **options: Any
    ) -> AsyncIterator[Self]:
        """Start so many workers, and keep starting those that were told to end by the fence."""
        turmoil = cls(run, workers, rng, burst, **options)
        async with asyncio.TaskGroup() as group:
            tending = group.create_task(turmoil._tend())
            for _ in range(count):
                turmoil._start()
            yield turmoil
            tending.cancel()

    async def kill(self) -> None:
        """SIGKILL one and start another in its place."""
        victim = await self._working()
        self._running.remove(victim)
        victim.end()
        self.tally.kills += 1
        self._start()

    async def stop_with_a_transaction_open(self) -> WorkerProcess:
        """SIGSTOP one inside a transaction; wake it when another has its tasks. Returns it when it has ended."""
        while True:
            victim = await self._working()
            self._running.remove(victim)
            victim.signal(signal.SIGSTOP)
            undecided = await self._undecided(victim)
            if undecided:
                self._start()
                await self._taken_over(victim, undecided)
            victim.signal(signal.SIGCONT)
            if undecided and not await self._shows_any(undecided):
                break
            # It was between two transactions, or the broker completed its commit: one worker more from here on.
            self._running.append(victim)
        self.tally.stops += 1
        await victim.ended()
        self.tally.fenced += fenced(victim)
        return victim

    async def stop_for(self, seconds: float) -> None:
        """SIGSTOP one for so long, and wake it."""
        victim = await self._working()
        self._running.remove(victim)
        victim.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        victim.signal(signal.SIGCONT)
        self.tally.stops += 1
        self._running.append(victim)

    async def restart_broker(self, broker: LocalKafka) -> None:
        """Stop the broker while workers work, and start it again with its data."""
        await self._working()
        await asyncio.to_thread(broker.restart)
        self.tally.broker_restarts += 1

    async def kill_all(self) -> None:
        """SIGKILL all of them at once, and start as many."""
        await self._working()
        victims, self._running = self._running, []
        for victim in victims:
            victim.end()
            self.tally.kills += 1
            self._start()

    async def written(self) -> None:
        """Wait until all bursts have been written."""
        await asyncio.gather(*self._writing)

    async def stop_all(self) -> None:
        """Stop all of them cleanly."""
        await self.written()
        for worker in list(self._running):
            # One that has hardly begun would not know what the signal means.
            await self._while_it_runs(worker, worker.is_ready)
        workers, self._running = self._running, []
        await asyncio.gather(*(self._workers.stop(worker) for worker in workers))

    def _start(self) -> None:
        self._running.append(self._workers.start())

    async def _working(self) -> WorkerProcess:
        """Choose a worker, write a burst, and return the worker a few of its commits later."""
        while True:
            victim = self._rng.choice(self._running)
            await self._while_it_runs(victim, victim.is_ready)
            burst = asyncio.create_task(self._run.write(self._burst))
            self._writing.add(burst)
            burst.add_done_callback(self._writing.discard)
            enough = await victim.commits(self._kind) + self._rng.randint(*COMMITS_SEEN_BEFORE)

            # A worker that has had its share of the burst in fewer commits is struck as it is.
            patience = asyncio.get_running_loop().time() + SHARE_SECONDS

            async def has_committed(
                victim: WorkerProcess = victim,
                enough: float = enough,
                burst: "asyncio.Task[None]" = burst,
                patience: float = patience,
            ) -> bool:
                done = burst.done() and asyncio.get_running_loop().time() > patience
                return done or await victim.commits(self._kind) >= enough

            await self._while_it_runs(victim, has_committed)
            if victim in self._running:
                return victim

    async def _while_it_runs(self, worker: WorkerProcess, true: Callable[[], Awaitable[bool]]) -> None:
        """Wait until it holds, or until the worker has ended unasked."""

        async def true_or_ended() -> bool:
            return worker not in self._running or await true()

        await until(true_or_ended, within=WORKING_SECONDS, what=f"{worker} {true.__name__}")

    async def _undecided(self, stopped: WorkerProcess) -> dict[TopicPartition, Span]:
        """Return where the stopped worker has written what is not decided: open, or committed without its marker."""
        kafka = self._run.kafka
        its = [
            TopicPartition(kafka.physical(topic), int(task.removeprefix("customer.")))
            for task in stopped.owned()
            if task.startswith("customer.")
            for topic in WRITTEN_IN_A_CHUNK
        ]
        async with reader(kafka, "read_uncommitted") as uncommitted, reader(kafka) as committed:
            # In this order: what had been written before and is undecided after was undecided all the time.
            written = await uncommitted.end_offsets(its)
            decided = await committed.end_offsets(its)
        return {tp: (decided[tp], end) for tp, end in written.items() if decided[tp] < end}

    async def _taken_over(self, victim: WorkerProcess, undecided: dict[TopicPartition, Span]) -> None:
        """Wait until all of it is decided."""
        async with reader(self._run.kafka) as committed:

            async def decided() -> bool:
                ends = await committed.end_offsets(list(undecided))
                return all(ends[tp] > end for tp, (_, end) in undecided.items())

            await until(decided, within=TAKEN_OVER_SECONDS, what=f"{victim} taken over in {sorted(undecided)}")

    async def _shows_any(self, spans: dict[TopicPartition, Span]) -> bool:
        """Tell whether anything in the spans, all of it decided, was committed."""
        async with reader(self._run.kafka) as committed:
            committed.assign(list(spans))
            for tp, (first, _) in spans.items():
                committed.seek(tp, first)
            left = set(spans)
            while left:
                fetched = await committed.getmany(*left, timeout_ms=100)
                if any(record.offset < spans[tp][1] for tp, records in fetched.items() for record in records):
                    return True
                left = {tp for tp in left if await committed.position(tp) < spans[tp][1]}
        return False

    async def _tend(self) -> None:
        """Start again what ended for a good reason, as an operator's supervisor does; fail for any other."""
        while True:
            for worker in [worker for worker in self._running if worker.exit_code is not None]:
                assert self._may_end(worker), worker.told()
                self._running.remove(worker)
                self.tally.ended_unasked += 1
                self._start()
            await asyncio.sleep(POLL_SECONDS)
