"""What the index finds is what a scan over everything in force finds, whatever came and went before."""

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import orjson
import pytest

from streamproc.domain.events import Event
from streamproc.domain.facts import Facts
from streamproc.domain.jobs import Cause, Occurrence
from streamproc.domain.messages import Message
from streamproc.matching.definitions import Definitions
from tests.support import naive_rules

SEGMENTS = ("segments_0", "segments_1", "segments_2")
CAMPAIGNS = ("campaigns_0", "campaigns_1")
TIERS = ("tier_1", "tier_2")
IDS = ("id_1", "id_2", "id_3")
EVENTS = (
    "customer.order.paid", "customer.custom_event", "customer.segment.entered", "customer.redemption.succeeded",
    "customer.loyalty.tier.upgraded", "customer.loyalty.tier.left",
)  # fmt: skip
FAMILIES = {"customer.order.paid": "order", "customer.custom_event": "custom_event"}
NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


class Story:
    """A long run of changes and events about few ids and values, so that most of them meet."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def change(self) -> tuple[str, str, dict[str, Any] | None]:
        """Return kind, id and the new object, None for a deletion."""
        kind = self.random.choice(("distributions",) * 8 + ("validation-rules",) * 4 + ("segments", "campaigns"))
        number = self.random.randrange(
            {"distributions": 12, "validation-rules": 4, "segments": 3, "campaigns": 2}[kind]
        )
        object_id = f"{kind}_{number}"
        if self.random.random() < (0.15 if kind in {"distributions", "validation-rules"} else 0.3):
            return kind, object_id, None
        return kind, object_id, {"id": object_id, "name": object_id, **getattr(self, kind.replace("-", "_"))()}

    def event(self) -> tuple[str, dict[str, Any], list[str]]:
        """Return type, data and the customer's segments."""
        metadata = {"a": self.value(), "b": self.random.choice([self.value(), [self.value(), "gold"], {"id": "gold"}])}
        items = [{"price": self.random.choice([1, 2]), "product_id": self.random.choice(IDS)} for _ in range(2)]
        data = {
            "order": {"items": items, "metadata": metadata},
            "segment": {"id": self.segment()},
            "campaign": {"id": self.random.choice(CAMPAIGNS)},
            "loyalty_tier": {"id": self.random.choice(TIERS)},
            "loyalty_tier_to": {"id": self.random.choice(TIERS)},
            "event": {"type": "visit", "metadata": metadata},
            "event_schema": self.random.choice([None, {"name": "rate"}]),
        }
        for name in tuple(data):
            if self.random.random() < 0.05:
                data[name] = self.random.choice([None, [], {"id": ["x"]}, {"id": ""}])
        return self.random.choice(EVENTS), data, self.random.sample(SEGMENTS, 2)

    def distributions(self) -> dict[str, Any]:
        promotion = {"type": "promotion", "promotion_tier_id": self.random.choice(TIERS)}
        return {
            "status": self.random.choice(["live", "live", "live", "live", "paused", "draft"]),
            "kind": "automatic",
            "trigger": self.trigger(),
            "action": promotion if self.random.random() < 0.3 else {"type": "message"},
            "channels": [{"type": "email"}],
        }

    def trigger(self) -> dict[str, Any]:
        event = self.random.choice(EVENTS)
        trigger: dict[str, Any] = {"event": event}
        if event in FAMILIES and self.random.random() < 0.9:
            trigger["validation_rule_id"] = f"validation-rules_{self.random.randrange(4)}"
        if event == "customer.custom_event":
            trigger["custom_event"] = self.random.choice(["visit", "rate"])
        elif event == "customer.segment.entered":
            trigger["segment_id"] = self.segment()
        elif event != "customer.order.paid":
            trigger["campaign_id"] = self.random.choice(CAMPAIGNS)
        if "tier" in event and self.random.random() < 0.5:
            trigger["loyalty_tier_id"] = self.random.choice(TIERS)
        return trigger

    def validation_rules(self) -> dict[str, Any]:
        rules: dict[str, Any] = {str(number): self.leaf() for number in range(self.random.randrange(4))}
        if rules:
            rules["logic"] = "".join(f" {self.random.choice(['and', 'or'])} {key}" for key in rules).split(" ", 2)[2]
        return {"rules": rules}

    def leaf(self) -> dict[str, Any]:
        name = self.random.choice(
            [
                "customer.segment",
                "order.metadata",
                "customer.metadata",
                "custom_event.metadata",
                "order.items.any",
                "order.amount",
            ]
        )
        below = {"1": self.leaf()} if self.random.random() < 0.1 and name != "order.items.any" else {}
        if name == "customer.segment":
            return {"name": name, "conditions": {"$is": self.some(self.segment)}, "rules": below}
        if name == "order.items.any":
            return {"name": name, "conditions": {"$is": self.some(lambda: self.random.choice(IDS))}}
        operator = (
            "$is"
            if self.random.random() < 0.7
            else self.random.choice(["$is_not", "$not_differ", "$more_than_or_equal"])
        )
        value = 1 if operator.startswith("$more") else self.some(self.value)
        return {"name": name, "property": self.random.choice("ab"), "conditions": {operator: value}, "rules": below}

    def segments(self) -> dict[str, Any]:
        return {"type": "external"}

    def campaigns(self) -> dict[str, Any]:
        return {
            "loyalty_tiers": [{"id": one} for one in TIERS if self.random.random() < 0.8],
            "promotion_tiers": [
                {"id": one, "text": self.random.random()} for one in TIERS if self.random.random() < 0.8
            ],
        }

    def value(self) -> Any:
        return self.random.choice(["gold", "silver", "bronze", 1, True])

    def segment(self) -> str:
        return self.random.choice(SEGMENTS)

    def some(self, one: Callable[[], Any]) -> list[Any]:
        return [one() for _ in range(self.random.randint(1, 2))]


