from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from streamproc.domain.events import Event
from streamproc.domain.facts import Facts
from streamproc.domain.jobs import Cause, Occurrence
from streamproc.domain.messages import Message
from streamproc.matching.definitions import Definitions
from streamproc.matching.groups import Group
from tests.support.configuration import manual

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
GOLD = {"rules": {"1": {"name": "customer.metadata", "property": "plan", "conditions": {"$is": ["gold"]}}}}
NEVER = {"rules": {"1": {"name": "order.items.count", "conditions": {"$more_than": [1000]}}}}


class World:
    """Definitions fed record by record."""

    def __init__(self) -> None:
        self.definitions = Definitions(UTC)
        self.version = 0

    def put(self, kind: str, object_id: str, record: dict[str, Any] | None) -> None:
        self.version += 1
        value = {"kind": kind, "id": object_id, "version": self.version, "object": record}
        self.definitions.apply(f"{kind}/{object_id}".encode(), None if record is None else orjson.dumps(value))

    def distribution(self, object_id: str, event: str, status: str = "live", **more: Any) -> None:
        action = more.pop("action", {"type": "message"})
        record = {
            "id": object_id,
            "name": object_id,
            "status": status,
            "kind": "automatic",
            "action": action,
            "trigger": {"event": event, **more},
            "channels": [{"type": "webhook", "url": "x", "event_name": "x"}],
        }
        self.put("distributions", object_id, record)

    def facts(self, event: str, data: dict[str, Any] | None = None, plan: str = "gold") -> Facts:
        return Facts(
            Event("e", event, NOW, "2026-11-24T10:00:00Z", "c", data or {}), {"metadata": {"plan": plan}}, ["seg_1"]
        )

    def match(self, event: str, data: dict[str, Any] | None = None, plan: str = "gold") -> list[str]:
        return [found.id for found in self.definitions.match(self.facts(event, data, plan))]


@pytest.fixture
def world() -> World:
    return World()


def test_an_event_starts_no_manual_distribution(world: World) -> None:
    world.distribution("dist_1", "customer.order.paid")
    world.put("distributions", "dist_1", manual(id="dist_1", audience={"customer": {"id": "c"}}))
    assert world.match("customer.order.paid") == []
    assert world.definitions.counts()["live"] == 0


def test_matches_come_out_by_id_whatever_the_order_of_arrival(world: World) -> None:
    world.put("validation-rules", "val_1", GOLD)
    for number in (3, 1, 2):
        world.distribution(
            f"dist_{number}", "customer.order.paid", **({"validation_rule_id": "val_1"} if number % 2 else {})
        )
    assert world.match("customer.order.paid") == ["dist_1", "dist_2", "dist_3"]
    assert world.match("customer.order.paid", plan="silver") == ["dist_2"]
    assert world.match("customer.order.created") == []


def test_everything_live_is_prepared_in_steps_before_anything_is_matched(world: World) -> None:
    for number in range(250):
        world.distribution(f"dist_{number:03}", "customer.order.paid")
    world.distribution("dist_blocked", "customer.order.paid", validation_rule_id="val_missing")
    world.distribution("dist_draft", "customer.order.paid", status="draft")
    live = world.definitions._live
    assert {one.sending for one in live.values()} == {None}
    assert len(list(world.definitions.prepare())) == 2
    assert {one.id for one in live.values() if one.sending is None} == {"dist_blocked"}
    prepared = live["dist_000"].sending
    assert len(world.match("customer.order.paid")) == 250
    assert live["dist_000"].sending is prepared


def test_what_goes_or_changes_while_the_rest_is_prepared_is_left_alone(world: World) -> None:
    tier = {"id": "tier_1", "name": "One"}
    world.put("campaigns", "camp_1", {"id": "camp_1", "promotion_tiers": [tier]})
    action = {"type": "promotion", "promotion_tier_id": "tier_1"}
    for number in range(150):
        world.distribution(f"dist_{number:03}", "customer.order.paid", action=action)
    steps = world.definitions.prepare()
    next(steps)
    world.put("distributions", "dist_148", None)
    world.distribution("dist_149", "customer.order.paid")
    world.put("campaigns", "camp_1", None)
    assert list(steps) == []
    assert world.match("customer.order.paid") == ["dist_149"]


@pytest.mark.parametrize("event", ["customer.created", "customer.order.fulfilled"])
def test_events_that_only_feed_the_state_start_nothing(world: World, event: str) -> None:
    assert world.match(event) == []


