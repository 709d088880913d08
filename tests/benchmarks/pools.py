"""Pools of codes for benchmarks."""

from streamproc.codes.postgres import PostgresLedger

IMPORTED_AT_ONCE = 100_000


async def fill_pool(ledger: PostgresLedger, campaign_id: str, count: int) -> None:
    """Import `count` codes that begin with the campaign's id."""
    for first in range(0, count, IMPORTED_AT_ONCE):
        numbers = range(first, min(first + IMPORTED_AT_ONCE, count))
        await ledger.add(campaign_id, [f"{campaign_id}-{number:09}" for number in numbers])
