"""Static and dynamic segments in the customer task: who belongs, who is told of a change, and in which order."""

from typing import Any

import orjson
import pytest

from streamproc.processing.processor import Output
from streamproc.topics import OUTPUT_LIMIT
from tests.support.configuration import distribution, dynamic_segment, segment, validation_rule
from tests.unit.processing.test_customers import NOW, PARTITION, Task, entered, event, job_of

Json = dict[str, Any]

GOLD = ("segments", dynamic_segment())
BUYERS = (
    "segments",
    dynamic_segment(id="seg_buyers", filter={"summary.orders.total_count": {"conditions": {"$more_than": 0}}}),
)
LISTED = ("segments", segment(id="seg_listed", type="static", customers=["cus_1", "cus_9"]))
NEW = ("segments", dynamic_segment(id="seg_new", filter={"events.login.last": {"conditions": {"$less_than_ago": [1]}}}))
WEBHOOK = {"type": "webhook", "url": "https://example.com/", "event_name": "moved"}


def on(change: str, segment_id: str, **fields: Any) -> tuple[str, Json]:
    name = f"{change}:{segment_id}"
    trigger = {"event": f"customer.segment.{change}", "segment_id": segment_id}
    return "distributions", distribution(id=name, name=name, trigger=trigger, **fields)


def gold(event_id: str = "evt_1", club: str | None = "gold", at: str = "2026-11-24T10:00:00Z") -> Json:
    return event(event_id, "customer.updated", customer={"metadata": {"club": club}}) | {"created_at": at}


def paid(event_id: str = "evt_1", **order: Any) -> Json:
    return event(event_id, order={"id": "ord_1", "amount": 5, **order})


def changes(output: Output) -> list[Json]:
    return [orjson.loads(value or b"") for _, value, _ in output.records.get(("segment-changes", PARTITION), [])]


def memberships(task: Task) -> list[str]:
    found: list[str] = task.customers["cus_1"].get("memberships", [])
    return found


def moves(output: Output) -> list[tuple[str, str]]:
    return [(told["change"], told["segment_id"]) for told in changes(output)]


EVENT_CAUSE = {"event_id": "evt_1", "type": "customer.updated", "created_at": "2026-11-24T10:00:00Z"}


def test_entering_is_written_down_and_starts_what_waits_for_it() -> None:
    task = Task(GOLD, on("entered", "seg_gold"), on("left", "seg_gold"))
    output = task.take(gold())
    assert memberships(task) == ["seg_gold"]
    ((key, value, headers),) = output.records["segment-changes", PARTITION]
    assert (key, headers) == (b"cus_1", [])
    assert orjson.loads(value or b"") == {
        "customer_id": "cus_1",
        "segment_id": "seg_gold",
        "version": 1,
        "change": "entered",
        "cause": EVENT_CAUSE,
        "created_at": "2026-11-24T10:00:00Z",
    }
    (job,) = job_of(output)
    assert job["distribution"]["id"] == "entered:seg_gold"
    assert job["cause"] == EVENT_CAUSE | {"via": "entered:seg_gold"}
    assert output.counts["segment_changes", "entered"] == 1
    ((_, _, headers),) = output.records["deliveries.email", PARTITION]
    assert dict(headers)["cause-id"] == b"evt_1#entered:seg_gold"


def test_leaving_is_told_as_well() -> None:
    task = Task(GOLD, on("entered", "seg_gold"), on("left", "seg_gold"))
    task.take(gold())
    output = task.take(gold("evt_2", "silver"))
    assert moves(output) == [("left", "seg_gold")]
    assert [job["cause"]["via"] for job in job_of(output)] == ["left:seg_gold"]
    assert memberships(task) == []


def test_what_does_not_touch_a_filter_tells_nothing() -> None:
    task = Task(GOLD, BUYERS)
    task.take(gold())
    assert moves(task.take(gold("evt_2"), event("evt_3", "customer.custom_event", event={"type": "x"}))) == []


def test_a_profile_that_changes_a_membership_is_the_cause() -> None:
    task = Task(GOLD, on("entered", "seg_gold"))
    profile = {"id": "cus_1", "email": "a@b.c", "metadata": {"club": "gold"}}
    output = task.take(profile, topic="customers")
    cause = {"record": f"customers:{PARTITION}:{task.offset}"}
    assert [(told["cause"], told["created_at"]) for told in changes(output)] == [(cause, "2025-11-24T16:00:00.123Z")]
    (job,) = job_of(output)
    assert (job["cause"], job["created_at"]) == (cause | {"via": "entered:seg_gold"}, "2025-11-24T16:00:00.123Z")
    ((_, _, headers),) = output.records["deliveries.email", PARTITION]
    assert dict(headers)["cause-id"] == f"customers:{PARTITION}:{task.offset}#entered:seg_gold".encode()


def test_those_who_hear_of_it_get_the_customer_as_it_is_known_and_the_segment() -> None:
    task = Task(BUYERS, on("entered", "seg_buyers", channels=[WEBHOOK]))
    task.take(event("evt_0", "customer.updated", customer={"phone": "+48"}))
    (job,) = job_of(task.take(paid(status="PAID")), "webhook")
    assert job["payload"]["data"] == {
        "customer": {"id": "cus_1", "name": "Ann", "email": "ann@example.com", "phone": "+48"},
        "segment": {"id": "seg_buyers", "name": "Gold", "object": "segment"},
    }
    assert job["payload"]["event"]["via"] == "entered:seg_buyers"