@pytest.mark.parametrize(
    ("event", "trigger", "data", "other"),
    [
        ("customer.segment.entered", {"segment_id": "s"}, {"segment": {"id": "s"}}, {"segment": {"id": "t"}}),
        ("customer.segment.left", {"segment_id": "s"}, {"segment": {"id": "s"}}, {"segment": None}),
        ("customer.referred", {"campaign_id": "c"}, {"campaign": {"id": "c"}}, {"campaign": {"id": ["c"]}}),
        ("customer.rewarded", {"campaign_id": "c"}, {"campaign": {"id": "c"}}, {}),
        (
            "customer.custom_event",
            {"custom_event": "visit"},
            {"event_schema": {"name": "visit"}, "event": {"type": "x"}},
            {"event_schema": {"name": "x"}, "event": {"type": "visit"}},
        ),
        ("customer.custom_event", {"custom_event": "visit"}, {"event": {"type": "visit"}}, {"event": {}}),
        (
            "customer.loyalty.tier.upgraded",
            {"campaign_id": "c", "loyalty_tier_id": "t"},
            {"campaign": {"id": "c"}, "loyalty_tier_from": {"id": "x"}, "loyalty_tier_to": {"id": "t"}},
            {"campaign": {"id": "c"}, "loyalty_tier_from": {"id": "t"}, "loyalty_tier_to": {"id": "x"}},
        ),
        (
            "customer.rewarded.loyalty_points",
            {"campaign_id": "c", "loyalty_tier_id": "t"},
            {"campaign": {"id": "c"}, "loyalty_tier": {"id": "t"}},
            {"campaign": {"id": "c"}},
        ),
    ],
)
def test_selectors_read_the_objects_of_the_event(
    world: World, event: str, trigger: dict[str, Any], data: dict[str, Any], other: dict[str, Any]
) -> None:
    world.put("segments", "s", {"id": "s", "type": "external"})
    world.put("campaigns", "c", {"id": "c", "loyalty_tiers": [{"id": "t"}]})
    world.distribution("dist_1", event, **trigger)
    assert (world.match(event, data), world.match(event, other)) == (["dist_1"], [])


def test_a_trigger_without_a_tier_takes_all_tiers_beside_those_with_one(world: World) -> None:
    world.put("campaigns", "c", {"id": "c", "loyalty_tiers": [{"id": "t"}]})
    world.distribution("dist_2", "customer.loyalty.tier.joined", campaign_id="c")
    world.distribution("dist_1", "customer.loyalty.tier.joined", campaign_id="c", loyalty_tier_id="t")
    both = {"campaign": {"id": "c"}, "loyalty_tier": {"id": "t"}}
    assert world.match("customer.loyalty.tier.joined", both) == ["dist_1", "dist_2"]


@pytest.mark.parametrize("status", ["draft", "paused"])
def test_drafts_and_paused_ones_start_nothing(world: World, status: str) -> None:
    world.distribution("dist_1", "customer.order.paid")
    world.distribution("dist_1", "customer.order.paid", status)
    assert world.match("customer.order.paid") == []


def test_a_missing_rule_blocks_and_its_arrival_starts(world: World) -> None:
    world.distribution("dist_1", "customer.order.paid", validation_rule_id="val_1")
    before = world.match("customer.order.paid")
    world.put("validation-rules", "val_1", GOLD)
    there = world.match("customer.order.paid")
    world.put("validation-rules", "val_1", NEVER)
    changed = world.match("customer.order.paid")
    world.put("validation-rules", "val_1", None)
    assert (before, there, changed, world.match("customer.order.paid")) == ([], ["dist_1"], [], [])


def test_a_segment_that_goes_blocks_all_that_name_it_also_through_a_rule(world: World) -> None:
    world.put("segments", "seg_1", {"id": "seg_1", "type": "external"})
    named = {"rules": {"1": {"name": "customer.segment", "conditions": {"$is": ["seg_1"]}}}}
    world.put("validation-rules", "val_1", named)
    world.distribution("dist_1", "customer.order.paid", validation_rule_id="val_1")
    world.distribution("dist_2", "customer.segment.left", segment_id="seg_1")
    left = {"segment": {"id": "seg_1"}}
    before = world.match("customer.order.paid") + world.match("customer.segment.left", left)
    world.put("segments", "seg_1", None)
    after = world.match("customer.order.paid") + world.match("customer.segment.left", left)
    assert (before, after) == (["dist_1", "dist_2"], [])


