"""Long work of a customer task: syncs, drops, releases, backfills; stopped, resumed, ended; read twice, restarted."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from streamproc.cli.schemas import schema
from streamproc.domain.commands import (
    Command,
    backfill_command,
    count_command,
    drop_command,
    end_command,
    resume_command,
    send_command,
    stop_command,
    sync_command,
)
from streamproc.domain.customers import CustomerState
from streamproc.domain.partitions import partition_of
from streamproc.local.recount import job_id
from streamproc.processing import counts, send_walk
from streamproc.processing import scans as scans_module
from streamproc.processing.bringing import Bringing
from streamproc.processing.outgoing import Outgoing
from streamproc.processing.sender import Sender
from streamproc.processing.updates import Update
from tests.support.configuration import distribution, segment
from tests.support.customer_task import NOW, CustomerTask, Json

GOLD = {"metadata.club": {"conditions": {"$is": "gold"}}}
TIN = {"metadata.club": {"conditions": {"$is": "tin"}}}
CHANNELS = [{"type": "email", "template_id": "tpl_1"}, {"type": "sms"}]


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two customers a step."""
    for module, name in (
        (scans_module, "BROUGHT"),
        (scans_module, "BROUGHT_AT_LEAST"),
        (counts, "LOOKED_AT"),
        (send_walk, "LOOKED_AT"),
        (send_walk, "DECODED"),
        (send_walk, "DECODED_AT_LEAST"),
        (send_walk, "LISTED"),
        (send_walk, "MESSAGES"),
    ):
        monkeypatch.setattr(module, name, 2)


def customer(customer_id: str, club: str = "gold", **fields: Any) -> Json:
    return (
        {"id": customer_id, "name": customer_id.upper(), "email": f"{customer_id}@x.y"}
        | {"metadata": {"club": club}}
        | fields
    )


def definition(record: Json, version: int = 7) -> bytes:
    return orjson.dumps({"kind": "any", "id": record["id"], "version": version, "object": record})


def sync(version: int = 0, filter: Json = GOLD, segment_id: str = "seg_1", **fields: Any) -> Command:  # noqa: A002
    record = segment(id=segment_id, type="dynamic", filter=filter) | fields
    return sync_command(segment_id, version, definition(record, version))


def manual(**fields: Any) -> Json:
    record = distribution(kind="manual", audience={"segment_id": "seg_1"}, channels=CHANNELS)
    del record["trigger"]
    return record | fields


def send(**fields: Any) -> Command:
    return send_command("distr_1", definition(manual(**fields)), {}, {"segment_id": "seg_1"})


def reports(task: CustomerTask, command: str) -> list[Json]:
    return [report for report in task.told("partition-reports") if report["command_id"] == command]


@pytest.fixture
def task() -> CustomerTask:
    task = CustomerTask()
    task.customers(*(customer(one) for one in "abcde"))
    task.run()
    return task


def test_a_sync_lets_a_segment_take_effect_silently(task: CustomerTask) -> None:
    task.customers(customer("b", "tin"))
    task.commands(sync())
    assert task.run() == 3
    assert task.memberships == {key: ["seg_1"] for key in "acde"}
    assert set(task.lanes) == {"partition-reports"}
    assert reports(task, "sync:seg_1:0")[-1] == {
        "command_id": "sync:seg_1:0", "kind": "sync", "partition": 0, "scanned": 5, "matched": 4, "emitted": 0,
        "undeliverable": 0, "total": 5, "done": True, "remaining": 0,
    }  # fmt: skip


def test_progress_is_reported_at_most_once_a_second_and_always_at_the_end(task: CustomerTask) -> None:
    task.commands(sync())
    task.step()
    task.step()
    assert [(report["scanned"], report["done"]) for report in reports(task, "sync:seg_1:0")] == [(2, False)]
    task.now += 1000
    task.step()
    assert [(report["scanned"], report["done"]) for report in reports(task, "sync:seg_1:0")] == [(2, False), (5, True)]


LONG = {f"metadata.{number}": {"conditions": {"$is_unknown": [True]}} for number in range(32)}
ONE_OF_MANY = {"email": {"conditions": {"$contains": [f"{number}@" for number in range(32)]}}}
LOOKED_UP = {"email": {"conditions": {"$in": [f"{number}@x.y" for number in range(32)]}}}


