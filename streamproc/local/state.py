"""The local broker that outlives the command which started it: started, found again and stopped.

What is known about it stands in `local.json` in its folder: one broker a folder.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from streamproc.errors import LocalBrokerError
from streamproc.local.addresses import broker_answers
from streamproc.local.cache import alone, cache_folder
from streamproc.local.kafka import EXISTING_BROKER_VARIABLE, LocalKafka, existing_broker
from streamproc.local.processes import end_by_id, is_running

_ANSWER_LIMIT_SECONDS = 5.0
_STOP_LIMIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class LocalState:
    """A broker that runs. `pid` and `folder` are None for one that `STREAMPROC_KAFKA` names and nobody here started."""

    bootstrap: str
    pid: int | None
    folder: str | None


def default_folder() -> Path:
    """Where the broker is kept when no folder is given."""
    return cache_folder() / "local"


def up(folder: Path) -> tuple[LocalState, bool]:
    """Give the running broker of this folder, the existing one that the variable names, or start one.

    Also tells whether one was started. Raises `LocalBrokerError` when there is none and none can be started.
    """
    folder = folder.absolute()
    with alone(folder / "lock"):
        if running := _read(folder):
            return running, False
        if named := existing_broker():
            return _existing(named), False
        broker = LocalKafka(folder, outlives_parent=True)
        broker.start()
        state = LocalState(broker.bootstrap, broker.pid, str(folder))
        _file(folder).write_bytes(orjson.dumps(asdict(state)))
        return state, True


def down(folder: Path) -> LocalState | None:
    """Stop the broker of this folder; its data stay. Returns what was stopped, None when nothing ran."""
    folder = folder.absolute()
    if not folder.is_dir():
        return None
    with alone(folder / "lock"):
        state = _read(folder)
        if state and state.pid:
            end_by_id(state.pid, _word(folder), _STOP_LIMIT_SECONDS)
        _file(folder).unlink(missing_ok=True)
        return state


def status(folder: Path) -> LocalState | None:
    """Find the broker of this folder, else the existing one that the variable names; None when neither answers."""
    state = _read(folder.absolute())
    if state is None and (named := existing_broker()):
        state = LocalState(named, None, None)
    return state if state and broker_answers(state.bootstrap, _ANSWER_LIMIT_SECONDS) else None


def _existing(named: str) -> LocalState:
    if not broker_answers(named, _ANSWER_LIMIT_SECONDS):
        raise LocalBrokerError(
            f"no broker answers at {named}, which {EXISTING_BROKER_VARIABLE} names; unset it to start one here"
        )
    return LocalState(named, None, None)


def _read(folder: Path) -> LocalState | None:
    """Read the state; a file whose process is gone, or is another program by now, counts for nothing."""
    try:
        state = LocalState(**orjson.loads(_file(folder).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return state if state.pid and is_running(state.pid, _word(folder)) else None


def _file(folder: Path) -> Path:
    return folder / "local.json"


def _word(folder: Path) -> str:
    """Return what the command line of this folder's broker has and no other process's."""
    return str(LocalKafka(folder).configuration)
