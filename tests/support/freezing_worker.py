"""A worker that stops itself once, as SIGSTOP from outside would, at a chosen place between ledger and brokers.

It is `streamproc worker` in everything but that, and in what comes next: when it wakes, its ledger does what it was
about to do before anything else can tell that others have gone on, which is the worst that can happen. Arguments: the
place; the file that tells it to stop there, removed when it does; and how it gives codes back. `sound` is as it should
be. `careless` is the control: it puts back whatever has the publication's id by now, and does not note that it did.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

from streamproc import app
from streamproc.cli import main
from streamproc.codes.keys import publication_key
from streamproc.codes.postgres import PostgresLedger
from streamproc.codes.sql import query
from streamproc.domain.codes import Allocation, Wanted

CARELESS = (
    "UPDATE streamproc.codes SET publication = NULL, customer = NULL, given_at = NULL WHERE publication = ANY ($1)"
)


Answer = TypeVar("Answer")


class FreezingLedger(PostgresLedger):
    """Stops before it asks for codes, when they are its own but nobody has been told, or before it puts some back."""

    place: str
    told: Path

    def __init__(self, address: str, connections: int = 4) -> None:
        super().__init__(address, connections)
        self._address = address

    async def allocate(self, wanted: Sequence[Wanted]) -> Mapping[str, Allocation]:
        if self._has_stopped("asking"):
            return self._at_once(lambda ledger: ledger.allocate(wanted))
        found = await super().allocate(wanted)
        if found:
            self._has_stopped("allocated")
        return found

    async def give_back(self, requests: Mapping[str, int]) -> None:
        if self._has_stopped("giving_back"):
            self._at_once(lambda ledger: ledger.give_back(requests))
        else:
            await self._put_back(requests)

    async def _put_back(self, requests: Mapping[str, int]) -> None:
        await super().give_back(requests)

    def _has_stopped(self, place: str) -> bool:
        if place != self.place or not self.told.exists():
            return False
        self.told.unlink()
        os.kill(os.getpid(), signal.SIGSTOP)
        return True

    def _at_once(self, call: Callable[[Self], Coroutine[Any, Any, Answer]]) -> Answer:
        async def called() -> Answer:
            ledger = type(self)(self._address)
            try:
                return await call(ledger)
            finally:
                await ledger.close()

        with ThreadPoolExecutor(max_workers=1) as another:
            return another.submit(asyncio.run, called()).result()


class CarelessLedger(FreezingLedger):
    """The control."""

    async def _put_back(self, requests: Mapping[str, int]) -> None:
        async with self._transaction() as connection:
            await connection.execute(query("giving_up"))
            await connection.execute(CARELESS, list(map(publication_key, requests)))


LEDGERS = {"sound": FreezingLedger, "careless": CarelessLedger}

if __name__ == "__main__":
    FreezingLedger.place, FreezingLedger.told = sys.argv[1], Path(sys.argv[2])
    vars(app)["PostgresLedger"] = LEDGERS[sys.argv[3]]
    main(["worker"])