@pytest.mark.parametrize(("filters", "steps"), [(GOLD, 1), (LOOKED_UP, 1), (LONG, 3), (ONE_OF_MANY, 3)])
def test_the_more_comparisons_a_segment_takes_the_fewer_customers_come_in_one_step(
    task: CustomerTask, monkeypatch: pytest.MonkeyPatch, filters: Json, steps: int
) -> None:
    monkeypatch.setattr(scans_module, "BROUGHT", 10)
    task.commands(sync(filter=filters))
    assert task.run() == steps


def test_a_release_takes_fewer_customers_in_one_step_while_such_a_segment_is_brought(
    task: CustomerTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_walk, "DECODED", 10)
    monkeypatch.setattr(send_walk, "MESSAGES", 10)
    task.commands(sync(filter=LONG), send())
    task.step()
    task.step()
    assert orjson.loads(task.task_state.get(b"sends/distr_1") or b"")["scanned"] == 2


def test_an_empty_partition_answers_too() -> None:
    task = CustomerTask()
    task.commands(sync(), send())
    task.run()
    assert [(report["kind"], report["total"], report["done"]) for report in task.told("partition-reports")] == [
        ("sync", 0, True),
        ("send", 0, True),
    ]


def test_a_newer_version_takes_the_place_of_a_sync_under_way(task: CustomerTask) -> None:
    task.customers(customer("b", "tin"))
    task.commands(sync(0))
    task.step()
    task.commands(sync(1, TIN))
    task.run()
    assert task.memberships == {"b": ["seg_1"]}
    assert not any(report["done"] for report in reports(task, "sync:seg_1:0"))
    assert reports(task, "sync:seg_1:1")[-1]["done"]


def test_a_version_that_is_not_new_changes_nothing(task: CustomerTask) -> None:
    task.commands(sync(1, TIN))
    task.run()
    before = dict(task.task_state.items()), list(task.told("partition-reports"))
    task.commands(sync(1, TIN), sync(0, GOLD))
    assert (dict(task.task_state.items()), task.told("partition-reports")) == before
    assert task.is_idle


def test_a_dropped_segment_takes_its_memberships_with_it_and_does_not_come_back(task: CustomerTask) -> None:
    task.commands(sync(0), sync(0, GOLD, "seg_2"))
    task.run()
    task.commands(drop_command("seg_1", 3))
    task.run()
    assert task.memberships == {key: ["seg_2"] for key in "abcde"}
    assert reports(task, "drop:seg_1:3")[-1]["matched"] == 5
    task.restart()
    task.commands(sync(0), drop_command("seg_1", 3))
    assert task.is_idle
    task.commands(sync(4))
    task.run()
    assert task.memberships == {key: ["seg_1", "seg_2"] for key in "abcde"}


def test_a_static_segment_is_synced_too(task: CustomerTask) -> None:
    record = segment(type="static", customers=["b", "d", "nobody"])
    task.commands(sync_command("seg_1", 0, definition(record)))
    task.run()
    assert task.memberships == {key: ["seg_1"] for key in "bd"}


@pytest.fixture
def synced(task: CustomerTask) -> CustomerTask:
    task.customers(customer("b", "tin"), customer("d", phone="+1"))
    task.commands(sync())
    task.run()
    task.lanes.clear()
    return task


def test_a_release_sends_to_each_member_once_with_its_cause_and_version(synced: CustomerTask) -> None:
    synced.commands(send())
    synced.now += 5000
    synced.run()
    assert [job["customer"]["id"] for job in synced.told("deliveries.email")] == ["a", "c", "d", "e"]
    [job] = synced.told("deliveries.sms")
    assert job == {
        "id": job_id("release:distr_1", "d", "distr_1", "sms", 1),
        "distribution": {"id": "distr_1", "name": "Thanks", "version": 7},
        "channel": "sms",
        "channel_index": 1,
        "action": {"type": "message"},
        "settings": {},
        "customer": {"id": "d", "phone": "+1", "name": "D"},
        "cause": {"release": "distr_1"},
        "created_at": "2026-11-24T10:00:00.000Z",
    }
    decisions = [(decision["channel"], decision["reason"]) for decision in synced.told("decisions")]
    assert decisions == [("sms", "missing_contact")] * 3
    assert reports(synced, "send:distr_1")[-1] == {
        "command_id": "send:distr_1", "kind": "send", "partition": 0, "scanned": 5, "matched": 4, "emitted": 5,
        "undeliverable": 3, "total": 5, "done": True, "remaining": 0,
    }  # fmt: skip
    synced.lanes.clear()
    synced.restart()
    synced.commands(send())
    assert synced.is_idle
    assert synced.lanes == {}


