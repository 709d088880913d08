import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from streamproc.cli.demo import demo
from streamproc.local.expectations import PROMISES

pytestmark = pytest.mark.broker

SMALL = ["--events", "5000", "--rate", "2000"]


def left_behind(temporary: Path) -> list[str]:
    return [path.name for path in temporary.glob("streamproc-*")]


def test_the_demo_passes_and_leaves_nothing_behind(kafka: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "streamproc", "demo", *SMALL, "--json"],
        env={**os.environ, "STREAMPROC_KAFKA": kafka, "TMPDIR": str(tmp_path)},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    told = json.loads(ran.stdout)
    assert [check for check in told["checks"] if check["wrong"]] == []
    assert (told["passed"], told["events"]) == (True, 5000)
    assert told["jobs"] > 4000
    assert 0 < told["latency_p50_seconds"] <= told["latency_p99_seconds"]
    assert left_behind(tmp_path) == []


def test_the_demo_fails_when_what_comes_out_is_not_what_had_to(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a count that has never heard of receipts
    known = [promise for promise in PROMISES if promise.distribution != "distr_receipt"]
    monkeypatch.setattr("streamproc.local.recount.PROMISES", known)
    # When
    result = CliRunner().invoke(demo, SMALL, env={"STREAMPROC_KAFKA": kafka})
    # Then
    assert result.exit_code == 1
    assert "FAILED: 5,000 events" in result.output
    assert "jobs that should not be: job_" in result.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_stops_its_worker_and_its_broker(number: signal.Signals, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "STREAMPROC_KAFKA"}
    process = subprocess.Popen(
        [sys.executable, "-m", "streamproc", "demo", "--events", "1000000"],
        env={**environment, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    children: list[psutil.Process] = []
    for line in process.stdout:
        if "at 1,000 a second" in line:
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(number)
            break
    _, complaints = process.communicate(timeout=60)
    assert (process.returncode, complaints) == (130, "interrupted; everything has been stopped\n")
    assert len(children) >= 2
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert left_behind(tmp_path) == []
