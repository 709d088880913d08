"""What a local broker and a local database have in common: a folder, a process, and how they begin and end."""

import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from streamproc.local.processes import end

_STOP_LIMIT_SECONDS = 20.0
_TAIL_LINES = 30


class LocalServer(ABC):
    """One server in a folder, a temporary one if none is given.

    As a context manager it is started, ended and, in a temporary folder, removed; killed with its process too.
    `stop`, `kill`, `start` and `restart` in between keep addresses and data. A given folder is never removed.
    """

    #: How it is asked to end.
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path | None, name: str, *, outlives_parent: bool) -> None:
        self._temporary = folder is None
        self.folder = folder.absolute() if folder else Path(tempfile.mkdtemp(prefix=f"streamproc-{name}-"))
        self._outlives_parent = outlives_parent
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def log(self) -> Path:
        """Everything it printed, over all starts."""

    @abstractmethod
    def start(self) -> None:
        """Start and wait until it answers; when it does not, leave nothing running."""

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """Exit code of its last process, negative for a signal that it did not handle; None while it runs."""
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        """Ask it to end, as an operator would; kill it if it takes too long. Data and addresses stay."""
        if self._process:
            end(self._process, _STOP_LIMIT_SECONDS, self.stop_signal)

    def kill(self) -> None:
        """Kill it as a crash would, without a chance to write anything more. Data and addresses stay."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Stop it if it runs, start it at the same address with the same data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop it and remove the temporary folder."""
        self.stop()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _logged(self) -> int:
        """Return how much it has printed so far, in bytes."""
        return self.log.stat().st_size if self.log.exists() else 0

    def _tail(self, start: int) -> str:
        """Return the last lines of what it has printed since."""
        with self.log.open("rb") as file:
            file.seek(start)
            lines = file.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])
