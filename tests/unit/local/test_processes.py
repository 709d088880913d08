import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streamproc.local.processes import end, end_by_id, is_running, spawn

_QUICK = 0.3
_PATIENT = 20.0


def _child(tmp_path: Path, program: str, *, dies_with_parent: bool = True) -> subprocess.Popen[bytes]:
    """Start a Python child and wait until it has written its first line."""
    log = tmp_path / "log"
    child = spawn([sys.executable, "-u", "-c", program, str(tmp_path)], log, dies_with_parent=dies_with_parent)
    while not log.read_bytes():
        assert child.poll() is None
    return child


_OBEDIENT = "import signal; print('ready'); signal.pause()"
_STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready')\nwhile True: signal.pause()"


@pytest.mark.parametrize("dies_with_parent", [True, False])
def test_a_child_ends_when_asked(tmp_path: Path, dies_with_parent: bool) -> None:
    child = _child(tmp_path, _OBEDIENT, dies_with_parent=dies_with_parent)
    end(child, _PATIENT)
    assert child.returncode == -signal.SIGTERM


def test_a_child_that_does_not_listen_is_killed_after_the_limit(tmp_path: Path) -> None:
    child = _child(tmp_path, _STUBBORN)
    end(child, _QUICK)
    assert child.returncode == -signal.SIGKILL


def test_ending_a_child_that_has_ended_is_nothing(tmp_path: Path) -> None:
    child = spawn([sys.executable, "-c", ""], tmp_path / "log", dies_with_parent=True)
    child.wait()
    end(child, _PATIENT)
    assert child.returncode == 0


@pytest.mark.parametrize(
    ("program", "limit", "code"), [(_OBEDIENT, _PATIENT, signal.SIGTERM), (_STUBBORN, _QUICK, signal.SIGKILL)]
)
def test_a_process_is_ended_by_its_id_and_word(tmp_path: Path, program: str, limit: float, code: int) -> None:
    child = _child(tmp_path, program)
    assert is_running(child.pid, str(tmp_path))
    end_by_id(child.pid, str(tmp_path), limit)
    assert not is_running(child.pid, str(tmp_path))
    assert child.wait() == -code


def test_a_process_without_the_word_is_not_touched(tmp_path: Path) -> None:
    child = _child(tmp_path, _OBEDIENT)
    end_by_id(child.pid, "another word", _QUICK)
    assert child.poll() is None
    end(child, _PATIENT)


def test_output_is_appended_to_the_log(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    command = [sys.executable, "-c", "import sys; print('out', flush=True); print('err', file=sys.stderr)"]
    spawn(command, tmp_path / "log", dies_with_parent=True).wait()
    assert (tmp_path / "log").read_text() == "before\nout\nerr\n"
