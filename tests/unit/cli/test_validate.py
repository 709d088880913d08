"""`streamproc validate`: files in, verdicts out."""

import os
import subprocess
import sys
from pathlib import Path
from time import process_time
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.cli import main
from tests.support.configuration import campaign, distribution, segment, validation_rule

ENTERED = {"event": "customer.segment.entered", "segment_id": "seg_1"}


def write(directory: Path, files: dict[str, object]) -> Path:
    """Write files below a directory: texts as they are, other values as JSON."""
    for name, content in files.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else orjson.dumps(content))
    return directory


def lines(*records: object) -> str:
    return "".join(f"{orjson.dumps(record).decode()}\n" for record in records)


def validate(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["validate", *map(str, arguments)], catch_exceptions=False)


def verdicts(result: Result) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in result.stdout.splitlines()]


def test_a_whole_directory_is_judged_in_the_order_of_applying(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "distributions/a.json": distribution(trigger=ENTERED),
            "validation-rules/b.json": validation_rule(),
            "segments/c.jsonl": lines(segment(), segment(id="seg_2")),
            "campaigns/d.json": campaign(),
            "README.md": "not configuration",
            "other/e.json": {},
        },
    )
    result = validate(tmp_path, "--json")
    assert result.exit_code == 0
    assert verdicts(result) == [
        {
            "kind": kind,
            "id": object_id,
            "version": version,
            "accepted": True,
            "errors": [],
            "warnings": [],
            "blocked": [],
            "in_force_version": version,
            "file": str(tmp_path / file),
            "line": line,
        }
        for kind, object_id, version, file, line in [
            ("campaigns", "camp_1", 0, "campaigns/d.json", 1),
            ("segments", "seg_1", 0, "segments/c.jsonl", 1),
            ("segments", "seg_2", 1, "segments/c.jsonl", 2),
            ("validation-rules", "val_1", 0, "validation-rules/b.json", 1),
            ("distributions", "distr_1", 0, "distributions/a.json", 1),
        ]
    ]


def test_files_come_by_name_and_of_two_records_with_one_id_the_later_good_one_wins(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "segments/b.jsonl": lines(segment(name="second"), segment(type="dynamic")),
            "segments/a.json": segment(name="first"),
            "segments/.hidden.json": segment(),
        },
    )
    result = validate(tmp_path, "--json")
    assert [(one["version"], one["accepted"], one["in_force_version"]) for one in verdicts(result)] == [
        (0, True, 0),
        (1, True, 1),
        (2, False, 1),
    ]
    assert result.exit_code == 1


def test_blank_lines_have_no_version_but_count_as_lines(tmp_path: Path) -> None:
    write(tmp_path, {"segments/a.jsonl": f"\n{lines(segment())}  \r\n{lines(segment(id='seg_2')).strip()}"})
    found = [(one["line"], one["version"], one["id"]) for one in verdicts(validate(tmp_path, "--json"))]
    assert found == [(2, 0, "seg_1"), (4, 1, "seg_2")]


def test_broken_json_is_a_verdict_and_the_other_records_get_theirs(tmp_path: Path) -> None:
    write(
        tmp_path, {"segments/a.json": "{", "segments/b.jsonl": "nonsense\n" + lines(segment()), "segments/c.json": ""}
    )
    result = validate(tmp_path, "--json")
    assert result.exit_code == 1
    assert [(one["id"], [error["code"] for error in one["errors"]]) for one in verdicts(result)] == [
        (None, ["schema"]),
        (None, ["schema"]),
        ("seg_1", []),
        (None, ["schema"]),
    ]


def test_blocked_is_an_answer_of_no_only_with_strict(tmp_path: Path) -> None:
    write(tmp_path, {"distributions/a.json": distribution(trigger=ENTERED)})
    assert validate(tmp_path).exit_code == 0
    assert validate(tmp_path, "--strict").exit_code == 1
    [verdict] = verdicts(validate(tmp_path, "--json", "--strict"))
    assert (verdict["accepted"], verdict["blocked"]) == (True, ["missing segments seg_1"])


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"distributions/a.jsonl": lines(distribution(), distribution(id="distr_2"))})
    assert [one["accepted"] for one in verdicts(validate(tmp_path, "--json"))] == [True, False]


