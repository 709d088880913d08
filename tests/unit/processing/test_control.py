"""The control task: verdicts, what is in force, statuses, and reading again."""

from typing import Any

import orjson
import pytest

from streamproc.domain.configuration import Configuration
from streamproc.processing import judging
from streamproc.processing.processor import Record, Slice
from tests.support.configuration import campaign, distribution, segment, validation_rule
from tests.support.control import NOW, ControlTask


@pytest.fixture
def control() -> ControlTask:
    return ControlTask()


def definitions(control: ControlTask) -> dict[bytes, bytes]:
    return dict(control.stores["definitions"].items())


def shown(control: ControlTask) -> dict[bytes, bytes | None]:
    """What the last chunk has changed of what is in force and of what people see."""
    return control.staged["definitions"] | control.staged["distribution-status"]


def standing(control: ControlTask) -> dict[str, dict[bytes, bytes]]:
    return {name: dict(store.items()) for name, store in control.stores.items()}


def test_an_accepted_object_is_in_force_with_its_offset_as_version(control: ControlTask) -> None:
    control.push("segments", segment(id="seg_0"))
    control.push("segments", segment(surplus=[1]))
    assert {key: orjson.loads(value) for key, value in definitions(control).items()} == {
        b"segments/seg_0": {"kind": "segments", "id": "seg_0", "version": 0, "object": segment(id="seg_0")},
        b"segments/seg_1": {"kind": "segments", "id": "seg_1", "version": 1, "object": segment(surplus=[1])},
    }


def test_every_record_gets_its_verdict_under_the_key_of_its_definition(control: ControlTask) -> None:
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


def test_a_bad_record_leaves_the_last_good_version_in_force(control: ControlTask) -> None:
    control.push("distributions", distribution())
    verdict = control.push("distributions", distribution(channels=[]))
    assert (verdict["accepted"], verdict["version"], verdict["in_force_version"]) == (False, 1, 0)
    assert shown(control) == {}


def test_a_deletion_takes_the_object_and_its_status_away(control: ControlTask) -> None:
    control.push("distributions", distribution())
    control.push("distributions", None, "distr_1")
    assert (definitions(control), control.statuses) == ({}, {})


def test_deleting_what_does_not_exist_writes_nothing(control: ControlTask) -> None:
    verdict = control.push("segments", None, "seg_9")
    assert (verdict["accepted"], shown(control)) == (True, {})


@pytest.mark.parametrize("state", ["draft", "live", "paused"])
def test_an_unblocked_distribution_has_the_status_it_was_given(control: ControlTask, state: str) -> None:
    control.push("distributions", distribution(status=state))
    assert control.statuses == {"distr_1": {"distribution_id": "distr_1", "version": 0, "state": state}}


def test_a_live_distribution_that_lacks_something_is_blocked_until_it_comes(control: ControlTask) -> None:
    trigger = {"event": "customer.order.paid", "validation_rule_id": "val_1"}
    verdict = control.push("distributions", distribution(trigger=trigger))
    seen = [control.states]
    control.push("validation-rules", validation_rule())
    seen.append(control.states)
    control.push("validation-rules", None, "val_1")
    seen.append(control.states)
    assert verdict["blocked"] == ["missing validation-rules val_1"]
    assert seen == [
        {"distr_1": ("blocked", 0, "missing validation-rules val_1")},
        {"distr_1": ("live", 0, None)},
        {"distr_1": ("blocked", 0, "missing validation-rules val_1")},
    ]


def test_a_draft_that_lacks_something_stays_a_draft(control: ControlTask) -> None:
    trigger = {"event": "customer.segment.entered", "segment_id": "seg_1"}
    control.push("distributions", distribution(trigger=trigger, status="draft"))
    assert control.states == {"distr_1": ("draft", 0, None)}


def test_what_blocks_through_a_rule_shows_when_the_segment_it_names_comes_and_goes(control: ControlTask) -> None:
    rules = {"1": {"name": "customer.segment", "conditions": {"$is": ["seg_1"]}}, "logic": "1"}
    control.push("validation-rules", validation_rule(rules=rules))
    trigger = {"event": "customer.order.paid", "validation_rule_id": "val_1"}
    control.push("distributions", distribution(trigger=trigger))
    seen = [control.states["distr_1"][0]]
    control.push("segments", segment())
    seen.append(control.states["distr_1"][0])
    control.push("segments", None, "seg_1")
    seen.append(control.states["distr_1"][0])
    assert seen == ["blocked", "live", "blocked"]


