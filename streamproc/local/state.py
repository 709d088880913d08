"""The local broker and database that outlive the command which started them: started, found again and stopped.

What is known about them stands in `local.json` in their folder: one of each a folder.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson

from streamproc.errors import LocalPostgresError
from streamproc.local.addresses import broker_answers, postgres_answers
from streamproc.local.cache import alone, cache_folder
from streamproc.local.kafka import ANSWER_LIMIT_SECONDS, LocalKafka, answering_broker, existing_broker
from streamproc.local.postgres import EXISTING_POSTGRES_VARIABLE, STOP, LocalPostgres, existing_postgres
from streamproc.local.processes import end_by_id, is_running

_STOP_LIMIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class LocalState:
    """What runs: addresses of the broker and of the database, and their processes.

    A process is None for what `STREAMPROC_KAFKA` or `STREAMPROC_POSTGRES` names and nobody here started; `folder` is
    None when that is all. An address is None when there is no such server.
    """

    bootstrap: str | None = None
    pid: int | None = None
    folder: str | None = None
    postgres: str | None = None
    postgres_pid: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether there is a broker and a database."""
        return self.bootstrap is not None and self.postgres is not None


def default_folder() -> Path:
    """Where they are kept when no folder is given."""
    return cache_folder() / "local"


def up(folder: Path) -> tuple[LocalState, bool]:
    """Give what runs in this folder, what the variables name, or start it.

    Also tells whether anything was started. Raises `LocalBrokerError` or `LocalPostgresError` when one of them is not
    there and cannot be started; what was started before it is stopped again.
    """
    folder = folder.absolute()
    with alone(folder / "lock"):
        running = _read(folder)
        with_database = running if running.postgres else _database_up(running, folder)
        try:
            state = with_database if running.bootstrap else _broker_up(with_database, folder)
        except BaseException:
            if not running.postgres:
                _stop_database(with_database, folder)
            raise
        if (state.pid, state.postgres_pid) == (running.pid, running.postgres_pid):
            return state, False
        _file(folder).write_bytes(orjson.dumps(asdict(state)))
        return state, True


def down(folder: Path) -> LocalState | None:
    """Stop what runs in this folder; its data stay. Returns what was stopped, None when nothing ran."""
    folder = folder.absolute()
    if not folder.is_dir():
        return None
    with alone(folder / "lock"):
        state = _read(folder)
        if state.pid:
            end_by_id(state.pid, _broker_word(folder), _STOP_LIMIT_SECONDS)
        _stop_database(state, folder)
        _file(folder).unlink(missing_ok=True)
        return state if state.pid or state.postgres_pid else None


def status(folder: Path) -> LocalState | None:
    """Find what runs in this folder, else what the variables name, as far as it answers; None when nothing does."""
    state = _read(folder.absolute())
    bootstrap = state.bootstrap or existing_broker()
    postgres = state.postgres or existing_postgres()
    if not bootstrap or not broker_answers(bootstrap, ANSWER_LIMIT_SECONDS):
        state, bootstrap = replace(state, pid=None), None
    if not postgres or not postgres_answers(postgres, ANSWER_LIMIT_SECONDS):
        state, postgres = replace(state, postgres_pid=None), None
    return replace(state, bootstrap=bootstrap, postgres=postgres) if bootstrap or postgres else None


def _broker_up(state: LocalState, folder: Path) -> LocalState:
    if named := answering_broker():
        return replace(state, bootstrap=named)
    broker = LocalKafka(folder, outlives_parent=True)
    broker.start()
    return replace(state, bootstrap=broker.bootstrap, pid=broker.pid, folder=str(folder))


def _database_up(state: LocalState, folder: Path) -> LocalState:
    if named := existing_postgres():
        if not postgres_answers(named, ANSWER_LIMIT_SECONDS):
            raise LocalPostgresError(
                f"no PostgreSQL answers where {EXISTING_POSTGRES_VARIABLE} says; unset it to start one here"
            )
        return replace(state, postgres=named)
    server = LocalPostgres(folder, outlives_parent=True)
    server.start()
    return replace(state, postgres=server.address, postgres_pid=server.pid, folder=str(folder))


def _stop_database(state: LocalState, folder: Path) -> None:
    if state.postgres_pid:
        end_by_id(state.postgres_pid, _database_word(folder), _STOP_LIMIT_SECONDS, STOP)


def _read(folder: Path) -> LocalState:
    """Read the state; a process that is gone, or is another program by now, counts for nothing."""
    try:
        state = LocalState(**orjson.loads(_file(folder).read_bytes()))
    except (OSError, ValueError, TypeError):
        return LocalState()
    if not _lives(state.pid, folder, _broker_word):
        state = replace(state, bootstrap=None, pid=None)
    if not _lives(state.postgres_pid, folder, _database_word):
        state = replace(state, postgres=None, postgres_pid=None)
    return state if state.pid or state.postgres_pid else LocalState()


def _lives(pid: int | None, folder: Path, word: Callable[[Path], str]) -> bool:
    return pid is not None and is_running(pid, word(folder))


def _file(folder: Path) -> Path:
    return folder / "local.json"


def _broker_word(folder: Path) -> str:
    """Return what the command line of this folder's broker has and no other process's."""
    return str(LocalKafka(folder).configuration)


def _database_word(folder: Path) -> str:
    """Return what the command line of this folder's database has and no other process's."""
    return str(LocalPostgres(folder).data)
