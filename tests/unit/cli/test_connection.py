"""Wrong settings end a command that needs the brokers with what is wrong, whichever command it is."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from streamproc.cli import main

COMMANDS = [
    ["get", "segments"],
    ["audit", "--postgres", "postgresql://postgres@127.0.0.1:1/streamproc"],
    ["codes", "import", "camp_1", "-", "--postgres", "postgresql://postgres@127.0.0.1:1/streamproc"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_each_problem_is_one_line(command: list[str]) -> None:
    answer = CliRunner().invoke(main, command, env={"STREAMPROC_KAFKA": None, "STREAMPROC_WEB_PORT": "0"})
    assert answer.exit_code == 2
    first, second = answer.stderr.splitlines()
    assert first.startswith("Error: kafka: not set; give --kafka or set STREAMPROC_KAFKA")
    assert second.startswith("Error: web_port: ")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_certificates_that_cannot_be_read_are_one_line(command: list[str], tmp_path: Path) -> None:
    wrong = {"KAFKA": "127.0.0.1:1", "SECURITY_PROTOCOL": "SSL", "SSL_CAFILE": str(tmp_path / "none.pem")}
    answer = CliRunner().invoke(main, command, env={f"STREAMPROC_{name}": value for name, value in wrong.items()})
    assert answer.exit_code == 2
    (told,) = answer.stderr.splitlines()
    assert told.startswith(f"Error: ssl_cafile: no certificates can be read from {tmp_path / 'none.pem'}: ")
