"""`get` and `delete` against a real worker."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streamproc.cli import main
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic
from tests.support.configuration import distribution, segment
from tests.support.streams import send
from tests.support.workers import Workers

pytestmark = pytest.mark.broker

ENTERED = distribution(trigger={"event": "customer.segment.entered", "segment_id": "seg_1"}, name="Hello [all]")


@pytest.fixture
def served(brokers: Kafka, tmp_path: Path) -> Iterator[Kafka]:
    """Topics and a worker."""
    with asyncio.Runner() as runner:
        workers = Workers(brokers, tmp_path, app_id=brokers.prefix.strip("."))
        try:
            runner.run(workers.started())
            yield brokers
        finally:
            runner.run(workers.__aexit__(None, None, None))


def run(brokers: Kafka, command: str, *arguments: object) -> Result:
    given = [command, *map(str, arguments), "--kafka", brokers.bootstrap, "--prefix", brokers.prefix]
    return CliRunner().invoke(main, given, env={}, catch_exceptions=False)


def push(brokers: Kafka, folder: Path, **kinds: dict[str, Any]) -> Result:
    for kind, record in kinds.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind / "one.json").write_text(json.dumps(record))
    return run(brokers, "apply", folder)


def told(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_what_is_in_force_is_shown_and_gone_once_it_is_deleted(served: Kafka, tmp_path: Path) -> None:
    assert push(served, tmp_path / "conf", segments=segment(), distributions=ENTERED).exit_code == 0
    shown = {"kind": "distributions", "id": "distr_1", "version": 0, "state": "live", "object": ENTERED}
    assert told(run(served, "get", "distributions", "--json")) == [shown]
    assert told(run(served, "get", "segments", "seg_1", "--json")) == [
        {"kind": "segments", "id": "seg_1", "version": 0, "object": segment()}
    ]
    assert [line.split() for line in run(served, "get", "distributions").stdout.splitlines()] == [
        ["id", "name", "version", "state", "problem"],
        ["distr_1", "Hello", "[all]", "0", "live"],
    ]
    assert run(served, "get", "distributions", "distr_1").stdout.startswith("distributions/distr_1: version 0, live\n{")

    deleted = run(served, "delete", "segments", "seg_1")
    assert (deleted.exit_code, deleted.output) == (0, "segments/seg_1: deleted\n")
    assert told(run(served, "get", "segments", "--json")) == []
    (blocked,) = told(run(served, "get", "distributions", "--json"))
    assert (blocked["state"], blocked["problem"]) == ("blocked", "missing segments seg_1")


def test_a_deletion_that_expects_another_version_is_refused(served: Kafka, tmp_path: Path) -> None:
    push(served, tmp_path / "conf", segments=segment())
    refused = run(served, "delete", "segments", "seg_1", "--if-version", 3)
    assert (refused.exit_code, refused.output.splitlines()[0]) == (1, "segments/seg_1: not deleted")
    assert "version_conflict at $: " in refused.output
    assert len(told(run(served, "get", "segments", "--json"))) == 1
    (verdict,) = told(run(served, "delete", "segments", "seg_1", "--if-version", 0, "--json"))
    assert (verdict["accepted"], verdict["version"], verdict["in_force_version"]) == (True, 2, None)


def test_what_is_not_in_force_cannot_be_shown_or_deleted(served: Kafka) -> None:
    for command in ("get", "delete"):
        result = run(served, command, "campaigns", "camp_9")
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: no campaigns/camp_9 in force\n")


def test_a_segment_that_is_being_synced_for_the_first_time_is_told_of_and_can_be_taken_back(served: Kafka) -> None:
    # Given a sync that has no end: the partitions have never heard of it
    pending = json.dumps({"kind": "segments", "id": "seg_1", "version": 7, "object": segment()}).encode()
    asyncio.run(send(served, Topic.CONTROL_STATE, [(b"pending/seg_1", pending, [])]))
    # Then
    for command, option in {"get": "segments", "customers": "--segment"}.items():
        asked = run(served, command, option, "seg_1")
        assert (asked.exit_code, asked.stdout) == (1, "")
        assert asked.stderr.startswith("Error: no segments/seg_1 in force; version 7 is being synced")
    assert run(served, "delete", "segments", "seg_1").output == "segments/seg_1: deleted\n"


def test_a_distribution_that_was_only_ever_rejected_is_told_of_and_can_be_taken_away(
    served: Kafka, tmp_path: Path
) -> None:
    assert push(served, tmp_path / "conf", distributions=distribution(channels=[])).exit_code == 1
    asked = run(served, "get", "distributions", "distr_1")
    assert (asked.exit_code, asked.stdout) == (1, "")
    assert asked.stderr.startswith("Error: no distributions/distr_1 in force; rejected: schema at $.channels: ")
    assert run(served, "delete", "distributions", "distr_1").exit_code == 0
    assert run(served, "status", "distr_1").exit_code == 1


def test_without_a_worker_there_is_nothing_in_force_and_nothing_to_delete(brokers: Kafka) -> None:
    assert told(run(brokers, "get", "distributions", "--json")) == []
    assert run(brokers, "delete", "distributions", "distr_1", "--timeout", 0.5).exit_code == 1