def test_membership_is_read_when_the_walk_comes_to_the_customer(synced: CustomerTask) -> None:
    synced.commands(send())
    synced.step()
    reached = {job["customer"]["id"] for job in synced.told("deliveries.email")}
    assert reached == {"a"}
    synced.customers(customer("d", "tin"))
    synced.commands(sync(1, TIN))
    synced.run()
    assert [job["customer"]["id"] for job in synced.told("deliveries.email")] == ["a", "d"]


def test_a_stopped_release_keeps_its_place_and_goes_on_with_the_version_of_the_resume(synced: CustomerTask) -> None:
    synced.commands(send())
    synced.step()
    synced.commands(stop_command("distr_1", 1))
    assert synced.is_idle
    [stopped] = reports(synced, "stop:distr_1:1")
    assert (stopped["kind"], stopped["emitted"], stopped["remaining"], stopped["done"]) == ("stop", 1, 3, True)
    synced.restart()
    synced.commands(resume_command("distr_1", 1, definition(manual(name="Again"), 9), {}))
    synced.run()
    jobs = [(job["customer"]["id"], job["distribution"]["version"]) for job in synced.told("deliveries.email")]
    assert jobs == [("a", 7), ("c", 9), ("d", 9), ("e", 9)]
    [resumed] = [report for report in reports(synced, "resume:distr_1:1") if report["done"]]
    assert (resumed["kind"], resumed["scanned"], resumed["emitted"]) == ("resume", 5, 5)
    assert not any(report["done"] for report in reports(synced, "send:distr_1"))


def test_a_stop_and_a_resume_read_again_change_nothing(synced: CustomerTask) -> None:
    resume = resume_command("distr_1", 1, definition(manual(), 9), {})
    synced.commands(send(), stop_command("distr_1", 1), resume)
    synced.step()
    before = len(synced.told("partition-reports"))
    synced.commands(stop_command("distr_1", 1), resume, send())
    assert len(synced.told("partition-reports")) == before
    synced.run()
    assert len(synced.told("deliveries.email")) == 4


def test_an_ended_release_goes_nowhere(synced: CustomerTask) -> None:
    synced.commands(send())
    synced.step()
    synced.commands(end_command("distr_1"))
    assert synced.is_idle
    [ended] = reports(synced, "end:distr_1")
    assert (ended["kind"], ended["emitted"], ended["remaining"], ended["done"]) == ("end", 1, 3, True)
    synced.commands(resume_command("distr_1", 1, definition(manual(), 9), {}), send())
    assert synced.is_idle
    assert len(synced.told("deliveries.email")) == 1


def test_a_stop_that_finds_nobody_left_says_so(synced: CustomerTask) -> None:
    synced.commands(send())
    synced.run()
    synced.commands(stop_command("distr_1", 1), end_command("distr_1"))
    answers = [(report["kind"], report["emitted"], report["remaining"]) for report in synced.told("partition-reports")]
    assert answers[-2:] == [("stop", 5, 0), ("end", 5, 0)]


def test_a_partition_that_was_asked_for_nothing_answers_a_stop(task: CustomerTask) -> None:
    task.commands(stop_command("distr_1", 1))
    [report] = reports(task, "stop:distr_1:1")
    assert (report["done"], report["remaining"], report["emitted"]) == (True, 0, 0)


