"""Configuration objects for tests: small, valid, each field open to be replaced."""

from collections.abc import Iterable
from datetime import UTC, tzinfo
from typing import Any

import orjson

from streamproc.domain.configuration import Configuration, InForce
from streamproc.domain.judge import Verdict, judge
from streamproc.matching.segments import ComputedSegments

Json = dict[str, Any]


def distribution(**fields: Any) -> Json:
    """A live message by e-mail on every paid order."""
    return {
        "id": "distr_1",
        "name": "Thanks",
        "status": "live",
        "kind": "automatic",
        "trigger": {"event": "customer.order.paid"},
        "action": {"type": "message"},
        "channels": [{"type": "email", "template_id": "tpl_1"}],
    } | fields


def manual(**fields: Any) -> Json:
    """A live message by e-mail to the members of a segment."""
    record = distribution(name="Sale", kind="manual", audience={"segment_id": "seg_1"}) | fields
    return {name: value for name, value in record.items() if name != "trigger" or name in fields}


def validation_rule(**fields: Any) -> Json:
    """Orders above 50.00."""
    return {
        "id": "val_1",
        "name": "Big basket",
        "rules": {"1": {"name": "order.amount", "conditions": {"$more_than": [5000]}}, "logic": "1"},
    } | fields


def segment(**fields: Any) -> Json:
    """A segment that upstream keeps."""
    return {"id": "seg_1", "name": "VIP", "type": "external"} | fields


def dynamic_segment(**fields: Any) -> Json:
    """Those in the gold club."""
    return {
        "id": "seg_gold",
        "name": "Gold",
        "type": "dynamic",
        "filter": {"metadata.club": {"conditions": {"$is": ["gold"]}}},
    } | fields


def computed_segments(objects: Iterable[tuple[str, Json]], zone: tzinfo = UTC) -> ComputedSegments:
    """Compile the static and dynamic segments among objects that are told with their kinds."""
    segments = ComputedSegments(zone)
    for kind, record in objects:
        if kind == "segments":
            segments.put(record["id"], InForce(kind, record["id"], 1, record))
    return segments


def campaign(**fields: Any) -> Json:
    """A campaign with one promotion tier and one loyalty tier."""
    return {
        "id": "camp_1",
        "name": "Spring",
        "type": "static",
        "promotion_tiers": [{"id": "promo_1", "name": "Ten percent"}],
        "loyalty_tiers": [{"id": "ltr_gold", "name": "Gold"}],
    } | fields


def judged(
    kind: str, record: object, configuration: Configuration | None = None, *, version: int = 0, **header: bytes
) -> Verdict:
    """Judge one object under its own id; `expected` is the header `expected-version`."""
    key = record["id"].encode() if isinstance(record, dict) and isinstance(record.get("id"), str) else None
    return judge(kind, key, orjson.dumps(record), version, header.get("expected"), configuration or Configuration())


def put(configuration: Configuration, kind: str, record: Json, version: int = 0) -> None:
    """Put an object in force without asking the judge."""
    configuration.apply(kind, record["id"], InForce(kind, record["id"], version, record))


def findings(verdict: Verdict) -> list[tuple[str, str]]:
    """Where and which code, for each error."""
    return [(problem.path, problem.code) for problem in verdict.errors]
