"""Where the local servers keep what is fetched once and what outlives a command, and one process at a time there."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE_VARIABLE = "STREAMPROC_CACHE"


def cache_folder() -> Path:
    """`STREAMPROC_CACHE`, else `streamproc` in the user's cache folder. It need not exist yet."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "streamproc"


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a lock file while the block runs; other processes (and threads) wait. A process that dies lets go."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
