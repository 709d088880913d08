"""The README tells the truth: its tables are the code's, and its commands work as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from streamproc.local.addresses import free_ports
from streamproc.settings import ENVIRONMENT_PREFIX, Settings
from tests.support.readme import README, commands, metrics_table, with_tables

ROOT = README.parent
DOCUMENTS = (README, ROOT / "deploy" / "runbook.md", ROOT / "streamproc" / "DECISIONS.md", *ROOT.glob("schemas/*.md"))
# Variables that are no settings of a worker.
OTHER_VARIABLES = {"STREAMPROC_CACHE", "STREAMPROC_PARTITIONS", "STREAMPROC_PURE"}


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


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_file_that_a_document_points_to_exists(document: Path) -> None:
    links = [part.split(")")[0].split("#")[0] for part in document.read_text().split("](")[1:]]
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_metric_and_every_variable_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text()
    metrics = set(re.findall(r"`(streamproc_[a-z_]+)`", metrics_table()))
    assert set(re.findall(r"`(streamproc_[a-z_]+)", text)) <= metrics
    variables = {ENVIRONMENT_PREFIX + name.upper() for name in Settings.model_fields} | OTHER_VARIABLES
    assert set(re.findall(r"STREAMPROC_[A-Z_]+", text)) <= variables