class NaiveMatching:
    """Everything in force in plain dictionaries, scanned for each event."""

    def __init__(self) -> None:
        self.in_force: dict[tuple[str, str], dict[str, Any]] = {}

    def put(self, kind: str, object_id: str, record: dict[str, Any] | None) -> None:
        self.in_force.pop((kind, object_id), None)
        if record is not None:
            self.in_force[kind, object_id] = record

    def match(self, facts: Facts) -> list[tuple[str, Any]]:
        found = [
            (key[1], self._promotion_tier(record))
            for key, record in self.in_force.items()
            if key[0] == "distributions" and self._fits(record, facts)
        ]
        return sorted(found, key=lambda one: one[0])

    def _promotion_tier(self, record: dict[str, Any]) -> Any:
        """Of several campaigns that have the tier, the first by id gives it."""
        for campaign in CAMPAIGNS:
            for tier in self.in_force.get(("campaigns", campaign), {}).get("promotion_tiers", ()):
                if tier["id"] == record["action"].get("promotion_tier_id"):
                    return tier
        return None

    def _fits(self, record: dict[str, Any], facts: Facts) -> bool:
        trigger = record["trigger"]
        if record["status"] != "live" or trigger["event"] != facts.event.type or self._is_blocked(record):
            return False
        return self._is_selected(trigger, facts.event.data) and self._rule_holds(trigger, facts)

    def _is_blocked(self, record: dict[str, Any]) -> bool:
        trigger = record["trigger"]
        for name, kind in (
            ("segment_id", "segments"),
            ("validation_rule_id", "validation-rules"),
            ("campaign_id", "campaigns"),
        ):
            if name in trigger and (kind, trigger[name]) not in self.in_force:
                return True
        if "loyalty_tier_id" in trigger:
            tiers = self.in_force["campaigns", trigger["campaign_id"]]["loyalty_tiers"]
            if {"id": trigger["loyalty_tier_id"]} not in tiers:
                return True
        if record["action"]["type"] == "promotion" and self._promotion_tier(record) is None:
            return True
        rule = self.in_force.get(("validation-rules", trigger.get("validation_rule_id", "")))
        return rule is not None and self._rule_is_unfit(rule["rules"], FAMILIES[trigger["event"]])

    def _rule_is_unfit(self, rules: dict[str, Any], family: str) -> bool:
        nodes = all_nodes(rules)
        if any(
            ("segments", one) not in self.in_force
            for node in nodes
            if node["name"] == "customer.segment"
            for one in as_list(node["conditions"]["$is"])
        ):
            return True
        prefixes = ("customer.", "order.", "product.", "sku.") if family == "order" else ("customer.", "custom_event.")
        return nodes != [] and not any(node["name"].startswith(prefixes) for node in nodes)

    def _is_selected(self, trigger: dict[str, Any], data: dict[str, Any]) -> bool:
        event = trigger["event"]
        tier = data.get("loyalty_tier_to" if event.endswith("upgraded") else "loyalty_tier") or {}
        custom_event = (data.get("event_schema") or {}).get("name") or (data.get("event") or {}).get("type")
        return all(
            (
                trigger.get("segment_id") in {None, id_of(data.get("segment"))},
                trigger.get("campaign_id") in {None, id_of(data.get("campaign"))},
                trigger.get("loyalty_tier_id") in {None, id_of(tier)},
                trigger.get("custom_event") in {None, custom_event},
            )
        )

    def _rule_holds(self, trigger: dict[str, Any], facts: Facts) -> bool:
        if "validation_rule_id" not in trigger:
            return True
        rules = self.in_force["validation-rules", trigger["validation_rule_id"]]["rules"]
        family = FAMILIES[trigger["event"]]
        return naive_rules.rules_hold(
            rules, naive_rules.World(family, facts.event.data, facts.profile or {}, facts.segments, None, NOW, UTC)
        )


def all_nodes(rules: dict[str, Any]) -> list[dict[str, Any]]:
    nodes = [node for key, node in rules.items() if key != "logic"]
    return nodes + [below for node in nodes for below in all_nodes(node.get("rules") or {})]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def id_of(value: Any) -> Any:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else None


def jobs_of(definitions: Definitions, facts: Facts) -> list[tuple[str, Any]]:
    """Return the id of each distribution that matches, and the promotion tier in its job."""
    jobs: list[tuple[str, Message]] = []
    matched = definitions.match(facts)
    for distribution in matched:
        distribution.emit(Occurrence(facts, Cause("e", b"{}", "")), jobs, [])
    tiers = [orjson.loads(message[1])["action"].get("promotion_tier") for _channel, message in jobs]
    return list(zip([distribution.id for distribution in matched], tiers, strict=True))


@pytest.mark.parametrize("seed", range(60))
def test_the_index_finds_what_a_full_scan_finds_after_any_changes(seed: int) -> None:
    story, definitions, naive, matches = Story(seed), Definitions(UTC), NaiveMatching(), 0
    profile = {"email": "a@b", "metadata": {"a": "gold", "b": [1, "silver"]}}
    for version in range(250):
        kind, object_id, record = story.change()
        value = {"kind": kind, "id": object_id, "version": version, "object": record}
        definitions.apply(f"{kind}/{object_id}".encode(), None if record is None else orjson.dumps(value))
        naive.put(kind, object_id, record)
        event, data, segments = story.event()
        facts = Facts(Event("e", event, NOW, "", "c", data), profile, segments)
        expected = naive.match(facts)
        assert jobs_of(definitions, facts) == expected
        matches += len(expected)
    assert matches > 10
