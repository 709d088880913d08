"""`apply` and `status` against a real worker."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli.apply import apply
from streamproc.cli.demo.worker import Worker
from streamproc.cli.status import status
from streamproc.runtime.kafka import Kafka

pytestmark = pytest.mark.broker

SEGMENT = {"id": "seg_1", "name": "Best customers", "type": "external"}
DISTRIBUTION = {
    "id": "distr_1",
    "name": "Welcome",
    "status": "live",
    "kind": "automatic",
    "trigger": {"event": "customer.segment.entered", "segment_id": "seg_1"},
    "action": {"type": "message"},
    "channels": [{"type": "email"}],
}


@pytest.fixture
def served(brokers: Kafka, tmp_path: Path) -> Iterator[Kafka]:
    """Topics and a worker."""
    with asyncio.Runner() as runner:
        started = Worker.started(brokers, brokers.prefix.strip("."), tmp_path / "worker.log", hold_seconds=0)
        runner.run(started.__aenter__())
        yield brokers
        runner.run(started.__aexit__(None, None, None))


def write(folder: Path, **kinds: list[object]) -> Path:
    for kind, records in kinds.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind / "all.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def run_apply(brokers: Kafka, *arguments: object) -> Result:
    return CliRunner().invoke(
        apply, ["--kafka", brokers.bootstrap, "--prefix", brokers.prefix, *map(str, arguments)], env={}
    )


def run_status(brokers: Kafka, *arguments: str) -> Result:
    return CliRunner().invoke(status, ["--kafka", brokers.bootstrap, "--prefix", brokers.prefix, *arguments], env={})


def test_records_are_judged_in_the_order_that_needs_no_second_look(served: Kafka, tmp_path: Path) -> None:
    folder = write(tmp_path / "conf", distributions=[DISTRIBUTION], segments=[SEGMENT])
    result = run_apply(served, folder)
    assert (result.exit_code, result.output.splitlines()) == (
        0,
        [
            f"{folder}/segments/all.jsonl:1: segments/seg_1: accepted, version 0",
            f"{folder}/distributions/all.jsonl:1: distributions/distr_1: accepted, version 0",
            "2 records: 2 accepted, 0 blocked, 0 rejected",
        ],
    )
    rows = [json.loads(line) for line in run_status(served, "--json").output.splitlines()]
    assert [(row["distribution_id"], row["name"], row["version"], row["state"]) for row in rows] == [
        ("distr_1", "Welcome", 0, "live")
    ]


def test_a_version_that_is_not_in_force_is_a_conflict_and_the_one_that_is_goes_through(
    served: Kafka, tmp_path: Path
) -> None:
    folder = write(tmp_path / "conf", segments=[SEGMENT])
    assert run_apply(served, folder).exit_code == 0
    conflict = run_apply(served, folder, "--if-version", 7, "--json")
    verdict = json.loads(conflict.output)
    assert (conflict.exit_code, verdict["version"], verdict["in_force_version"]) == (1, 1, 0)
    assert [error["code"] for error in verdict["errors"]] == ["version_conflict"]
    assert run_apply(served, folder, "--if-version", 0).exit_code == 0


def test_records_that_no_topic_would_take_are_rejected_without_being_pushed(served: Kafka, tmp_path: Path) -> None:
    large = {**SEGMENT, "note": "x" * 1_100_000}
    folder = write(tmp_path / "conf", segments=[{"name": "No id"}, large, SEGMENT])
    result = run_apply(served, folder, "--json")
    verdicts = {line["line"]: line for line in map(json.loads, result.output.splitlines())}
    assert result.exit_code == 1
    assert {number: (verdict["accepted"], verdict["version"]) for number, verdict in verdicts.items()} == {
        1: (False, None),
        2: (False, None),
        3: (True, 0),
    }


def test_what_has_been_rejected_is_not_in_force_and_what_is_missing_blocks(served: Kafka, tmp_path: Path) -> None:
    folder = write(tmp_path / "conf", distributions=[DISTRIBUTION, {**DISTRIBUTION, "channels": []}])
    result = run_apply(served, folder)
    assert result.exit_code == 1
    assert "distributions/distr_1: blocked, version 0\n    missing segments seg_1" in result.output
    assert "distributions/distr_1: rejected, version 1\n    schema at $.channels: " in result.output
    assert result.output.endswith("\n2 records: 0 accepted, 1 blocked, 1 rejected\n")
    (row,) = (json.loads(line) for line in run_status(served, "distr_1", "--json").output.splitlines())
    assert (row["version"], row["state"]) == (0, "blocked")
    assert "missing segments seg_1" in json.dumps(row["problem"])


def test_without_a_worker_it_says_so_and_ends(brokers: Kafka, tmp_path: Path) -> None:
    result = run_apply(brokers, write(tmp_path / "conf", segments=[SEGMENT]), "--timeout", 0.5)
    assert result.exit_code == 2
    assert "no verdict on 1 of the pushed records for 0.5 s: is a worker running" in result.output


def test_an_unknown_distribution_has_no_status(brokers: Kafka) -> None:
    result = run_status(brokers, "distr_9")
    assert (result.exit_code, result.output) == (1, "Error: no distribution distr_9\n")


def test_brokers_without_topics_are_told_how_to_get_them(kafka: str) -> None:
    result = run_status(Kafka(kafka, "nobody."))
    assert result.exit_code == 2
    assert "no topic nobody.distribution-status, nobody.definitions; make the topics with" in result.output
