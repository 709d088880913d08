import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from streamproc.cli.demo.comparison import Check, compare, compare_counts
from streamproc.cli.demo.outcome import FoundJob, Outcome, cause_id
from streamproc.local.recount import ExpectedJob, Recount

LANE = ("deliveries.email", 0)
VERSIONS = {"distr_receipt": 7}


def make_recount() -> Recount:
    recount = Recount()
    recount.jobs = {f"job_{place}": ExpectedJob("ann", "distr_receipt", "email", place) for place in (1, 2, 3)}
    recount.decisions["ann", "distr_receipt", "email", 0, "unsubscribed", "evt_4"] = 1
    recount.changes["ann", "seg_golden", "entered", "evt_5"] = 1
    recount.dead_letters["wrong_key", b"bob", "digest"] = 2
    recount.receipts["distr_sale", 1, "done", 5, 2] = 1
    recount.processed, recount.ignored, recount.duplicates = 4, 1, 2
    return recount


def make_outcome() -> Outcome:
    recount = make_recount()
    jobs = [FoundJob(identity, "ann", "distr_receipt", 7, "email", LANE) for identity in recount.jobs]
    return Outcome(
        jobs,
        recount.decisions.copy(),
        recount.changes.copy(),
        recount.dead_letters.copy(),
        recount.receipts.copy(),
    )


def wrong(checks: list[Check]) -> dict[str, int]:
    return {check.name: check.wrong for check in checks if not check.passed}


def lose_a_job(outcome: Outcome) -> None:
    del outcome.jobs[1]


def repeat_a_job(outcome: Outcome) -> None:
    outcome.jobs.append(outcome.jobs[2])


def invent_a_job(outcome: Outcome) -> None:
    outcome.jobs.append(replace(outcome.jobs[2], identity="job_other"))


def swap_two_jobs(outcome: Outcome) -> None:
    outcome.jobs[0], outcome.jobs[1] = outcome.jobs[1], outcome.jobs[0]


def take_another_version(outcome: Outcome) -> None:
    outcome.jobs[0] = replace(outcome.jobs[0], version=9)


def change_a_decision(outcome: Outcome) -> None:
    outcome.decisions = Counter({("ann", "distr_receipt", "email", 0, "missing_contact", "evt_4"): 1})


def change_a_change(outcome: Outcome) -> None:
    outcome.changes = Counter({("ann", "seg_golden", "left", "evt_5"): 1})


def lose_a_dead_letter(outcome: Outcome) -> None:
    outcome.dead_letters["wrong_key", b"bob", "digest"] -= 1


def change_a_receipt(outcome: Outcome) -> None:
    outcome.receipts = Counter({("distr_sale", 1, "done", 4, 2): 1})


def test_an_outcome_that_is_as_expected_passes_every_check() -> None:
    assert wrong(compare(make_recount(), make_outcome(), VERSIONS)) == {}


@pytest.mark.parametrize(
    ("sabotage", "found"),
    [
        (lose_a_job, {"jobs missing": 1}),
        (repeat_a_job, {"jobs twice": 1}),
        (invent_a_job, {"jobs that should not be": 1}),
        (swap_two_jobs, {"jobs out of order for their customer": 1}),
        (take_another_version, {"jobs of another version": 1}),
        (change_a_decision, {"decisions missing": 1, "decisions that should not be": 1}),
        (change_a_change, {"changes of membership missing": 1, "changes of membership that should not be": 1}),
        (lose_a_dead_letter, {"dead letters missing": 1}),
        (change_a_receipt, {"receipts missing": 1, "receipts that should not be": 1}),
        (lambda outcome: outcome.malformed.append("odd"), {"jobs that contradict themselves": 1}),
    ],
)
def test_each_difference_fails_its_check(sabotage: Callable[[Outcome], None], found: dict[str, int]) -> None:
    outcome = make_outcome()
    sabotage(outcome)
    assert wrong(compare(make_recount(), outcome, VERSIONS)) == found


def test_order_is_asked_of_each_customer_and_lane_alone() -> None:
    outcome = make_outcome()
    elsewhere = replace(outcome.jobs.pop(0), lane=("deliveries.email", 1))
    outcome.jobs.append(elsewhere)
    assert wrong(compare(make_recount(), outcome, VERSIONS)) == {}


def test_the_workers_count_has_to_agree_outcome_by_outcome() -> None:
    right = {"processed": 4, "ignored": 1, "duplicate": 2, "dead_letter": 2}
    assert compare_counts(make_recount(), right).passed
    assert compare_counts(make_recount(), {**right, "ignored": 2, "other": 1}).examples == (
        "ignored: counted 2, not 1",
        "other: counted 1, not 0",
    )


def test_receipts_are_read_from_the_log_in_their_order_beside_changes_of_state() -> None:
    outcome = Outcome()
    held = {"distribution_id": "distr_sale", "version": 1, "state": "held", "receipt": "held", "at": "now"}
    for entry in (held, {**held, "receipt": "done", "state": "done"}, {"distribution_id": "distr_sale", "state": None}):
        told = entry | ({"emitted": 3, "undeliverable": 1} if entry["state"] == "done" else {"emitted": 0})
        outcome.take("distribution-log", 0, b"distr_sale", json.dumps({"undeliverable": 0} | told).encode(), [])
    assert outcome.receipts == {("distr_sale", 0, "held", 0, 0): 1, ("distr_sale", 1, "done", 3, 1): 1}


def test_the_cause_of_a_release_is_its_distribution() -> None:
    assert cause_id({"release": "distr_sale"}) == "release:distr_sale"
    assert cause_id({"event_id": "evt_1", "via": "entered:seg_1"}) == "evt_1#entered:seg_1"
