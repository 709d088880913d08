"""The control task: verdicts, what is in force, statuses, and reading again."""

from typing import Any

import orjson
import pytest

from streamproc.domain.configuration import Configuration
from streamproc.processing import control as control_module
from streamproc.processing.control import ControlProcessor
from streamproc.processing.processor import Output, Record, Slice
from streamproc.runtime.store import StateStore
from tests.support.configuration import campaign, distribution, segment, validation_rule

NOW = 1_764_000_000_000


class Control:
    """A control task with its stores; `push` is one chunk of one record."""

    def __init__(self) -> None:
        self.definitions = StateStore()
        self.statuses = StateStore()
        self.processor = ControlProcessor(self.definitions, self.statuses)
        self.offsets: dict[str, int] = {}

    def push(self, kind: str, record: dict[str, Any] | bytes | None, key: str = "", **header: bytes) -> Any:
        offset = self.offsets[kind] = self.offsets.get(kind, -1) + 1
        value = orjson.dumps(record) if isinstance(record, dict) else record
        object_id = key or (record["id"] if isinstance(record, dict) else "")
        headers = [("expected-version", header["expected"])] if "expected" in header else []
        output = self.take(Slice(kind, 0, [Record(offset, NOW, object_id.encode(), value, headers)]))
        ((_, verdict, _),) = output.records["config-verdicts", 0]
        assert verdict is not None
        return orjson.loads(verdict)

    def take(self, *slices: Slice) -> Output:
        output = self.processor.process(slices, NOW)
        self.staged = {**self.definitions.staged, **self.statuses.staged}
        self.definitions.commit()
        self.statuses.commit()
        return output

    def restart(self) -> None:
        self.processor = ControlProcessor(self.definitions, self.statuses)

    @property
    def status(self) -> dict[str, tuple[str, int, str | None]]:
        found = {key.decode(): orjson.loads(value) for key, value in self.statuses.items()}
        return {key: (value["state"], value["version"], value.get("problem")) for key, value in found.items()}


@pytest.fixture
def control() -> Control:
    return Control()


def test_an_accepted_object_is_in_force_with_its_offset_as_version(control: Control) -> None:
    control.push("segments", segment(id="seg_0"))
    control.push("segments", segment(surplus=[1]))
    assert {key: orjson.loads(value) for key, value in control.definitions.items()} == {
        b"segments/seg_0": {"kind": "segments", "id": "seg_0", "version": 0, "object": segment(id="seg_0")},
        b"segments/seg_1": {"kind": "segments", "id": "seg_1", "version": 1, "object": segment(surplus=[1])},
    }


def test_every_record_gets_its_verdict_under_the_key_of_its_definition(control: Control) -> None:
    output = control.take(
        Slice("segments", 0, [Record(7, NOW, b"seg_1", orjson.dumps(segment())), Record(8, NOW, b"\xff", b"{")])
    )
    records = output.records["config-verdicts", 0]
    assert [(key, headers) for key, _, headers in records] == [(b"segments/seg_1", []), (b"segments/\xff", [])]
    assert orjson.loads(records[0][1] or b"") == {
        "kind": "segments",
        "id": "seg_1",
        "version": 7,
        "accepted": True,
        "errors": [],
        "warnings": [],
        "blocked": [],
        "in_force_version": 7,
    }
    assert output.counts == {("verdicts", "segments", "accepted"): 1, ("verdicts", "segments", "rejected"): 1}


def test_a_bad_record_leaves_the_last_good_version_in_force(control: Control) -> None:
    control.push("distributions", distribution())
    verdict = control.push("distributions", distribution(channels=[]))
    assert (verdict["accepted"], verdict["version"], verdict["in_force_version"]) == (False, 1, 0)
    assert control.staged == {}


def test_a_deletion_takes_the_object_and_its_status_away(control: Control) -> None:
    control.push("distributions", distribution())
    control.push("distributions", None, "distr_1")
    assert (dict(control.definitions.items()), dict(control.statuses.items())) == ({}, {})


def test_deleting_what_does_not_exist_writes_nothing(control: Control) -> None:
    verdict = control.push("segments", None, "seg_9")
    assert (verdict["accepted"], control.staged) == (True, {})


@pytest.mark.parametrize("state", ["draft", "live", "paused"])
def test_an_unblocked_distribution_has_the_status_it_was_given(control: Control, state: str) -> None:
    control.push("distributions", distribution(status=state))
    assert {key: orjson.loads(value) for key, value in control.statuses.items()} == {
        b"distr_1": {"distribution_id": "distr_1", "version": 0, "state": state}
    }


