"""The judge: verdicts, versions, names, deletions, and records that are no objects."""

from time import process_time

import orjson
import pytest

from streamproc.domain.configuration import KINDS, Configuration, InForce
from streamproc.domain.judge import Verdict, judge
from streamproc.domain.problems import Problem
from streamproc.topics import INPUT_LIMIT
from tests.support.configuration import campaign, distribution, findings, judged, put, segment, validation_rule

VALID = {
    "distributions": distribution(),
    "validation-rules": validation_rule(),
    "segments": segment(),
    "campaigns": campaign(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_record_is_accepted_with_its_version(kind: str) -> None:
    record = VALID[kind]
    verdict = judged(kind, record, version=7)
    assert verdict == Verdict(kind, record["id"], 7, accepted=True, in_force_version=7, record=record)


def test_a_verdict_is_written_with_all_fields() -> None:
    configuration = Configuration()
    record = distribution(name="", trigger={"event": "customer.order.paid", "campaign_id": "camp_1"})
    put(configuration, "distributions", distribution(), 4)
    assert judged("distributions", record, configuration, version=9).as_json() == {
        "kind": "distributions",
        "id": "distr_1",
        "version": 9,
        "accepted": False,
        "errors": [
            {"path": "$.name", "code": "schema", "message": "must not be empty"},
            {
                "path": "$.trigger.campaign_id",
                "code": "selector_not_allowed",
                "message": "customer.order.paid does not take campaign_id; allowed: validation_rule_id",
            },
        ],
        "warnings": [],
        "blocked": [],
        "in_force_version": 4,
    }


def test_a_rejected_record_leaves_the_last_good_version_in_force() -> None:
    configuration = Configuration()
    put(configuration, "segments", segment(), 3)
    verdict = judged("segments", segment(type="x"), configuration, version=8)
    assert (verdict.accepted, verdict.in_force_version, verdict.record) == (False, 3, None)
    assert configuration.get("segments", "seg_1") == InForce("segments", "seg_1", 3, segment())


def test_a_distribution_that_lacks_something_is_accepted_and_tells_what() -> None:
    record = distribution(trigger={"event": "customer.segment.entered", "segment_id": "seg_1"})
    configuration = Configuration()
    verdict = judged("distributions", record, configuration)
    assert (verdict.accepted, verdict.blocked) == (True, ["missing segments seg_1"])
    put(configuration, "segments", segment())
    assert judged("distributions", record, configuration).blocked == []


def test_judging_applies_nothing() -> None:
    configuration = Configuration()
    judged("segments", segment(), configuration)
    assert configuration.get("segments", "seg_1") is None


@pytest.mark.parametrize("kind", KINDS)
def test_null_deletes_what_is_in_force_and_what_is_not(kind: str) -> None:
    configuration = Configuration()
    expected = Verdict(kind, "x", 5, accepted=True)
    assert judge(kind, b"x", None, 5, None, configuration) == expected
    put(configuration, kind, VALID[kind] | {"id": "x"}, 2)
    assert judge(kind, b"x", None, 5, None, configuration) == expected


@pytest.mark.parametrize("key", [None, b""])
def test_a_deletion_needs_a_key(key: bytes | None) -> None:
    assert findings(judge("segments", key, None, 0, None, Configuration())) == [("$", "schema")]


@pytest.mark.parametrize("key", [b"seg_2", b"", b"\xff", b"seg_1 "])
def test_the_key_must_be_the_id(key: bytes) -> None:
    verdict = judge("segments", key, orjson.dumps(segment()), 0, None, Configuration())
    assert findings(verdict) == [("$.id", "schema")]


def test_without_a_key_the_object_names_itself() -> None:
    verdict = judge("segments", None, orjson.dumps(segment()), 0, None, Configuration())
    assert (verdict.accepted, verdict.id) == (True, "seg_1")


@pytest.mark.parametrize("object_id", ["", "a\nb", "a\x1fb", "\x00", "x" * 257, 5, None])
def test_an_id_is_a_short_text_without_control_characters(object_id: object) -> None:
    verdict = judge("segments", None, orjson.dumps(segment(id=object_id)), 0, None, Configuration())
    assert findings(verdict) == [("$.id", "schema")]


@pytest.mark.parametrize("value", [b"", b"{", b"\xff", b'{"id": "seg_1"} x', b"[" * 5000, b'{"a": NaN}', b"'x'"])
def test_what_is_not_json_is_refused(value: bytes) -> None:
    [problem] = judge("segments", b"seg_1", value, 0, None, Configuration()).errors
    assert (problem.path, problem.code) == ("$", "schema")
    assert problem.message.startswith("not JSON: ")


@pytest.mark.parametrize("value", [b"null", b"[]", b'"x"', b"5", b"true"])
def test_what_is_no_object_is_refused(value: bytes) -> None:
    [problem] = judge("segments", b"seg_1", value, 0, None, Configuration()).errors
    assert (problem.path, problem.code) == ("$", "schema")
    assert problem.message.startswith("must be an object, not ")


def test_a_record_of_the_greatest_size_is_accepted_and_one_byte_more_is_not() -> None:
    value = orjson.dumps(segment()).ljust(INPUT_LIMIT)
    assert judge("segments", b"seg_1", value, 0, None, Configuration()).accepted
    assert judge("segments", b"seg_1", value + b" ", 0, None, Configuration()).errors == [
        Problem("$", "too_large", "the record has 1048577 bytes; allowed: 1048576")
    ]


def test_names_are_unique_among_distributions_drafts_included() -> None:
    configuration = Configuration()
    put(configuration, "distributions", distribution(status="draft"))
    assert findings(judged("distributions", distribution(id="distr_2"), configuration)) == [
        ("$.name", "duplicate_name")
    ]
    assert judged("distributions", distribution(), configuration).accepted
    assert judged("distributions", distribution(id="distr_2", name="thanks"), configuration).accepted

    configuration.apply("distributions", "distr_1", None)
    assert judged("distributions", distribution(id="distr_2"), configuration).accepted


def test_names_of_other_kinds_may_repeat() -> None:
    configuration = Configuration()
    put(configuration, "segments", segment())
    assert judged("segments", segment(id="seg_2"), configuration).accepted


@pytest.mark.parametrize(
    ("current", "expected", "accepted"),
    [
        (4, None, True),
        (4, b"4", True),
        (4, b"04", True),
        (4, b"3", False),
        (4, b"", False),
        (4, b"four", False),
        (4, b"\xff", False),
        (4, b"-4", False),
        (4, b"4.0", False),
        (4, b"9" * 5000, False),
        (None, b"0", False),
        (None, None, True),
    ],
)
@pytest.mark.parametrize("deletion", [False, True])
def test_an_expected_version_must_be_the_one_in_force(
    current: int | None, expected: bytes | None, *, accepted: bool, deletion: bool
) -> None:
    configuration = Configuration()
    if current is not None:
        put(configuration, "segments", segment(), current)
    value = None if deletion else orjson.dumps(segment())
    verdict = judge("segments", b"seg_1", value, 9, expected, configuration)
    assert verdict.accepted is accepted
    assert findings(verdict) == ([] if accepted else [("$", "version_conflict")])


def test_a_version_conflict_is_told_beside_all_else() -> None:
    verdict = judged("segments", segment(type="x"), expected=b"3")
    assert findings(verdict) == [("$.type", "schema"), ("$", "version_conflict")]


def test_a_verdict_stays_small_whatever_is_wrong() -> None:
    channels = [{"type": "x" * 100}] * 5000
    verdict = judge("distributions", b"k" * 100_000, orjson.dumps({"channels": channels}), 0, None, Configuration())
    written = verdict.as_json()
    assert len(written["errors"]) == 100
    assert written["errors"][-1]["message"].startswith("and ")
    assert len(orjson.dumps(written)) < 100_000


@pytest.mark.parametrize("second", ['"x-a"', '"x\\u002da"'])
def test_a_header_name_that_stands_twice_is_refused(second: str) -> None:
    hook = {"type": "webhook", "url": "https://a.example", "event_name": "paid", "headers": {"x-a": "1", "x-b": "1"}}
    value = orjson.dumps(distribution(channels=[hook, {"type": "email"}, hook]))
    assert judge("distributions", None, value, 0, None, Configuration()).accepted
    head, tail = value.rsplit(b'"x-b"', 1)
    verdict = judge("distributions", None, head + second.encode() + tail, 0, None, Configuration())
    assert findings(verdict) == [("$.channels[2].headers.x-a", "bad_header")]


@pytest.mark.parametrize(
    "record",
    [
        distribution(channels=[{"type": "email"}] * 60_000),
        distribution(
            channels=[
                {
                    "type": "webhook",
                    "url": "https://a.example",
                    "event_name": "paid",
                    "headers": {f"h{number}": "x" for number in range(75_000)},
                }
            ]
        ),
    ],
    ids=["channels", "headers"],
)
def test_a_record_of_the_greatest_size_is_judged_soon(record: dict[str, object]) -> None:
    value = orjson.dumps(record)
    assert 900_000 < len(value) < INPUT_LIMIT
    started = process_time()
    assert judge("distributions", None, value, 0, None, Configuration()).accepted
    assert process_time() - started < 5


@pytest.mark.parametrize("depth", [101, 300, 1021])
def test_a_record_that_nobody_could_write_again_is_refused(depth: int) -> None:
    value = orjson.dumps(distribution())[:-1] + b',"note":' + b"[" * depth + b"]" * depth + b"}"
    verdict = judge("distributions", b"distr_1", value, 0, None, Configuration())
    assert [(problem.path, problem.code) for problem in verdict.errors] == [("$", "schema")]


def test_a_record_as_deep_as_is_allowed_is_accepted_and_can_be_written_inside_another() -> None:
    value = orjson.dumps(distribution())[:-1] + b',"note":' + b"[" * 100 + b"]" * 100 + b"}"
    verdict = judge("distributions", b"distr_1", value, 0, None, Configuration())
    assert verdict.accepted
    assert orjson.loads(orjson.dumps({"object": {"inside": verdict.record}}))
