"""`streamproc worker` that stands still just before one of its clients connects: `... producer|consumer FOLDER`.

All before it has found the brokers by then. It says so with a file `found-<process id>` in the folder, and goes on when
there is one named `go`.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from streamproc.cli import main
from streamproc.runtime.transport import ChunkConsumerThread, PatientProducer

CLIENTS: dict[str, Any] = {"producer": PatientProducer, "consumer": ChunkConsumerThread}


def pause_before(client: Any, folder: Path) -> None:
    """Have it wait before it starts."""
    on_start = client.on_start

    async def pause_and_start(self: Any) -> None:
        (folder / f"found-{os.getpid()}").touch()
        while not (folder / "go").exists():  # noqa: ASYNC110  (another process makes it)
            await asyncio.sleep(0.01)
        await on_start(self)

    client.on_start = pause_and_start


if __name__ == "__main__":
    pause_before(CLIENTS[sys.argv[1]], Path(sys.argv[2]))
    main(["worker"])