def test_one_file_or_one_folder_gets_the_verdicts_that_it_gets_with_the_rest(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "distributions/a.json": distribution(),
            "distributions/b.json": distribution(id="distr_2", name="On entering", trigger=ENTERED),
            "segments/c.json": segment(),
        },
    )
    everything = verdicts(validate(tmp_path, "--json"))
    assert verdicts(validate(tmp_path / "distributions", "--json")) == everything[1:]
    assert verdicts(validate(tmp_path / "distributions" / "b.json", "--json")) == everything[2:]


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("distributions", "a.json"),
        ("distributions", "."),
        (".", "distributions/a.json"),
        ("segments", "../distributions"),
    ],
)
def test_a_path_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, path: str) -> None:
    write(tmp_path, {"distributions/a.json": distribution(trigger=ENTERED), "segments/c.json": segment()})
    monkeypatch.chdir(tmp_path / folder)
    [verdict] = verdicts(validate(path, "--json"))
    assert (verdict["id"], verdict["blocked"]) == ("distr_1", [])


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (".", "distributions/a.json"),
        ("distributions", "distributions/a.json"),
        ("distributions/a.json", "distributions/a.json"),
        ("../shop", "../shop/distributions/a.json"),
    ],
)
def test_a_file_is_named_from_where_the_path_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, shown: str
) -> None:
    monkeypatch.chdir(write(tmp_path, {"shop/distributions/a.json": distribution()}) / "shop")
    [verdict] = verdicts(validate(path, "--json"))
    assert verdict["file"] == shown


def test_people_read_one_line_a_finding_and_a_sum(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "distributions/a.json": distribution(trigger=ENTERED),
            "segments/b.jsonl": lines(segment(id="seg_2"), segment(id="seg", type="passive", name="")),
            "validation-rules/c.json": validation_rule(
                rules=validation_rule()["rules"] | {"2": {"name": "order.amount", "conditions": {"$is": [1]}}}
            ),
        },
    )
    without_effect = "rule_without_effect at $.rules.2: the logic does not name this rule, so it has no effect"
    not_allowed = "is not allowed here; allowed: static, dynamic, external"
    result = validate(tmp_path)
    assert result.stdout.replace(f"{tmp_path}/", "").splitlines() == [
        "segments/b.jsonl:2: segments/seg: rejected: schema at $.name: must not be empty",
        f'segments/b.jsonl:2: segments/seg: rejected: schema at $.type: "passive" {not_allowed}',
        f"validation-rules/c.json:1: validation-rules/val_1: warning: {without_effect}",
        "distributions/a.json:1: distributions/distr_1: blocked: missing segments seg_1",
        "4 records: 2 accepted, 1 blocked, 1 rejected",
    ]
    assert result.exit_code == 1


@pytest.mark.parametrize("path", ["nowhere", "empty", "stray.json", "campaigns/notes.txt", "other/a.json", "campaigns"])
def test_nothing_to_judge_is_bad_use(tmp_path: Path, path: str) -> None:
    write(tmp_path, {"stray.json": {}, "campaigns/notes.txt": "x", "other/a.json": {}})
    (tmp_path / "empty").mkdir()
    result = validate(tmp_path / path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {tmp_path / path}: ")


def test_no_path_is_bad_use() -> None:
    assert validate().exit_code == 2


def test_a_link_that_leads_nowhere_is_not_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"segments/a.json": segment()})
    (tmp_path / "segments" / "b.json").symlink_to(tmp_path / "nowhere.json")
    result = validate(tmp_path)
    assert result.exit_code == 2
    assert "b.json" in result.stderr


def test_file_names_that_are_no_unicode_are_shown_as_well_as_possible(tmp_path: Path) -> None:
    write(tmp_path, {"segments/a.json": segment(type="x")})
    os.rename(tmp_path / "segments" / "a.json", os.fsencode(tmp_path / "segments") + b"/\xff.json")  # noqa: PTH104 (bytes)
    [verdict] = verdicts(validate(tmp_path, "--json"))
    assert verdict["file"].endswith("/segments/?.json")
    assert validate(tmp_path).exit_code == 1


def test_many_lines_take_no_more_time_each(tmp_path: Path) -> None:
    records = [distribution(id=f"distr_{number}", name=f"Number {number}") for number in range(20_000)]
    write(tmp_path, {"distributions/a.jsonl": lines(*records)})
    started = process_time()
    result = validate(tmp_path, "--json")
    assert result.exit_code == 0
    assert len(verdicts(result)) == 20_000
    assert process_time() - started < 10


def test_the_command_starts_without_the_parts_that_talk_to_kafka(tmp_path: Path) -> None:
    write(tmp_path, {"segments/a.json": segment()})
    script = (
        "import sys\n"
        "from streamproc.cli import main\n"
        "try:\n"
        f"    main(['validate', {str(tmp_path)!r}])\n"
        "finally:\n"
        "    print(*{'faust', 'aiokafka', 'mode'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "1 record: 1 accepted, 0 blocked, 0 rejected\n\n"


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    records = [segment(id=f"seg_{number}") for number in range(2_000)]
    write(tmp_path, {"segments/a.jsonl": lines(*records)})
    command = [sys.executable, "-m", "streamproc", "validate", str(tmp_path), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
