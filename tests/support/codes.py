"""Codes distributions for tests, and the code task's part of the work done at once."""

import asyncio
from collections.abc import Sequence
from datetime import UTC
from typing import Any

import orjson

from streamproc.codes.memory import MemoryLedger
from streamproc.domain.code_requests import Fulfilled
from streamproc.domain.codes import Allocation
from streamproc.domain.messages import Message
from streamproc.matching.definitions import Definitions
from streamproc.processing.codes import CodeProcessor
from streamproc.processing.processor import Output, OutputRecord, Record, Slice
from streamproc.runtime.store import StateStore
from tests.support.configuration import distribution

Json = dict[str, Any]
NOW = 1_764_000_000_123
CODES: Json = {"type": "codes", "campaign_id": "camp_1"}


def codes(**fields: Any) -> Json:
    """A code of the campaign by e-mail on every paid order."""
    return distribution(**{"id": "distr_codes", "name": "Codes", "action": CODES} | fields)


def requests_of(jobs: list[tuple[str, Message]]) -> list[Message]:
    """Return the requests among what was emitted."""
    return [message for channel, message in jobs if channel == "code-requests"]


def fulfilled(request: Message, code: str = "CODE-1", publication_id: str | None = None) -> Fulfilled:
    """Give a request this code, under its own publication unless another is named."""
    key, value, headers = request
    slices = [Slice("code-requests", 0, [Record(0, 0, key, value, headers)])]
    processor = CodeProcessor(0, StateStore(), Definitions(UTC))
    (wanted,) = processor.ask(slices, NOW).wanted
    processor.answer({wanted.id: Allocation(publication_id or wanted.id, code)})
    outcomes: list[Fulfilled] = []
    processor.process(slices, 0, outcomes)
    return outcomes[0]


def values(jobs: list[tuple[str, Message]]) -> list[Any]:
    """Return the jobs as JSON."""
    return [orjson.loads(value) for _, (_, value, _) in jobs]


class CodeTask:
    """A code task with its store and a ledger in memory."""

    def __init__(self, definitions: Definitions, partition: int = 0) -> None:
        self.definitions = definitions
        self.partition = partition
        self.state = StateStore()
        self.ledger = MemoryLedger()
        self.offset = -1
        self.now = NOW
        self.restart()

    def restart(self) -> None:
        """Build the processor anew from what is committed."""
        self.state.rollback()
        self.processor = CodeProcessor(self.partition, self.state, self.definitions)

    def slices(self, requests: Sequence[OutputRecord]) -> list[Slice]:
        """Make records of requests, or of anything else."""
        start, self.offset = self.offset + 1, self.offset + len(requests)
        records = [Record(start + place, NOW, *request) for place, request in enumerate(requests)]
        return [Slice("code-requests", self.partition, records)] if records else []

    def take(self, requests: Sequence[OutputRecord], *, commit: bool = True) -> Output:
        """Let it do a chunk, or a step where there are no requests."""
        slices = self.slices(requests)
        asked = self.processor.ask(slices, self.now)
        asyncio.run(self.ledger.give_back(asked.returned))
        self.processor.answer(self.ledger.allocate_now(asked.wanted))
        output = self.processor.process(slices, self.now)
        if commit:
            self.state.commit()
        return output

    def step(self) -> Output:
        """Let it do a step."""
        return self.take([])

    @property
    def wants_a_step(self) -> bool:
        """Whether it has something to do by itself now."""
        return self.processor.wake_at is not None and self.processor.wake_at <= self.now

    def import_codes(self, *codes: str, campaign: str = "camp_1") -> None:
        """Fill a pool."""
        asyncio.run(self.ledger.add(campaign, codes))

    @property
    def pools(self) -> dict[str, tuple[int, int]]:
        """Free and given codes by campaign."""
        return {pool.campaign_id: (pool.free, pool.given) for pool in asyncio.run(self.ledger.pools())}