def test_listed_customers_without_state_are_unknown_in_the_partition_that_is_theirs() -> None:
    listed = [f"cus_{number}" for number in range(20)]
    mine = [one for one in listed if partition_of(one.encode(), 4) == 1]
    task = CustomerTask(partition=1, partitions=4)
    known = mine[1]
    task.customers(customer(known))
    record = segment(type="static", customers=listed)
    task.commands(sync_command("seg_1", 0, definition(record)))
    task.run()
    task.commands(send())
    task.run()
    assert [job["customer"]["id"] for job in task.told("deliveries.email")] == [known]
    reasons = [key for key, value, _ in task.lanes["decisions"] if b"unknown_customer" in (value or b"")]
    assert reasons == sorted(one.encode() for one in mine if one != known for _ in CHANNELS)
    [done] = [report for report in reports(task, "send:distr_1") if report["done"]]
    assert (done["scanned"], done["matched"]) == (len(mine), len(mine))
    assert done["undeliverable"] == 2 * len(mine) - 1


def test_those_who_are_members_already_are_treated_as_having_entered(synced: CustomerTask) -> None:
    webhook = {"type": "webhook", "url": "https://example.com/", "event_name": "x"}
    record = distribution(
        trigger={"event": "customer.segment.entered", "segment_id": "seg_1"}, channels=[CHANNELS[0], webhook]
    )
    backfill = backfill_command("distr_1", definition(record), {}, "seg_1")
    synced.commands(backfill, backfill)
    synced.run()
    synced.commands(backfill)
    assert synced.is_idle
    job = synced.told("deliveries.email")[0]
    assert job["id"] == job_id("backfill:distr_1", "a", "distr_1", "email", 0)
    assert job["cause"] == {"backfill": "distr_1"}
    payload = synced.told("deliveries.webhook")[0]["payload"]
    assert payload["data"] == {
        "customer": customer("a"),
        "segment": {"id": "seg_1", "name": "VIP", "object": "segment"},
    }
    assert payload["event"] == {"backfill": "distr_1"}
    assert len(synced.told("deliveries.webhook")) == 4


def test_a_webhook_is_told_of_the_distribution_but_not_how_its_channels_are_reached(synced: CustomerTask) -> None:
    webhook = {"type": "webhook", "url": "https://example.com/", "event_name": "x", "headers": {"secret": "s"}}
    record = manual(channels=[webhook], action={"type": "promotion", "promotion_tier_id": "promo_1"})
    action = {"campaign": {"id": "camp_1"}, "promotion_tier": {"id": "promo_1"}}
    synced.commands(send_command("distr_1", definition(record), action, {"segment_id": "seg_1"}))
    synced.run()
    job = synced.told("deliveries.webhook")[0]
    told = {name: value for name, value in record.items() if name != "channels"}
    assert job["payload"]["data"] == {
        "distribution": {**told, "distribution_channels": ["webhook"], "object": "distribution"},
        "customer": customer("a"),
        **action,
    }
    assert job["action"] == {"type": "promotion", "promotion_tier": {"id": "promo_1"}}


def test_releases_and_updates_take_turns(synced: CustomerTask) -> None:
    other = send_command("distr_2", definition(manual(id="distr_2")), {}, {"segment_id": "seg_1"})
    synced.commands(send(), other, sync(1))
    for _ in range(3):
        synced.step()
    kinds = {report["command_id"] for report in synced.told("partition-reports")}
    assert kinds == {"send:distr_1", "send:distr_2", "sync:seg_1:1"}


def test_a_bad_command_is_a_dead_letter(task: CustomerTask) -> None:
    task.take("partition-commands", [(b"x", b"{"), (b"y", b'{"id":"y","kind":"dance"}'), (b"z", None)])
    headers = [dict(record[2]) for record in task.lanes["dead-letters"]]
    assert [told["reason"] for told in headers] == [b"invalid_json", b"invalid_event", b"invalid_json"]
    assert task.lanes["dead-letters"][0][:2] == (b"x", b"{")


def test_it_is_midnight_that_wakes_an_idle_task() -> None:
    task = CustomerTask(zone="Europe/Warsaw")
    assert task.processor.wake_at == 0
    task.run()
    assert task.processor.wake_at == NOW + 13 * 3600 * 1000
    task.restart()
    assert task.is_idle


# While updates are under way


ENTERED = distribution(id="distr_in", name="in", trigger={"event": "customer.segment.entered", "segment_id": "seg_1"})
LEFT = distribution(id="distr_out", name="out", trigger={"event": "customer.segment.left", "segment_id": "seg_1"})


