"""The ledger of codes: what any keeper of pools and publications has to do. Contract tests hold all of them to it.

A code belongs to one campaign and is free or given; given, it has one publication of one customer. Whoever asks for
the same publication again is given the same code, so an attempt that came to nothing is simply made again, by anybody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from streamproc.domain.codes import Allocation, Wanted


@dataclass(frozen=True, slots=True)
class Pool:
    """The codes of one campaign, counted."""

    campaign_id: str
    free: int
    given: int


class Ledger(Protocol):
    """Every call may be made again.

    Each raises `LedgerUnavailable` when it cannot be made now; it may have happened all the same, an allocation also in
    part.
    """

    async def allocate(self, wanted: Sequence[Wanted]) -> Mapping[str, Allocation]:
        """Give codes, by request, in this order.

        Whoever is not in the answer found neither a free nor a new one, or was given up.
        """

    async def give_back(self, requests: Mapping[str, int]) -> None:
        """Put the codes of requests back into their pools; the caller knows that none of them went out.

        Each comes with its number: an attempt for the same one, made late, gets no code, and what another request for
        the same publication was given stays.
        """

    async def add(self, campaign_id: str, codes: Sequence[str]) -> Sequence[int]:
        """Put codes into a pool; return the places of those that were there already, or stand twice."""

    async def pools(self) -> Sequence[Pool]:
        """Count everything."""

    async def free(self, campaigns: Sequence[str], limit: int) -> Mapping[str, int]:
        """Count the free codes of these campaigns, each up to a limit; a campaign without a pool has none."""

    async def close(self) -> None:
        """Let go of what it holds, without waiting for what is under way."""