def test_a_live_distribution_that_lacks_something_is_blocked_until_it_comes(control: Control) -> None:
    trigger = {"event": "customer.order.paid", "validation_rule_id": "val_1"}
    verdict = control.push("distributions", distribution(trigger=trigger))
    seen = [control.status]
    control.push("validation-rules", validation_rule())
    seen.append(control.status)
    control.push("validation-rules", None, "val_1")
    seen.append(control.status)
    assert verdict["blocked"] == ["missing validation-rules val_1"]
    assert seen == [
        {"distr_1": ("blocked", 0, "missing validation-rules val_1")},
        {"distr_1": ("live", 0, None)},
        {"distr_1": ("blocked", 0, "missing validation-rules val_1")},
    ]


def test_a_draft_that_lacks_something_stays_a_draft(control: Control) -> None:
    trigger = {"event": "customer.segment.entered", "segment_id": "seg_1"}
    control.push("distributions", distribution(trigger=trigger, status="draft"))
    assert control.status == {"distr_1": ("draft", 0, None)}


def test_what_blocks_through_a_rule_shows_when_the_segment_it_names_comes_and_goes(control: Control) -> None:
    rules = {"1": {"name": "customer.segment", "conditions": {"$is": ["seg_1"]}}, "logic": "1"}
    control.push("validation-rules", validation_rule(rules=rules))
    trigger = {"event": "customer.order.paid", "validation_rule_id": "val_1"}
    control.push("distributions", distribution(trigger=trigger))
    seen = [control.status["distr_1"][0]]
    control.push("segments", segment())
    seen.append(control.status["distr_1"][0])
    control.push("segments", None, "seg_1")
    seen.append(control.status["distr_1"][0])
    assert seen == ["blocked", "live", "blocked"]


def test_a_promotion_tier_that_a_campaign_loses_blocks_who_sends_it(control: Control) -> None:
    control.push("campaigns", campaign())
    action = {"type": "promotion", "promotion_tier_id": "promo_1"}
    control.push("distributions", distribution(action=action))
    seen = [control.status["distr_1"]]
    control.push("campaigns", campaign(promotion_tiers=[]))
    seen.append(control.status["distr_1"])
    assert seen == [("live", 0, None), ("blocked", 0, "missing promotion-tiers promo_1")]


def test_causes_that_change_are_shown_while_it_stays_blocked(control: Control) -> None:
    trigger = {"event": "customer.custom_event", "custom_event": "seen", "validation_rule_id": "val_1"}
    control.push("distributions", distribution(trigger=trigger))
    control.push("validation-rules", validation_rule())
    assert control.status == {"distr_1": ("blocked", 0, "rule_not_available validation-rules val_1")}


def test_an_object_on_which_no_status_hangs_writes_none(control: Control) -> None:
    control.push("distributions", distribution())
    control.push("segments", segment())
    assert set(control.staged) == {b"segments/seg_1"}


def test_a_rejected_distribution_without_a_good_version_shows_why(control: Control) -> None:
    control.push("distributions", distribution(name=""))
    assert control.status == {"distr_1": ("rejected", 0, "schema at $.name: must not be empty")}


def test_a_good_version_takes_the_place_of_a_rejected_one(control: Control) -> None:
    control.push("distributions", distribution(name=""))
    control.push("distributions", distribution())
    assert control.status == {"distr_1": ("live", 1, None)}


def test_the_deletion_of_a_rejected_distribution_removes_its_status(control: Control) -> None:
    control.push("distributions", distribution(name=""))
    control.push("distributions", None, "distr_1")
    assert control.status == {}


def test_a_name_that_is_taken_is_refused_until_it_is_given_up(control: Control) -> None:
    control.push("distributions", distribution())
    refused = control.push("distributions", distribution(id="distr_2"))
    control.push("distributions", None, "distr_1")
    accepted = control.push("distributions", distribution(id="distr_2"))
    assert [error["code"] for error in refused["errors"]] == ["duplicate_name"]
    assert accepted["accepted"] is True


def test_the_expected_version_must_be_the_one_in_force(control: Control) -> None:
    control.push("segments", segment())
    verdicts = [
        control.push("segments", segment(name="A"), expected=b"0"),
        control.push("segments", segment(name="B"), expected=b"0"),
        control.push("segments", segment(id="seg_2"), expected=b"0"),
    ]
    assert [[error["code"] for error in verdict["errors"]] for verdict in verdicts] == [
        [],
        ["version_conflict"],
        ["version_conflict"],
    ]