def test_first_the_distributions_of_the_event_then_those_of_the_changes_by_segment() -> None:
    task = Task(
        BUYERS,
        GOLD,
        on("entered", "seg_gold"),
        on("left", "seg_gold"),
        on("entered", "seg_buyers"),
        ("distributions", distribution(id="own", name="own")),
    )
    output = task.take(event("evt_1", customer={"metadata": {"club": "gold"}}, order={"id": "o"}))
    assert [job["distribution"]["id"] for job in job_of(output)] == ["own", "entered:seg_buyers", "entered:seg_gold"]
    output = task.take(event("evt_2", customer={"metadata": {"club": "x"}}, order={"id": "o", "status": "CANCELED"}))
    assert moves(output) == [("left", "seg_buyers"), ("left", "seg_gold")]


def test_rules_see_the_memberships_after_the_events_own_change() -> None:
    rules = {"1": {"name": "customer.segment", "conditions": {"$is": ["seg_buyers"]}}, "logic": "1"}
    trigger = {"event": "customer.order.paid", "validation_rule_id": "val_1"}
    task = Task(
        BUYERS, ("validation-rules", validation_rule(rules=rules)), ("distributions", distribution(trigger=trigger))
    )
    assert len(job_of(task.take(paid("a", status="CREATED")))) == 0
    assert len(job_of(task.take(paid("b")))) == 1
    assert len(job_of(task.take(paid("c", status="CANCELED")))) == 0


def test_whom_a_static_segment_lists_belongs_to_it_from_the_first_state_on_and_nobody_enters() -> None:
    task = Task(LISTED, on("entered", "seg_listed"))
    assert moves(task.take(event())) == []
    assert memberships(task) == ["seg_listed"]
    assert moves(task.take(event("evt_2", customer={"id": "cus_2"}), key=b"cus_2")) == []
    assert "memberships" not in task.customers["cus_2"]


def test_the_first_state_enters_every_dynamic_segment_that_it_belongs_to() -> None:
    nobody = dynamic_segment(id="seg_nameless", filter={"phone": {"conditions": {"$is_unknown": True}}})
    task = Task(("segments", nobody), BUYERS, GOLD)
    assert moves(task.take(event())) == [("entered", "seg_nameless")]


@pytest.mark.parametrize(
    ("topic", "forgotten"), [("customer-events", event("evt_2", "customer.deleted")), ("customers", None)]
)
def test_a_forgotten_customer_leaves_nothing_and_enters_again(topic: str, forgotten: Json | None) -> None:
    task = Task(GOLD, LISTED, on("left", "seg_gold"))
    task.take(gold())
    output = task.take(forgotten, topic=topic)
    assert (output.records, task.customers) == ({}, {})
    assert moves(task.take(gold("evt_3"))) == [("entered", "seg_gold")]
    assert memberships(task) == ["seg_gold", "seg_listed"]


def test_a_late_event_does_not_turn_back_what_time_has_decided() -> None:
    task = Task(NEW)
    login = event("evt_1", "customer.custom_event", event={"type": "login"})
    assert moves(task.take(login)) == [("entered", "seg_new")]
    later = gold("evt_2", at="2026-11-26T10:00:00Z")
    assert moves(task.take(later)) == [("left", "seg_new")]
    assert moves(task.take(gold("evt_3", at="2026-11-24T11:00:00Z"))) == []


def test_time_alone_is_kept_only_while_a_segment_depends_on_it() -> None:
    told = [gold("evt_1"), gold("evt_2", at="2026-11-25T10:00:00Z")]
    with_dates, without = Task(NEW, GOLD), Task(GOLD)
    with_dates.take(*told)
    without.take(*told)
    assert [task.customers["cus_1"]["now"][:10] for task in (with_dates, without)] == ["2026-11-25", "2026-11-24"]


def test_upstream_may_not_tell_of_a_segment_that_only_this_partition_has_been_told_of() -> None:
    task = Task()
    task.segments.put("seg_gold", task.in_force(*GOLD))
    task.take(entered("evt_1", "seg_gold"))
    assert task.told == [("dead_letter", "segment_is_computed")]


def test_no_membership_changes_when_what_follows_from_it_is_too_large() -> None:
    large = '{"a":"' + "{{customer.metadata.text}}" * 8 + '"}'
    task = Task(GOLD, on("entered", "seg_gold", channels=[WEBHOOK | {"payload": large}]))
    text = "x" * (OUTPUT_LIMIT // 7)
    output = task.take(event("evt_1", "customer.updated", customer={"metadata": {"club": "gold", "text": text}}))
    assert task.told == [("dead_letter", "too_large")]
    assert set(output.records) == {("dead-letters", PARTITION)}
    assert task.customers == {}


def test_memberships_count_in_the_size_of_a_state() -> None:
    texts = [event(f"evt_{key}", "customer.updated", customer={"metadata": {key: "x" * 950_000}}) for key in "abc"]
    many = [("segments", dynamic_segment(id=f"seg_{number:0250}")) for number in range(1_000)]
    alone, in_many = Task(GOLD), Task(*many)
    for task in (alone, in_many):
        task.take(*texts)
        task.take(gold())
    assert (alone.told, in_many.told) == ([("processed", None)], [("dead_letter", "too_large")])


def test_a_null_profile_of_an_unknown_customer_tells_nothing() -> None:
    assert Task(GOLD).take(None, topic="customers").records == {}


def test_the_time_of_a_profile_is_that_of_its_record() -> None:
    birthday = dynamic_segment(id="seg_birthday", filter={"birthdate": {"conditions": {"$today": [True]}}})
    task = Task(("segments", birthday))
    profile = {"id": "cus_1", "birthdate": "1990-11-24"}
    assert NOW == 1_764_000_000_123  # 24 November 2025
    assert moves(task.take(profile, topic="customers")) == [("entered", "seg_birthday")]
