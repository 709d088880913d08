"""How many codes are left, looked up by workers.

One of them does so now and then, for whoever has to import more in time; the control task does before a release that
may need more.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from streamproc.codes.ledger import Ledger
from streamproc.domain.configuration import Configuration
from streamproc.errors import LedgerUnavailable

#: Up to where codes are counted: beyond it nobody has to hurry.
PLENTY = 10_000
_EVERY_SECONDS = 15.0
# With nothing to count yet: campaigns are read after the start, and tasks change hands.
_SOON_SECONDS = 1.0
# A release waits no longer for a number that is only there to warn.
_PATIENCE_SECONDS = 0.5


async def codes_free(ledger: Ledger, needed: Mapping[str, int]) -> Mapping[str, int]:
    """Count the codes left of campaigns, up to how many are needed; nothing is known if that takes long."""
    if not needed:
        return {}
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await ledger.free(list(needed), max(needed.values()))
    except (LedgerUnavailable, TimeoutError):
        return {}


class LevelListener(Protocol):
    """What is told to whoever watches."""

    def codes_free(self, free: Mapping[str, int]) -> None:
        """The codes left of each campaign in force; none when it is another worker's turn."""


class LevelReader:
    """Counts what is left of the campaigns in force that make none themselves, while `is_my_turn` says so."""

    def __init__(
        self, ledger: Ledger, configuration: Configuration, is_my_turn: Callable[[], bool], listener: LevelListener
    ) -> None:
        self._ledger = ledger
        self._configuration = configuration
        self._is_my_turn = is_my_turn
        self._listener = listener

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            counted = await self.count()
            await asyncio.sleep(_EVERY_SECONDS if counted else _SOON_SECONDS)

    async def count(self) -> int:
        """Count once, and tell how many campaigns; a database that does not answer is somebody else's to tell."""
        free: Mapping[str, int] = {}
        campaigns = self._configuration.objects("campaigns").items() if self._is_my_turn() else ()
        counted = [campaign_id for campaign_id, campaign in campaigns if campaign.record["type"] == "static"]
        if counted:
            try:
                free = await self._ledger.free(counted, PLENTY)
            except LedgerUnavailable:
                return len(counted)
        self._listener.codes_free(free)
        return len(counted)
