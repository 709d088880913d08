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
# Runs in the child before it becomes the command. First a user namespace (CLONE_NEWUSER), in which root is nobody, if
# asked for; then, because that takes it away, PR_SET_PDEATHSIG (1) to SIGKILL, unless the parent is gone already.
_PRELUDE = (
    "import ctypes, os, sys; parent, nobody, *command = sys.argv[1:]; system = ctypes.CDLL(None); "
    "nobody == '1' and system.unshare(0x10000000) and sys.exit('this system has no user namespaces for root'); "
    "parent != '0' and (system.prctl(1, 9), os.getppid() == int(parent) or sys.exit(1)); "
    "os.execv(command[0], command)"
)


def prepared(command: Sequence[str], *, dies_with_parent: bool = False, as_nobody: bool = False) -> list[str]:
    """Return the command line that sees to this before it becomes the command (its program by full path).

    `as_nobody`: for programs that refuse to run as root; for anybody else it changes nothing. Only Linux has the means.
    """
    is_linux = sys.platform == "linux"
    ties, hides = is_linux and dies_with_parent, is_linux and as_nobody and os.geteuid() == 0
    if not ties and not hides:
        return list(command)
    parent = str(os.getpid()) if ties else "0"
    return [sys.executable, "-I", "-S", "-c", _PRELUDE, parent, "1" if hides else "0", *command]


def spawn(
    command: Sequence[str], log: Path, *, dies_with_parent: bool, as_nobody: bool = False
) -> subprocess.Popen[bytes]:
    """Start a command (its program by full path) in its own session, output appended to `log`.

    The own session keeps Ctrl-C for the parent, which then stops its children in order. A parent that is killed
    takes the child with it if `dies_with_parent`.
    """
    arguments = prepared(command, dies_with_parent=dies_with_parent, as_nobody=as_nobody)
    with log.open("ab") as output:
        return _SPAWNER.submit(
            subprocess.Popen[bytes],
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ).result()


def end(process: subprocess.Popen[bytes], limit: float, ask: signal.Signals = signal.SIGTERM) -> None:
    """Ask a child to end; kill it after `limit` seconds."""
    if process.poll() is not None:
        return
    process.send_signal(ask)
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_by_id(pid: int, word: str, limit: float, ask: signal.Signals = signal.SIGTERM) -> None:
    """`end` for a process that is no child of ours, if it still is the one that has `word` in its command line."""
    for number in (ask, signal.SIGKILL):
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
