"""`schemas/`: generated from the models, and true: each example gets the verdict that stands beside it.

The context of every example is all valid ones in force. `verdicts.json` of a kind names for each example, under its
path, the errors and warnings (path and code) and what blocks it; `headers` and `key` are the record's where they
matter, `size` says to how many bytes the record is filled up with blanks.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from jsonschema import Draft202012Validator

from streamproc.cli.schemas import FOLDER, RECORDS, main, schema, schema_file, schema_text
from streamproc.domain.commands import CommandKind, Report, out_of_codes_report
from streamproc.domain.configuration import KINDS, Configuration, InForce
from streamproc.domain.events import Event, read_event
from streamproc.domain.form import check_form
from streamproc.domain.judge import EXPECTED_VERSION, MODELS, judge
from streamproc.domain.outcomes import Parked
from streamproc.domain.problems import RefusalCode
from streamproc.domain.profiles import read_customer
from streamproc.processing.dead_letters import dead_letter
from streamproc.processing.processor import Record

EXAMPLES = FOLDER / "examples"
# What no record can be refused for by the objects in force alone: the control task knows of releases.
NOT_SHOWN = {"already_sent"}


def examples(kind: str, folder: str = "*") -> list[Path]:
    return sorted((EXAMPLES / kind).glob(f"{folder}/*.json"))


def named(kind: str, folder: str = "*") -> list[Any]:
    return [pytest.param(kind, file, id=f"{kind}/{file.parent.name}/{file.stem}") for file in examples(kind, folder)]


def written(report: Report) -> Any:
    return orjson.loads(report.encode())


def of_all(kinds: tuple[str, ...], folder: str = "*") -> list[Any]:
    return [parameter for kind in kinds for parameter in named(kind, folder)]


OTHERS = tuple(topic for topic in RECORDS if topic not in KINDS)


@cache
def everything_valid() -> Configuration:
    configuration = Configuration()
    for kind in KINDS:
        for version, file in enumerate(examples(kind, "valid")):
            record = orjson.loads(file.read_bytes())
            configuration.apply(kind, record["id"], InForce(kind, record["id"], version, record))
    return configuration


@cache
def expected_verdicts(kind: str) -> dict[str, Any]:
    verdicts: dict[str, Any] = json.loads((EXAMPLES / kind / "verdicts.json").read_bytes())
    return verdicts


@pytest.mark.parametrize("topic", RECORDS)
def test_a_schema_says_what_its_model_says(topic: str) -> None:
    assert schema_file(topic).read_text(encoding="utf-8") == schema_text(topic), "run: make schemas"


def test_there_is_no_schema_and_no_folder_of_examples_without_a_model() -> None:
    assert {file.name for file in FOLDER.glob("*.schema.json")} == {schema_file(topic).name for topic in RECORDS}
    assert {folder.name for folder in EXAMPLES.iterdir()} == set(RECORDS)


def test_generating_writes_all_schemas(tmp_path: Path) -> None:
    main([str(tmp_path / "schemas")])
    written = {file.name: file.read_text(encoding="utf-8") for file in (tmp_path / "schemas").iterdir()}
    assert written == {schema_file(topic).name: schema_text(topic) for topic in RECORDS}


@pytest.mark.parametrize("topic", RECORDS)
def test_a_schema_is_a_json_schema(topic: str) -> None:
    Draft202012Validator.check_schema(schema(topic))


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_has_its_verdict_and_every_verdict_its_example(kind: str) -> None:
    assert {f"{file.parent.name}/{file.stem}" for file in examples(kind)} == set(expected_verdicts(kind))


@pytest.mark.parametrize(("kind", "file"), of_all(KINDS))
def test_an_example_gets_its_verdict(kind: str, file: Path) -> None:
    expected = expected_verdicts(kind)[f"{file.parent.name}/{file.stem}"]
    value = file.read_bytes().ljust(expected.get("size", 0))
    key = expected["key"].encode() if "key" in expected else None
    header = expected.get("headers", {}).get(EXPECTED_VERSION)
    verdict = judge(kind, key, value, 100, header.encode() if header is not None else None, everything_valid())
    told = verdict.as_json()
    assert {
        "errors": [{"path": one["path"], "code": one["code"]} for one in told["errors"]],
        "warnings": [{"path": one["path"], "code": one["code"]} for one in told["warnings"]],
        "blocked": told["blocked"],
    } == {name: expected[name] for name in ("errors", "warnings", "blocked")}
    assert verdict.accepted is (file.parent.name == "valid")
    assert Draft202012Validator(schema("config-verdicts")).is_valid(told)


def test_every_code_that_a_record_can_be_refused_for_has_an_example() -> None:
    shown = {
        error["code"] for kind in KINDS for verdict in expected_verdicts(kind).values() for error in verdict["errors"]
    }
    assert shown == set(get_args(RefusalCode)) - NOT_SHOWN


@pytest.mark.parametrize(("kind", "file"), of_all(KINDS))
def test_a_json_schema_and_its_model_agree_on_the_form(kind: str, file: Path) -> None:
    try:
        record = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError:
        return
    expected = expected_verdicts(kind)[f"{file.parent.name}/{file.stem}"]
    by_schema = Draft202012Validator(schema(kind)).is_valid(record)
    if check_form(MODELS[kind], record):
        assert not by_schema
    elif not by_schema:
        # Conditions between fields are no part of a model's form, but the JSON Schema tells some of them.
        assert "schema" in {error["code"] for error in expected["errors"]}


@pytest.mark.parametrize(("topic", "file"), of_all(OTHERS))
def test_a_json_schema_takes_the_valid_examples_and_refuses_the_invalid(topic: str, file: Path) -> None:
    record = orjson.loads(file.read_bytes())
    assert Draft202012Validator(schema(topic)).is_valid(record) is (file.parent.name == "valid")


@pytest.mark.parametrize("kind", get_args(CommandKind))
def test_a_report_on_any_command_has_its_form(kind: CommandKind) -> None:
    assert Draft202012Validator(schema("partition-reports")).is_valid(written(Report(f"{kind}:seg_1:7", kind, 3)))


def test_a_report_that_answers_no_command_has_its_form() -> None:
    assert Draft202012Validator(schema("partition-reports")).is_valid(written(out_of_codes_report("distr_1", 7, 3)))


@pytest.mark.parametrize("offset", [0, -1])
def test_the_headers_of_a_dead_letter_have_their_form_also_that_of_a_walk(offset: int) -> None:
    record = Record(offset, 0, b"send:distr_1:ann", b"{}")
    *_, headers = dead_letter(Parked("too_large", "x"), "partition-commands", 3, record, "2026-11-23T12:00:01.000Z")
    told = {name: (text or b"").decode() for name, text in headers}
    assert Draft202012Validator(schema("dead-letters")).is_valid(told)


@pytest.mark.parametrize("file", examples("customer-events"), ids=lambda file: file.stem)
def test_an_example_of_an_event_is_read_as_the_schema_says(file: Path) -> None:
    value = file.read_bytes()
    key = orjson.loads(value)["data"].get("customer", {}).get("id", "").encode()
    assert isinstance(read_event(key, value), Event) is (file.parent.name == "valid")


@pytest.mark.parametrize("file", examples("customers"), ids=lambda file: file.stem)
def test_an_example_of_a_customer_is_read_as_the_schema_says(file: Path) -> None:
    value = file.read_bytes()
    read = read_customer(orjson.loads(value).get("id", "cust_1").encode(), value)
    assert isinstance(read, dict) is (file.parent.name == "valid")