NUMBERS = count()


def happened(customer_id: str, created_at: str = "2026-11-24T10:00:00Z", **fields: Any) -> Json:
    return {
        "id": f"evt_{next(NUMBERS)}",
        "type": "customer.updated",
        "created_at": created_at,
        "data": {"customer": {"id": customer_id} | fields},
    }


def hears(task: CustomerTask) -> None:
    """Put in force what waits for those who enter and leave."""
    task.put("segments", segment(type="dynamic", filter=GOLD))
    task.put("distributions", ENTERED)
    task.put("distributions", LEFT)


def changes(task: CustomerTask) -> list[tuple[str, str, str]]:
    return [(told["customer_id"], told["change"], told["segment_id"]) for told in task.told("segment-changes")]


def test_an_event_that_comes_before_the_walk_meets_a_customer_who_is_a_member_already(task: CustomerTask) -> None:
    hears(task)
    task.customers(customer("d", "tin"))
    task.commands(sync())
    task.events(
        happened("c", name="Cid"), happened("d", metadata={"club": "gold"}), happened("e", metadata={"club": 1})
    )
    task.run()
    assert changes(task) == [("d", "entered", "seg_1"), ("e", "left", "seg_1")]
    assert task.memberships == {key: ["seg_1"] for key in "abcd"}
    assert [job["distribution"]["id"] for job in task.told("deliveries.email")] == ["distr_in", "distr_out"]


def test_a_profile_that_comes_before_the_walk_does_so_too(task: CustomerTask) -> None:
    task.commands(sync())
    task.customers(customer("d", "tin"), customer("e"))
    task.run()
    assert changes(task) == [("d", "left", "seg_1")]


def test_a_customer_who_was_not_there_when_the_sync_began_has_entered(task: CustomerTask) -> None:
    task.commands(sync())
    task.step()
    task.events(happened("aa", metadata={"club": "gold"}), happened("f", metadata={"club": "gold"}))
    task.run()
    assert changes(task) == [("aa", "entered", "seg_1"), ("f", "entered", "seg_1")]


def entered(customer_id: str, segment_id: str = "seg_1") -> Json:
    event = happened(customer_id)
    return event | {"type": "customer.segment.entered", "data": {**event["data"], "segment": {"id": segment_id}}}


@pytest.mark.parametrize("restarts", [False, True])
def test_who_enters_a_segment_by_upstream_while_it_is_taken_out_of_the_memberships_stays_in_it(
    task: CustomerTask, restarts: bool
) -> None:
    task.restarts_always = restarts
    task.commands(sync(0), sync(0, segment_id="seg_2"))
    task.run()
    task.put("segments", segment(), 1)
    task.commands(drop_command("seg_1", 1))
    task.events(entered("d"))
    task.step()
    task.events(entered("a"), entered("f"))
    task.run()
    both = ["seg_1", "seg_2"]
    assert task.memberships == {"a": both, "b": both[1:], "c": both[1:], "d": both, "e": both[1:], "f": both[:1]}
    assert not [key for key, _ in task.task_state.items() if key.startswith(b"kept/")]


def test_who_entered_by_upstream_is_decided_about_again_when_the_segment_is_computed_again(task: CustomerTask) -> None:
    task.commands(sync(0))
    task.run()
    task.put("segments", segment(), 1)
    task.commands(drop_command("seg_1", 1))
    task.events(entered("d"))
    task.commands(sync(2, TIN))
    task.run()
    assert task.memberships == {}
    assert not [key for key, _ in task.task_state.items() if key.startswith(b"kept/")]


def test_a_customer_who_has_left_again_stays_out(task: CustomerTask) -> None:
    task.commands(sync(0))
    task.run()
    task.put("segments", segment(), 1)
    task.commands(drop_command("seg_1", 1))
    task.events(entered("d"), entered("d") | {"type": "customer.segment.left"})
    task.run()
    assert task.memberships == {}


BIRTHDAY = {"birthdate": {"conditions": {"$today": [True]}}}
MIDNIGHT = NOW + 14 * 3600 * 1000


