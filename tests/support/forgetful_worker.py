"""The control of the crash test of codes: a worker whose ledger does not know a request again.

It is `streamproc worker` in everything but that: each attempt asks for codes under new ids.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from streamproc import app
from streamproc.cli import main
from streamproc.codes.postgres import PostgresLedger
from streamproc.domain.codes import Allocation, Wanted


class ForgetfulLedger(PostgresLedger):
    """Gives a new code for each attempt."""

    async def allocate(self, wanted: Sequence[Wanted]) -> Mapping[str, Allocation]:
        attempts = {f"pub_{uuid.uuid4().hex}": one for one in wanted}
        given = await super().allocate([replace(one, id=attempt) for attempt, one in attempts.items()])
        return {
            attempts[attempt].id: Allocation(attempts[attempt].id, allocation.code)
            for attempt, allocation in given.items()
        }


if __name__ == "__main__":
    vars(app)["PostgresLedger"] = ForgetfulLedger
    main(["worker"])
