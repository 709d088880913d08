"""The README tells the truth: its tables are the code's, and its commands work as they stand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamproc.local.addresses import free_ports
from tests.support.readme import README, commands, with_tables

ROOT = README.parent


def test_the_tables_are_those_of_the_code() -> None:
    assert README.read_text() == with_tables(README.read_text()), "run: python -m tests.support.readme"


@pytest.mark.broker
def test_the_commands_work_one_after_the_other(tmp_path: Path) -> None:
    """In a cache folder of its own, but with the jars that are there, and against a broker of its own."""
    (port,) = free_ports(1)
    folder = tmp_path / "broker"
    script = commands().replace("streamproc local up", f"streamproc local up --folder {folder}")
    script = script.replace("streamproc local down", f"streamproc local down --folder {folder}")
    # Whatever happens, nothing is left running.
    tidy = f"kill $(jobs -p) 2>/dev/null || true; streamproc local down --folder {folder} >&2 || true"
    script = f"trap '{tidy}' EXIT\n{script}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STREAMPROC_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    environment["STREAMPROC_WEB_PORT"] = str(port)
    done = subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail", "-m", "-c", script],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "distr_receipt" in done.stdout


def test_every_file_that_the_documents_point_to_exists() -> None:
    schemas = ROOT / "schemas"
    for document in (README, ROOT / "deploy" / "runbook.md", schemas / "README.md", schemas / "FIRST_DISTRIBUTION.md"):
        links = [part.split(")")[0].split("#")[0] for part in document.read_text().split("](")[1:]]
        for link in links:
            assert (document.parent / link).exists(), f"{document.name} points to {link}"