@pytest.fixture
def birthdays(task: CustomerTask) -> CustomerTask:
    """Today is the birthday of a, tomorrow that of b and d."""
    days = {"a": "1990-11-24", "b": "1991-11-25", "c": "1992-01-01", "d": "1993-11-25", "e": "1994-01-01"}
    task.customers(*(customer(key, birthdate=day) for key, day in days.items()))
    hears(task)
    task.commands(sync(0, BIRTHDAY), sync(0, GOLD, "seg_gold"))
    task.run()
    task.lanes.clear()
    return task


def test_when_the_day_changes_those_move_whose_segment_depends_on_it(birthdays: CustomerTask) -> None:
    birthdays.now = MIDNIGHT - 1
    assert birthdays.is_idle
    assert birthdays.processor.wake_at == MIDNIGHT
    birthdays.now = MIDNIGHT
    birthdays.run()
    assert changes(birthdays) == [("a", "left", "seg_1"), ("b", "entered", "seg_1"), ("d", "entered", "seg_1")]
    assert birthdays.told("segment-changes")[1] == {
        "customer_id": "b",
        "segment_id": "seg_1",
        "version": 0,
        "change": "entered",
        "cause": {"tick": "2026-11-25"},
        "created_at": "2026-11-25T00:00:00.000Z",
    }
    _, job, _ = birthdays.told("deliveries.email")
    assert job["cause"] == {"tick": "2026-11-25", "via": "entered:seg_1"}
    assert job["id"] == job_id("tick:2026-11-25#entered:seg_1", "b", "distr_in", "email", 0)
    assert birthdays.told("partition-reports") == []
    assert birthdays.processor.wake_at == MIDNIGHT + 24 * 3600 * 1000


def test_the_more_segments_hang_on_the_day_the_fewer_customers_come_in_one_step(
    birthdays: CustomerTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scans_module, "BROUGHT", 9)
    birthdays.now = MIDNIGHT
    assert birthdays.run() == 1
    birthdays.commands(*(sync(0, BIRTHDAY, f"seg_{number}") for number in range(2, 17)))
    birthdays.run()
    birthdays.restart()
    birthdays.now = MIDNIGHT + 24 * 3600 * 1000
    assert birthdays.run() == 2


def test_after_downtime_there_is_one_tick_for_today_and_a_clock_that_goes_back_brings_none(
    birthdays: CustomerTask,
) -> None:
    birthdays.restart()
    birthdays.now = MIDNIGHT + 20 * 24 * 3600 * 1000
    birthdays.run()
    assert changes(birthdays) == [("a", "left", "seg_1")]
    birthdays.now = NOW
    birthdays.step()
    assert birthdays.is_idle
    assert changes(birthdays) == [("a", "left", "seg_1")]


def test_a_late_event_does_not_undo_a_tick_whether_the_walk_has_come_or_not(birthdays: CustomerTask) -> None:
    birthdays.now = MIDNIGHT
    birthdays.step()
    birthdays.events(happened("a", name="Al"), happened("d", name="Di"), happened("e", birthdate="1994-11-24"))
    birthdays.run()
    assert changes(birthdays) == [("a", "left", "seg_1"), ("b", "entered", "seg_1"), ("d", "entered", "seg_1")]
    birthdays.events(happened("e", birthdate="1994-11-25"))
    assert changes(birthdays)[-1] == ("e", "entered", "seg_1")


def test_an_event_that_comes_before_the_tick_s_walk_is_told_after_it(birthdays: CustomerTask) -> None:
    birthdays.now = MIDNIGHT
    birthdays.step()
    birthdays.events(happened("d", "2026-11-25T00:00:01Z", birthdate="1990-01-01"))
    birthdays.run()
    told = [(one["customer_id"], one["change"], next(iter(one["cause"]))) for one in birthdays.told("segment-changes")]
    assert told[-2:] == [("d", "entered", "tick"), ("d", "left", "event_id")]