def test_jobs_carry_the_promotion_tier_of_the_campaign_in_force(world: World) -> None:
    def tier_sent() -> Any:
        jobs: list[tuple[str, Message]] = []
        facts = world.facts("customer.order.paid", {"customer": {"id": "c"}})
        for distribution in world.definitions.match(facts):
            distribution.emit(Occurrence(facts, Cause.of_event(facts.event)), jobs, [])
        return [orjson.loads(message[1])["action"]["promotion_tier"] for _channel, message in jobs]

    world.distribution("dist_1", "customer.order.paid", action={"type": "promotion", "promotion_tier_id": "tier_1"})
    sent = [tier_sent()]
    for text in ("ten off", "twenty off"):
        world.put("campaigns", "camp_1", {"id": "camp_1", "promotion_tiers": [{"id": "tier_1", "text": text}]})
        sent.append(tier_sent())
    assert sent == [[], [{"id": "tier_1", "text": "ten off"}], [{"id": "tier_1", "text": "twenty off"}]]


def test_a_rule_without_an_access_key_is_counted_as_scanned(world: World) -> None:
    world.put("validation-rules", "val_1", NEVER)
    world.put("segments", "seg_1", {"id": "seg_1", "type": "external"})
    world.distribution("dist_1", "customer.order.paid", validation_rule_id="val_1")
    world.distribution("dist_2", "customer.order.paid", "draft")
    assert world.definitions.counts() == {
        "distributions": 2, "validation-rules": 1, "segments": 1, "campaigns": 0, "live": 1, "scanned": 1,
    }  # fmt: skip
    assert (world.definitions.segment_type("seg_1"), world.definitions.segment_type("seg_2")) == ("external", None)


def test_the_type_of_a_segment_is_that_of_its_version_in_force(world: World) -> None:
    types = []
    for record in ({"id": "seg_1", "type": "external"}, {"id": "seg_1", "type": "static"}):
        world.put("segments", "seg_1", record)
        types.append(world.definitions.segment_type("seg_1"))
    for _ in range(2):
        world.definitions.put("segments", "seg_1", None)
        types.append(world.definitions.segment_type("seg_1"))
    assert types == ["external", "static", None, None]


@pytest.mark.parametrize(
    "item", [{"product_id": "pen"}, {"product": {"id": "pen"}}, {"product": {"source_id": "pen"}, "product_id": None}]
)
def test_a_rule_about_a_product_is_found_wherever_a_line_has_its_id(world: World, item: dict[str, Any]) -> None:
    pen = {"name": "order.items.any", "conditions": {"$is": [{"id": "pen", "object": "product"}]}}
    world.put("validation-rules", "val_1", {"rules": {"1": pen}})
    world.distribution("dist_1", "customer.order.paid", validation_rule_id="val_1")
    found = [world.match("customer.order.paid", {"order": {"items": [one]}}) for one in (item, {"product_id": "ink"})]
    assert (found, world.definitions.counts()["scanned"]) == ([["dist_1"], []], 0)


def test_rules_stand_under_what_few_others_stand_under(world: World) -> None:
    world.put("segments", "seg_1", {"id": "seg_1", "type": "external"})
    for number in range(20):
        common = {"name": "customer.segment", "conditions": {"$is": ["seg_1"]}}
        rare = {"name": "customer.metadata", "property": "plan", "conditions": {"$is": [f"plan {number}"]}}
        world.put("validation-rules", f"val_{number}", {"rules": {"1": common, "2": rare}})
        world.distribution(f"dist_{number}", "customer.order.paid", validation_rule_id=f"val_{number}")
    (bucket,) = world.definitions._triggers["customer.order.paid"].buckets.values()
    met: list[Group] = []
    for table in bucket._probed:
        table.meet(world.facts("customer.order.paid", plan="plan 19"), met)
    assert len(met) <= 2  # its own, and the one that came when nothing stood under the segment yet
    assert world.match("customer.order.paid", plan="plan 19") == ["dist_19"]


def test_the_index_is_empty_again_when_everything_has_gone(world: World) -> None:
    world.put("validation-rules", "val_1", GOLD)
    for number in range(3):
        world.distribution(f"dist_{number}", "customer.order.paid", validation_rule_id="val_1")
    for number in range(3):
        world.put("distributions", f"dist_{number}", None)
    world.put("validation-rules", "val_1", None)
    definitions = world.definitions
    assert [trigger.buckets for trigger in definitions._triggers.values() if trigger.buckets] == []
    assert (definitions._live, definitions._users, definitions._conditions) == ({}, {}, {})
