"""Standard input that is closed: what reads it says so, and begins nothing."""

import subprocess
import sys

import pytest

CLOSED = ("/bin/sh", "-c", 'exec "$@" <&-', "sh")
NOWHERE = "postgresql://postgres@127.0.0.1:1/none"


@pytest.mark.parametrize(
    "command",
    [
        ["codes", "import", "camp_1", "-", "--unchecked", "--postgres", NOWHERE],
        ["simulate", "--config", "streamproc/local/sample", "--events", "-"],
        ["customers", "--filter", "-", "--kafka", "127.0.0.1:1"],
    ],
    ids=lambda command: command[0],
)
def test_a_closed_standard_input_is_an_error_that_says_so(command: list[str]) -> None:
    done = subprocess.run(
        [*CLOSED, sys.executable, "-m", "streamproc", *command], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("standard input is closed\n")
    assert "Traceback" not in done.stderr
