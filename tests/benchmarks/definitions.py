"""A configuration of any number of live definitions, of which most events of the shop start one."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ORDER_EVENTS = ("customer.order.created", "customer.order.updated", "customer.order.paid", "customer.order.canceled")
CUSTOM_EVENTS = ("product_viewed", "cart_abandoned", "review_left", "newsletter_opened")
SEGMENT_EVENTS = ("customer.segment.entered", "customer.segment.left")
SEGMENT = "seg_vip"


# Distributions without a rule, which most events start.
PLAIN: list[dict[str, Any]] = [
    *({"event": event} for event in ORDER_EVENTS),
    *({"event": "customer.custom_event", "custom_event": name} for name in CUSTOM_EVENTS),
    *({"event": event, "segment_id": SEGMENT} for event in SEGMENT_EVENTS),
]


def write_configuration(folder: Path, live: int) -> None:
    """Write `live` distributions as JSON lines: one without a rule for each trigger, the others with a rule each."""
    plain = [plain_distribution(number) for number in range(min(live, len(PLAIN)))]
    rules = [rule(number) for number in range(live - len(plain))]
    ruled = [
        _distribution(
            len(PLAIN) + number,
            {"event": ORDER_EVENTS[number % len(ORDER_EVENTS)], "validation_rule_id": one["id"]},
        )
        for number, one in enumerate(rules)
    ]
    segments = [{"id": SEGMENT, "name": "Best customers", "type": "external"}]
    write_records(folder, {"segments": segments, "validation-rules": rules, "distributions": plain + ruled})


def write_records(folder: Path, by_kind: Mapping[str, Iterable[dict[str, Any]]]) -> None:
    """Write a configuration as JSON lines, a file for each kind."""
    for kind, records in by_kind.items():
        (folder / kind).mkdir(parents=True)
        (folder / kind / "all.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def plain_distribution(number: int) -> dict[str, Any]:
    """One of the distributions without a rule."""
    return _distribution(number, PLAIN[number])


def _distribution(number: int, trigger: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"distr_{number}",
        "name": f"Benchmark {number}",
        "status": "live",
        "kind": "automatic",
        "trigger": trigger,
        "action": {"type": "message"},
        "channels": [{"type": "email", "template_id": f"tpl_{number}"}],
    }


def rule(number: int) -> dict[str, Any]:
    """One customer metadata value that hardly any customer has, and an amount."""
    return {
        "id": f"val_{number}",
        "name": f"Rule {number}",
        "rules": {
            "1": {"name": "customer.metadata", "property": "club", "conditions": {"$is": [f"club-{number}"]}},
            "2": {"name": "order.amount", "conditions": {"$more_than": [1000 + number]}},
            "logic": "1 and 2",
        },
    }
