from pathlib import Path

import pytest
from click.testing import CliRunner

from streamproc.cli.apply import apply, as_text
from streamproc.cli.configuration_files import FileRecord
from streamproc.cli.pushing import Judged
from streamproc.local.sample import CONFIGURATION

NOWHERE = ["--kafka", "127.0.0.1:1"]
VERDICT = {
    "kind": "segments",
    "id": "seg_1",
    "version": 4,
    "accepted": True,
    "errors": [],
    "warnings": [],
    "blocked": [],
    "in_force_version": 4,
}
FINDING = {"path": "$.name", "code": "schema", "message": "this field is required"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "a.jsonl:2: segments/seg_1: accepted, version 4"),
        ({"blocked": ["missing segments x"]}, "a.jsonl:2: segments/seg_1: blocked, version 4\n    missing segments x"),
        (
            {"accepted": False, "errors": [FINDING]},
            "a.jsonl:2: segments/seg_1: rejected, version 4\n    schema at $.name: this field is required",
        ),
        (
            {"warnings": [FINDING]},
            "a.jsonl:2: segments/seg_1: accepted, version 4\n    warning: schema at $.name: this field is required",
        ),
        ({"accepted": False, "id": None, "version": None}, "a.jsonl:2: segments/?: rejected"),
    ],
)
def test_a_verdict_is_told_beside_its_file_and_line(change: dict[str, object], text: str) -> None:
    record = FileRecord("segments", Path("a.jsonl"), 2, 0, b"{}")
    assert as_text(Judged(record, {**VERDICT, **change})) == text


def test_a_path_without_configuration_ends_with_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(apply, [str(tmp_path), *NOWHERE])
    assert (result.exit_code, result.output.startswith(f"Error: {tmp_path}: no *.json")) == (2, True)


def test_an_expected_version_is_for_one_record_alone() -> None:
    result = CliRunner().invoke(apply, [str(CONFIGURATION), "--if-version", "3", *NOWHERE])
    assert (result.exit_code, result.output) == (
        2,
        f"Error: --if-version is for one record, and {CONFIGURATION} holds 52\n",
    )


def test_brokers_that_are_not_there_end_it_with_2() -> None:
    result = CliRunner().invoke(apply, [str(CONFIGURATION), *NOWHERE])
    assert result.exit_code == 2
    assert "Error: brokers at 127.0.0.1:1: " in result.output
