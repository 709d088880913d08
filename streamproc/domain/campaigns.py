"""The form of a campaign and of the tiers in it."""

from collections import Counter
from typing import Any, Literal

from streamproc.domain.codes import CodeSettings
from streamproc.domain.form import Form, Id, Text, json_path, shown
from streamproc.domain.problems import Problem


class Tier(Form):
    """A promotion tier or a loyalty tier: more than its id is for templates to use."""

    id: Id
    name: str | None = None


class Campaign(Form):
    """A campaign: its codes and its tiers. `active: false` still sends."""

    id: Id
    name: Text
    type: Literal["static", "auto_update"]
    join_once: bool | None = None
    active: bool | None = None
    code: CodeSettings | None = None
    promotion_tiers: list[Tier] | None = None
    loyalty_tiers: list[Tier] | None = None


def tier_ids(record: dict[str, Any], field: str) -> list[str]:
    """Return the ids of the tiers in `promotion_tiers` or `loyalty_tiers`, passing over what has no form."""
    tiers = record.get(field)
    if not isinstance(tiers, list):
        return []
    return [tier["id"] for tier in tiers if isinstance(tier, dict) and isinstance(tier.get("id"), str)]


def check_campaign(record: dict[str, Any]) -> list[Problem]:
    """Refuse a tier id that stands twice in one list: nobody could say which of the two is meant."""
    problems = []
    for field in ("promotion_tiers", "loyalty_tiers"):
        times = Counter(tier_ids(record, field))
        repeated = [tier for tier, count in times.items() if count > 1]
        problems += [
            Problem(json_path("$", field), "schema", f"tier id {shown(tier)} stands here more than once")
            for tier in repeated
        ]
    return problems