def test_a_promotion_tier_that_a_campaign_loses_blocks_who_sends_it(control: ControlTask) -> None:
    control.push("campaigns", campaign())
    action = {"type": "promotion", "promotion_tier_id": "promo_1"}
    control.push("distributions", distribution(action=action))
    seen = [control.states["distr_1"]]
    control.push("campaigns", campaign(promotion_tiers=[]))
    seen.append(control.states["distr_1"])
    assert seen == [("live", 0, None), ("blocked", 0, "missing promotion-tiers promo_1")]


def test_causes_that_change_are_shown_while_it_stays_blocked(control: ControlTask) -> None:
    trigger = {"event": "customer.custom_event", "custom_event": "seen", "validation_rule_id": "val_1"}
    control.push("distributions", distribution(trigger=trigger))
    control.push("validation-rules", validation_rule())
    assert control.states == {"distr_1": ("blocked", 0, "rule_not_available validation-rules val_1")}


def test_an_object_on_which_no_status_hangs_writes_none(control: ControlTask) -> None:
    control.push("distributions", distribution())
    control.push("segments", segment())
    assert set(shown(control)) == {b"segments/seg_1"}


def test_a_rejected_distribution_without_a_good_version_shows_why(control: ControlTask) -> None:
    control.push("distributions", distribution(name=""))
    assert control.states == {"distr_1": ("rejected", 0, "schema at $.name: must not be empty")}


def test_a_good_version_takes_the_place_of_a_rejected_one(control: ControlTask) -> None:
    control.push("distributions", distribution(name=""))
    control.push("distributions", distribution())
    assert control.states == {"distr_1": ("live", 1, None)}


def test_the_deletion_of_a_rejected_distribution_removes_its_status(control: ControlTask) -> None:
    control.push("distributions", distribution(name=""))
    control.push("distributions", None, "distr_1")
    assert control.states == {}


def test_a_name_that_is_taken_is_refused_until_it_is_given_up(control: ControlTask) -> None:
    control.push("distributions", distribution())
    refused = control.push("distributions", distribution(id="distr_2"))
    control.push("distributions", None, "distr_1")
    accepted = control.push("distributions", distribution(id="distr_2"))
    assert [error["code"] for error in refused["errors"]] == ["duplicate_name"]
    assert accepted["accepted"] is True


def test_the_expected_version_must_be_the_one_in_force(control: ControlTask) -> None:
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


def test_records_of_one_topic_are_judged_in_their_order(control: ControlTask) -> None:
    records = [
        Record(0, NOW, b"seg_1", orjson.dumps(segment(name="A"))),
        Record(1, NOW, b"seg_1", None),
        Record(2, NOW, b"seg_1", orjson.dumps(segment(name="B"))),
    ]
    control.take(Slice("segments", 0, records))
    assert [orjson.loads(value)["object"]["name"] for _, value in definitions(control).items()] == ["B"]


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


def test_reading_everything_again_gives_the_same_verdicts_and_the_same_end(control: ControlTask) -> None:
    first = control.take(*history())
    before = standing(control)
    control.restart()
    again = control.take(*history())
    assert again.records["config-verdicts", 0] == first.records["config-verdicts", 0]
    assert standing(control) == before


def test_reading_again_what_compaction_has_left_changes_nothing(control: ControlTask) -> None:
    first = control.take(*history())
    before = standing(control)
    control.restart()
    *others, distributions = history()
    left = Slice("distributions", 0, [record for record in distributions.records if record.offset in {1, 4, 5}])
    again = control.take(*others, left)
    verdicts = first.records["config-verdicts", 0]
    assert again.records["config-verdicts", 0] == [verdicts[index] for index in (0, 1, 3, 6, 7)]
    assert standing(control) == before


def test_a_rebuilt_processor_judges_as_the_one_before_it(control: ControlTask) -> None:
    control.take(*history())
    control.restart()
    refused = control.push("distributions", distribution(id="distr_9", name="New"))
    assert [error["code"] for error in refused["errors"]] == ["duplicate_name"]


def test_a_chunk_that_was_thrown_away_leaves_nothing(control: ControlTask) -> None:
    control.processor.process(history(), NOW)
    for store in control.stores.values():
        store.rollback()
    control.restart()
    assert control.push("distributions", distribution())["accepted"] is True


def _fail(*_: object) -> None:
    raise KeyError("ann@example.com")


@pytest.mark.parametrize(
    ("target", "name"), [(judging, "judge"), (Configuration, "causes"), (Configuration, "_remember")]
)
def test_a_record_at_which_the_judge_fails_is_parked_and_refused_and_changes_nothing(
    control: ControlTask, monkeypatch: pytest.MonkeyPatch, target: object, name: str
) -> None:
    control.push("distributions", distribution())
    before = control.states, definitions(control)
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
    assert shown(control) == {}
    assert (control.states, definitions(control)) == before
    assert control.push("distributions", distribution(name="other"))["accepted"]
