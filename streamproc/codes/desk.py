"""Between a code task and the ledger: asks until it has been answered. Only who wants codes waits for the database."""

import asyncio
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Protocol

import structlog

from streamproc.codes.ledger import Ledger, Pool
from streamproc.domain.codes import Allocation, Wanted
from streamproc.errors import LedgerUnavailable
from streamproc.processing.codes import Asked

log = structlog.get_logger(__name__)

_BACKOFF_SECONDS = 0.1
_BACKOFF_LIMIT_SECONDS = 5.0
_SAID_AGAIN_SECONDS = 60.0


class Asker(Protocol):
    """Whoever asks here: fits `processing.codes.CodeProcessor`."""

    def answer(self, allocations: Mapping[str, Allocation]) -> None:
        """Take what the ledger has given."""


class DeskListener(Protocol):
    """What is told to whoever watches."""

    def ledger_answers(self, *, answers: bool) -> None:
        """Whether the database of codes answers."""

    def allocated(self, seconds: float) -> None:
        """The ledger has answered the requests of one chunk; it took so many seconds."""


class NoLedger:
    """What stands in the place of a ledger that no setting names."""

    async def allocate(self, wanted: Sequence[Wanted]) -> Mapping[str, Allocation]:  # noqa: ARG002
        """See `Ledger`."""
        raise _not_set()

    async def give_back(self, requests: Mapping[str, int]) -> None:  # noqa: ARG002
        """See `Ledger`."""
        raise _not_set()

    async def add(self, campaign_id: str, codes: Sequence[str]) -> Sequence[int]:  # noqa: ARG002
        """See `Ledger`."""
        raise _not_set()

    async def pools(self) -> Sequence[Pool]:
        """See `Ledger`."""
        raise _not_set()

    async def free(self, campaigns: Sequence[str], limit: int) -> Mapping[str, int]:  # noqa: ARG002
        """See `Ledger`."""
        raise _not_set()

    async def close(self) -> None:
        """See `Ledger`."""


class Desk:
    """Serves all code tasks of one worker."""

    def __init__(self, ledger: Ledger, listener: DeskListener) -> None:
        self._ledger = ledger
        self._listener = listener
        self._said_at: float | None = None

    async def serve(self, asker: Asker, asked: Asked) -> None:
        """Do what is asked, however long it takes, and hand over the answer."""
        backoff = _BACKOFF_SECONDS
        while True:
            try:
                asker.answer(await self._attempt(asked))
            except LedgerUnavailable as error:
                self._say(error)
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, _BACKOFF_LIMIT_SECONDS)
            else:
                return

    async def _attempt(self, asked: Asked) -> Mapping[str, Allocation]:
        if asked.returned:
            await self._ledger.give_back(asked.returned)
        if not asked.wanted:
            return {}
        began = perf_counter()
        allocations = await self._ledger.allocate(asked.wanted)
        self._listener.allocated(perf_counter() - began)
        self._listener.ledger_answers(answers=True)
        self._said_at = None
        return allocations

    def _say(self, error: LedgerUnavailable) -> None:
        self._listener.ledger_answers(answers=False)
        now = perf_counter()
        if self._said_at is None or now - self._said_at > _SAID_AGAIN_SECONDS:
            self._said_at = now
            log.warning("codes_wait", reason=str(error))


def _not_set() -> LedgerUnavailable:
    return LedgerUnavailable("STREAMPROC_POSTGRES is not set; requests for codes wait until a worker knows a database")
