import pytest
from click.testing import CliRunner

from streamproc.cli import main
from streamproc.cli.delete import as_text

VERDICT = {"kind": "segments", "id": "seg_1", "version": 4, "accepted": True, "errors": [], "in_force_version": None}
CONFLICT = {"path": "$", "code": "version_conflict", "message": "expected version 3, but version 2 is in force"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "segments/seg_1: deleted"),
        (
            {"accepted": False, "errors": [CONFLICT]},
            "segments/seg_1: not deleted\n    version_conflict at $: expected version 3, but version 2 is in force",
        ),
    ],
)
def test_a_verdict_is_told_in_a_line_and_one_for_each_reason(change: dict[str, object], text: str) -> None:
    assert as_text({**VERDICT, **change}) == text


@pytest.mark.parametrize(
    "arguments", [[], ["segments"], ["triggers", "x"], ["segments", "seg_1", "--if-version", "-1"]]
)
def test_bad_use_ends_with_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["delete", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")


def test_brokers_that_are_not_there_end_it_with_2() -> None:
    result = CliRunner().invoke(main, ["delete", "segments", "seg_1", "--kafka", "127.0.0.1:1"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: brokers at 127.0.0.1:1: " in result.stderr