@pytest.mark.parametrize("by", ["profile", "event"])
def test_a_customer_who_is_forgotten_before_the_tick_s_walk_comes_has_moved_first(
    birthdays: CustomerTask, by: str
) -> None:
    birthdays.now = MIDNIGHT
    birthdays.step()
    if by == "profile":
        birthdays.take("customers", [(b"d", None)])
    else:
        birthdays.events(happened("d", "2026-11-25T00:00:01Z") | {"type": "customer.deleted"})
    birthdays.run()
    assert changes(birthdays)[-1] == ("d", "entered", "seg_1")
    assert birthdays.state.get(b"d") is None


def test_a_segment_that_takes_effect_after_the_day_began_is_none_of_the_tick_s_business(
    birthdays: CustomerTask,
) -> None:
    birthdays.now = MIDNIGHT
    birthdays.step()
    birthdays.commands(sync(0, BIRTHDAY, "seg_2"))
    birthdays.run()
    assert {segment_id for _, _, segment_id in changes(birthdays)} == {"seg_1"}
    assert birthdays.memberships["d"] == ["seg_1", "seg_2", "seg_gold"]


def test_without_a_segment_that_depends_on_the_date_a_day_changes_nothing(task: CustomerTask) -> None:
    task.commands(sync())
    task.run()
    task.now = MIDNIGHT
    assert task.run() == 1


# One customer


def send_to(audience: Json, **fields: Any) -> Command:
    return send_command(
        "distr_1", definition(manual(audience={"customer": audience}, **fields)), {}, {"customer": audience}
    )


def test_a_customer_named_by_its_id_alone_is_sent_to_and_not_changed(synced: CustomerTask) -> None:
    before = dict(synced.state.items())
    synced.commands(send_to({"id": "a"}), send_to({"id": "a"}))
    assert synced.is_idle
    [job] = synced.told("deliveries.email")
    assert (job["customer"]["id"], job["cause"]) == ("a", {"release": "distr_1"})
    assert dict(synced.state.items()) == before
    [report] = reports(synced, "send:distr_1")
    assert report == {
        "command_id": "send:distr_1", "kind": "send", "partition": 0, "scanned": 1, "matched": 1, "emitted": 1,
        "undeliverable": 1, "total": 1, "done": True, "remaining": 0,
    }  # fmt: skip
    synced.restart()
    synced.commands(send_to({"id": "a"}))
    assert len(synced.told("partition-reports")) == 1


def test_a_customer_of_whom_nothing_is_known_is_unknown_and_stays_so(synced: CustomerTask) -> None:
    synced.commands(send_to({"id": "new"}))
    assert [decision["reason"] for decision in synced.told("decisions")] == ["unknown_customer"] * 2
    assert synced.state.get(b"new") is None


def test_a_customer_of_whom_more_is_told_is_created_or_updated_first_and_then_sent_to(synced: CustomerTask) -> None:
    hears(synced)
    synced.commands(send_to({"id": "new", "email": "n@x.y", "metadata": {"club": "gold"}}))
    assert [(job["distribution"]["id"], job["cause"]) for job in synced.told("deliveries.email")] == [
        ("distr_1", {"release": "distr_1"}),
        ("distr_in", {"release": "distr_1", "via": "entered:seg_1"}),
    ]
    assert synced.memberships["new"] == ["seg_1"]
    assert changes(synced) == [("new", "entered", "seg_1")]


# What goes wrong


def assert_is_command(value: bytes | None) -> None:
    Draft202012Validator(schema("partition-commands")).validate(orjson.loads(value or b""))


