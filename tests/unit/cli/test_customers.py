"""`customers` without brokers: what it takes for a filter, what it refuses, and how it tells its answer."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from click.testing import CliRunner, Result

from streamproc.cli import main
from streamproc.cli.asked_filter import AskedFilter, read_asked_filter
from streamproc.cli.customer_search import Found, _state_of
from streamproc.cli.customers import Question, as_document, as_lines
from streamproc.domain.customers import NEW_CUSTOMER, encode_customer
from streamproc.domain.problems import Problem

GOLD: dict[str, Any] = {"metadata.club": {"conditions": {"$is": "gold"}}}


def run(*arguments: str, given: str | None = None) -> Result:
    command = ["customers", *arguments, "--kafka", "127.0.0.1:1"]
    return CliRunner().invoke(main, command, env={}, input=given, catch_exceptions=False)


def test_a_filter_is_typed_or_in_a_file_alone_or_in_its_segment(tmp_path: Path) -> None:
    alone, whole = tmp_path / "filter.json", tmp_path / "segment.json"
    alone.write_text(json.dumps(GOLD))
    whole.write_text(json.dumps({"id": "seg_gold", "name": "Gold", "type": "dynamic", "filter": GOLD}))
    for asked in (f" {json.dumps(GOLD)}", str(alone), str(whole)):
        assert read_asked_filter(asked) == AskedFilter(GOLD, [])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"age": {}},
            'attribute_not_available at $.age: "age" is no attribute that a filter may read; allowed: name, ',
        ),
        ({"name": {"conditions": {"$like": "A"}}}, "unknown_operator at $.name.conditions.$like: "),
        ({"name": {"conditions": {"$is": []}}}, "bad_value at $.name.conditions.$is: "),
        ({"junction": "xor", "name": {}}, 'bad_logic at $.junction: "xor" joins nothing; allowed: and, or'),
        ({"type": "dynamic", "filter": {"age": {}}}, 'attribute_not_available at $.filter.age: "age" is no attribute'),
        ({}, "schema at $: a filter needs at least one attribute; allowed: name, "),
        ([], "schema at $: must be an object of attributes and their conditions"),
    ],
)
def test_a_filter_that_no_segment_could_have_is_refused_as_the_judge_would(given: object, told: str) -> None:
    result = run("--filter", json.dumps(given))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"--filter: rejected: {told}")


def test_all_that_is_wrong_is_told_at_once_also_as_json() -> None:
    result = run("--filter", '{"age": {}, "name": {"conditions": {"$like": 1}}}', "--json")
    assert result.exit_code == 2
    found = [(error["path"], error["code"]) for error in json.loads(result.stdout)["errors"]]
    assert found == [("$.age", "attribute_not_available"), ("$.name.conditions.$like", "unknown_operator")]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("{", "--filter: rejected: schema at $: not JSON: "),
        ('{"name": ' + '{"a": ' * 120 + "1" + "}" * 121, "--filter: rejected: schema at $: nested deeper than 100"),
        ("nowhere.json", "Error: [Errno 2] No such file or directory: 'nowhere.json'"),
    ],
)
def test_what_cannot_be_read_is_told_as_well(asked: str, told: str) -> None:
    result = run("--filter", asked)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(told)


def test_standard_input_is_read_and_named_like_an_option() -> None:
    assert run("--filter", "-", given="[1]").stderr.startswith("--filter: rejected: schema at $: ")


@pytest.mark.parametrize("arguments", [[], ["--segment", "seg_1", "--filter", "{}"]])
def test_it_is_asked_about_a_segment_or_a_filter(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, "give --segment or --filter, one of them" in result.stderr) == (2, True)


def test_brokers_that_are_not_there_end_it_with_2() -> None:
    result = run("--filter", json.dumps(GOLD))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: brokers at 127.0.0.1:1: " in result.stderr


def test_the_answer_has_the_counts_and_of_the_sample_what_the_filter_reads() -> None:
    ada = replace(NEW_CUSTOMER, profile={"id": "ada", "name": "Ada", "metadata": {"club": "gold"}})
    warning = Problem("$.name", "operator_alias", "told")
    question = Question(lambda *_: True, ("metadata.club", "events.visit.count"), None, [warning])
    assert as_document(question, Found(9, 2, [("ada", ada), ("bob", None)])) == {
        "matching": 2,
        "customers": 9,
        "sample": [
            {"id": "ada", "name": "Ada", "attributes": {"metadata.club": "gold", "events.visit.count": 0}},
            {"id": "bob", "name": None, "attributes": {}},
        ],
        "warnings": [{"path": "$.name", "code": "operator_alias", "message": "told"}],
    }
    assert as_lines(question, Found(9_000, 2_000)) == ["2,000 of 9,000 customers match"]


def test_of_a_static_segment_those_of_whom_nothing_is_known_are_counted() -> None:
    question = Question(lambda *_: True, listed=5)
    assert as_document(question, Found(9, 2))["unknown"] == 3
    assert as_lines(question, Found(9, 2))[1:] == ["3 more are in its list, and nothing is known of them"]
    assert as_lines(question, Found(9, 5))[1:] == []


def test_where_a_customers_record_was_cleaned_up_the_next_ones_is_not_taken_for_it() -> None:
    known = replace(NEW_CUSTOMER, profile={"id": "ann", "name": "Ann"})

    def fetched(key: bytes, value: bytes | None) -> list[ConsumerRecord]:
        return [ConsumerRecord("customer-state", 0, 7, 0, 0, key, value, None, 0, 0, ())]

    assert _state_of(fetched(b"ann", encode_customer(known)), b"ann") == known
    assert _state_of(fetched(b"bob", encode_customer(known)), b"ann") is None
    assert _state_of(fetched(b"ann", None), b"ann") is None
    assert _state_of([], b"ann") is None