def test_records_of_one_topic_are_judged_in_their_order(control: Control) -> None:
    records = [
        Record(0, NOW, b"seg_1", orjson.dumps(segment(name="A"))),
        Record(1, NOW, b"seg_1", None),
        Record(2, NOW, b"seg_1", orjson.dumps(segment(name="B"))),
    ]
    control.take(Slice("segments", 0, records))
    assert [orjson.loads(value)["object"]["name"] for _, value in control.definitions.items()] == ["B"]


def history() -> list[Slice]:
    trigger = {"event": "customer.order.paid", "validation_rule_id": "val_1"}
    return [
        Slice("campaigns", 0, [Record(0, NOW, b"camp_1", orjson.dumps(campaign()))]),
        Slice("validation-rules", 0, [Record(0, NOW, b"val_1", orjson.dumps(validation_rule()))]),
        Slice(
            "distributions",
            0,
            [
                Record(0, NOW, b"distr_1", orjson.dumps(distribution(trigger=trigger))),
                Record(1, NOW, b"distr_2", orjson.dumps(distribution(id="distr_2", name="Other", status="on"))),
                Record(2, NOW, b"distr_1", orjson.dumps(distribution(trigger=trigger, status="paused"))),
                Record(3, NOW, b"distr_1", orjson.dumps(distribution(channels=[]))),
                Record(4, NOW, b"distr_3", None),
                Record(
                    5,
                    NOW,
                    b"distr_1",
                    orjson.dumps(distribution(trigger=trigger, name="New")),
                    [("expected-version", b"2")],
                ),
            ],
        ),
    ]


def test_reading_everything_again_gives_the_same_verdicts_and_the_same_end(control: Control) -> None:
    first = control.take(*history())
    before = (dict(control.definitions.items()), dict(control.statuses.items()))
    control.restart()
    again = control.take(*history())
    assert again.records == first.records
    assert (dict(control.definitions.items()), dict(control.statuses.items())) == before


def test_reading_again_what_compaction_has_left_changes_nothing(control: Control) -> None:
    first = control.take(*history())
    before = (dict(control.definitions.items()), dict(control.statuses.items()))
    control.restart()
    *others, distributions = history()
    left = Slice("distributions", 0, [record for record in distributions.records if record.offset in {1, 4, 5}])
    again = control.take(*others, left)
    verdicts = first.records["config-verdicts", 0]
    assert again.records["config-verdicts", 0] == [verdicts[index] for index in (0, 1, 3, 6, 7)]
    assert (dict(control.definitions.items()), dict(control.statuses.items())) == before


def test_a_rebuilt_processor_judges_as_the_one_before_it(control: Control) -> None:
    control.take(*history())
    control.restart()
    refused = control.push("distributions", distribution(id="distr_9", name="New"))
    assert [error["code"] for error in refused["errors"]] == ["duplicate_name"]


def test_a_chunk_that_was_thrown_away_leaves_nothing(control: Control) -> None:
    control.processor.process(history(), NOW)
    control.definitions.rollback()
    control.statuses.rollback()
    control.restart()
    assert control.push("distributions", distribution())["accepted"] is True


def _fail(*_: object) -> None:
    raise KeyError("ann@example.com")


@pytest.mark.parametrize(
    ("target", "name"), [(control_module, "judge"), (Configuration, "causes"), (Configuration, "_remember")]
)
def test_a_record_at_which_the_judge_fails_is_parked_and_refused_and_changes_nothing(
    control: Control, monkeypatch: pytest.MonkeyPatch, target: object, name: str
) -> None:
    control.push("distributions", distribution())
    before = control.status, dict(control.definitions.items())
    works = getattr(target, name)
    failures = iter([True])

    def fail_once(*given: Any) -> Any:
        return _fail() if next(failures, False) else works(*given)

    monkeypatch.setattr(target, name, fail_once)
    value = orjson.dumps(distribution(name="other"))
    output = control.take(Slice("distributions", 0, [Record(1, NOW, b"distr_1", value)]))
    ((_, verdict, _),) = output.records["config-verdicts", 0]
    ((key, kept, headers),) = output.records["dead-letters", 0]
    told = orjson.loads(verdict or b"")
    assert (told["accepted"], told["version"], told["in_force_version"]) == (False, 1, 0)
    assert told["errors"] == [{"path": "$", "code": "schema", "message": "could not be judged: KeyError"}]
    assert (key, kept, dict(headers)["reason"]) == (b"distr_1", value, b"unexpected_error")
    assert control.staged == {}
    assert (control.status, dict(control.definitions.items())) == before
    assert control.push("distributions", distribution(name="other"))["accepted"]