def test_what_cannot_be_sent_to_one_customer_is_kept_and_can_be_asked_for_again(
    synced: CustomerTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Sender.send

    def broken(self: Sender, customer_id: str, state: CustomerState | None, outgoing: Outgoing) -> None:
        if customer_id == "c":
            raise ZeroDivisionError
        real(self, customer_id, state, outgoing)

    monkeypatch.setattr(Sender, "send", broken)
    synced.commands(send())
    synced.run()
    assert [job["customer"]["id"] for job in synced.told("deliveries.email")] == ["a", "d", "e"]
    [(key, value, headers)] = synced.lanes["dead-letters"]
    told = {name: (text or b"").decode() for name, text in headers}
    assert (key, told["reason"], told["source-topic"]) == (b"send:distr_1:c", "unexpected_error", "partition-commands")
    assert_is_command(value)
    monkeypatch.undo()
    for _ in range(2):
        synced.take("partition-commands", [(key, value)])
        synced.restart()
    job = synced.told("deliveries.email")[3:]
    assert [(one["customer"]["id"], one["cause"]) for one in job] == [("c", {"release": "distr_1"})]


def test_a_job_that_is_too_large_is_a_dead_letter_of_that_customer_alone(synced: CustomerTask) -> None:
    webhook = {"type": "webhook", "url": "https://example.com/", "event_name": "x", "raw": True}
    designed = webhook | {"payload": "[" + ",".join(["{{customer.metadata}}"] * 20) + "]"}
    record = manual(channels=[designed], action={"type": "promotion", "promotion_tier_id": "promo_1"})
    synced.customers(customer("c", text="x" * 100) | {"metadata": {"club": "gold", "text": "x" * 200_000}})
    synced.commands(send_command("distr_1", definition(record), {}, {"segment_id": "seg_1"}))
    synced.run()
    assert [job["customer"]["id"] for job in synced.told("deliveries.webhook")] == ["a", "d", "e"]
    assert [key for key, _, _ in synced.lanes["dead-letters"]] == [b"send:distr_1:c"]


def test_an_update_that_cannot_be_brought_to_one_customer_is_kept_and_can_be_asked_for_again(
    task: CustomerTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Bringing.bring

    def broken(
        self: Bringing, update: Update, customer_id: str, state: CustomerState, later: Sequence[Update]
    ) -> CustomerState:
        if customer_id == "c":
            raise ZeroDivisionError
        return real(self, update, customer_id, state, later)

    monkeypatch.setattr(Bringing, "bring", broken)
    task.commands(sync())
    task.run()
    assert task.memberships == {key: ["seg_1"] for key in "abde"}
    assert reports(task, "sync:seg_1:0")[-1]["done"]
    [(key, value, _)] = task.lanes["dead-letters"]
    assert_is_command(value)
    monkeypatch.undo()
    task.take("partition-commands", [(key, value)])
    assert task.memberships == {key: ["seg_1"] for key in "abcde"}


def test_a_single_customer_whose_job_is_too_large_is_answered_for_all_the_same(synced: CustomerTask) -> None:
    webhook = {"type": "webhook", "url": "https://example.com/", "event_name": "x", "raw": True}
    designed = webhook | {"payload": "[" + ",".join(["{{customer.metadata}}"] * 20) + "]"}
    large = {"id": "a", "metadata": {"text": "x" * 200_000}}
    synced.commands(send_to(large, channels=[designed], action={"type": "promotion", "promotion_tier_id": "p"}))
    [(key, value, _)] = synced.lanes["dead-letters"]
    assert key == b"send:distr_1"
    [report] = reports(synced, "send:distr_1")
    assert (report["done"], report["emitted"]) == (True, 0)
    assert b"text" not in (synced.state.get(b"a") or b"")
    synced.take("partition-commands", [(key, value)])
    assert len(synced.lanes["dead-letters"]) == 2


@pytest.mark.parametrize("restarts", [False, True])
def test_a_count_finds_the_members_and_changes_nothing(task: CustomerTask, restarts: bool) -> None:
    task.customers(customer("b", "tin"), customer("d", "tin", name="seg_1"))
    task.commands(sync())
    task.run()
    before, reported = dict(task.state.items()), len(task.lanes["partition-reports"])
    task.restarts_always = restarts
    task.commands(count_command("seg_1", 4), count_command("seg_2", 5))
    task.lose_step()
    assert task.run() == 6
    told = sorted(task.told("partition-reports")[reported:], key=lambda report: str(report["command_id"]))
    assert [(one["command_id"], one["scanned"], one["matched"], one["total"], one["done"]) for one in told] == [
        ("count:seg_1:4", 5, 3, 5, True),
        ("count:seg_2:5", 5, 0, 5, True),
    ]
    assert dict(task.state.items()) == before
    assert not [key for key, _ in task.task_state.items() if key.startswith(b"counts/")]


def test_a_count_takes_turns_with_a_sync(task: CustomerTask) -> None:
    task.commands(count_command("seg_1", 4), sync())
    assert task.run() == 6
    assert {report["kind"] for report in task.told("partition-reports") if report["done"]} == {"count", "sync"}
