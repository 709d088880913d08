"""The controls of the test of definitions that change under way: workers that take them in carelessly.

Each is `streamproc worker` in everything but one thing, which its first argument names. `stamp`: what was pushed
takes effect, under the version that the object had first. `reload`: after each change everything is read anew from
the beginning, while events flow.
"""

import asyncio
import sys

import orjson

from streamproc import app
from streamproc.cli import main
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.restore import Apply
from streamproc.runtime.table import TableReader

PAUSE_SECONDS = 0.1


class StampingReader(TableReader):
    """Keeps the first version of each object, and takes its later contents."""

    def __init__(self, kafka: Kafka, topic: str, apply: Apply) -> None:
        first: dict[bytes, int] = {}

        def apply_under_first(key: bytes, value: bytes | None) -> None:
            if value is not None:
                told = orjson.loads(value)
                value = orjson.dumps(told | {"version": first.setdefault(key, told["version"])})
            apply(key, value)

        super().__init__(kafka, topic, apply_under_first)


class ReloadingReader(TableReader):
    """Puts everything in force again that ever was, one after the other."""

    def __init__(self, kafka: Kafka, topic: str, apply: Apply) -> None:
        self._known: list[tuple[bytes, bytes | None]] = []
        self._reloading: asyncio.Task[None] | None = None

        def note(key: bytes, value: bytes | None) -> None:
            self._known.append((key, value))
            apply(key, value)
            if self._reloading is None or self._reloading.done():
                self._reloading = asyncio.create_task(self._reload(apply))

        super().__init__(kafka, topic, note)

    async def _reload(self, apply: Apply) -> None:
        for key, value in self._known:
            await asyncio.sleep(PAUSE_SECONDS)
            apply(key, value)


READERS = {"stamp": StampingReader, "reload": ReloadingReader}

if __name__ == "__main__":
    vars(app)["TableReader"] = READERS[sys.argv[1]]
    main(["worker"])
