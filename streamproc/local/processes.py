"""Child processes that end when they should: with their parent, when asked, or by their id from another command."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_POLL_SECONDS = 0.02
# Linux sends the signal when the *thread* that made the child ends. This one lives as long as the interpreter.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
# Runs in the child before it becomes the command: PR_SET_PDEATHSIG (1) to SIGKILL, unless the parent is gone already.
_TIE_TO_PARENT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); "
    "os.getppid() == int(sys.argv[1]) or sys.exit(1); os.execv(sys.argv[2], sys.argv[2:])"
)


def spawn(command: Sequence[str], log: Path, *, dies_with_parent: bool) -> subprocess.Popen[bytes]:
    """Start a command (its program by full path) in its own session, output appended to `log`.

    The own session keeps Ctrl-C for the parent, which then stops its children in order. A parent that is killed
    takes the child with it if `dies_with_parent`; only Linux has the means.
    """
    arguments = list(command)
    if dies_with_parent and sys.platform == "linux":
        arguments = [sys.executable, "-I", "-S", "-c", _TIE_TO_PARENT, str(os.getpid()), *arguments]
    with log.open("ab") as output:
        return _SPAWNER.submit(
            subprocess.Popen[bytes],
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ).result()


def end(process: subprocess.Popen[bytes], limit: float) -> None:
    """Ask a child to end; kill it after `limit` seconds."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_by_id(pid: int, word: str, limit: float) -> None:
    """`end` for a process that is no child of ours, if it still is the one that has `word` in its command line."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not is_running(pid, word):
            return
        os.kill(pid, number)
        deadline = time.monotonic() + limit
        while is_running(pid, word) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


def is_running(pid: int, word: str) -> bool:
    """Whether this process id belongs to a live process whose command line has `word`: ids are used again."""
    command_line = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self").exists():
        try:
            return word.encode() in command_line.read_bytes()
        except OSError:
            return False
    listing = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return word in listing.stdout
