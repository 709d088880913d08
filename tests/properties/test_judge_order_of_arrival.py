"""The order in which good objects arrive changes neither what is in force nor what is blocked, nor why."""

from collections.abc import Sequence
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streamproc.domain.configuration import KINDS, Configuration, InForce
from streamproc.domain.judge import judge
from tests.support.configuration import campaign, distribution, segment, validation_rule

Pushed = tuple[str, dict[str, Any]]

NUMBERS = st.integers(0, 2)


@st.composite
def distributions(draw: st.DrawFn) -> list[Pushed]:
    """Up to four distributions of different names, each naming some of few objects."""
    found = []
    for number in range(draw(st.integers(1, 4))):
        shape = draw(st.sampled_from(["order", "custom_event", "segment", "tier"]))
        trigger: dict[str, Any] = {
            "order": {"event": "customer.order.paid", "validation_rule_id": f"val_{draw(NUMBERS)}"},
            "custom_event": {
                "event": "customer.custom_event",
                "custom_event": "left_review",
                "validation_rule_id": f"val_{draw(NUMBERS)}",
            },
            "segment": {"event": "customer.segment.left", "segment_id": f"seg_{draw(NUMBERS)}"},
            "tier": {
                "event": "customer.loyalty.tier.left",
                "campaign_id": f"camp_{draw(NUMBERS)}",
                "loyalty_tier_id": f"ltr_{draw(NUMBERS)}",
            },
        }[shape]
        action = {"type": "message"}
        if shape != "tier" and draw(st.booleans()):
            action = {"type": "promotion", "promotion_tier_id": f"promo_{draw(NUMBERS)}"}
        fields = {"id": f"distr_{number}", "name": f"Number {number}", "trigger": trigger, "action": action}
        found.append(("distributions", distribution(**fields)))
    return found


@st.composite
def others(draw: st.DrawFn) -> list[Pushed]:
    """Some of the objects that distributions may name; a rule names segments, or a metadata key."""
    found: list[Pushed] = [("segments", segment(id=f"seg_{number}")) for number in draw(st.sets(NUMBERS))]
    for number in draw(st.sets(NUMBERS)):
        node = draw(
            st.sampled_from(
                [
                    {"name": "customer.segment", "conditions": {"$in": ["seg_0", "seg_1"]}},
                    {"name": "customer.segment", "conditions": {"$is_not": ["seg_2"]}},
                    {"name": "order.amount", "conditions": {"$more_than": [1]}},
                    {"name": "custom_event.metadata", "property": "a", "conditions": {"$is": ["x"]}},
                ]
            )
        )
        found.append(("validation-rules", validation_rule(id=f"val_{number}", rules={"1": node})))
    for number in draw(st.sets(NUMBERS)):
        tiers = [{"id": f"promo_{tier}"} for tier in draw(st.sets(NUMBERS))]
        loyalty = [{"id": f"ltr_{tier}"} for tier in draw(st.sets(NUMBERS))]
        found.append(("campaigns", campaign(id=f"camp_{number}", promotion_tiers=tiers, loyalty_tiers=loyalty)))
    return found


def arrive(pushed: Sequence[Pushed]) -> Configuration:
    configuration = Configuration()
    for version, (kind, record) in enumerate(pushed):
        verdict = judge(kind, record["id"].encode(), orjson.dumps(record), version, None, configuration)
        assert verdict.errors == []
        assert verdict.record is not None
        configuration.apply(kind, record["id"], InForce(kind, record["id"], version, verdict.record))
    return configuration


def standing(configuration: Configuration) -> dict[str, Any]:
    """What is in force, and what blocks each distribution."""
    blocked = {object_id: configuration.blocked(object_id) for object_id in configuration.objects("distributions")}
    records: dict[str, Any] = {
        kind: {key: one.record for key, one in configuration.objects(kind).items()} for kind in KINDS
    }
    return {"blocked": blocked, **records}


@given(mine=distributions(), theirs=others(), data=st.data())
def test_the_order_of_arrival_does_not_matter(mine: list[Pushed], theirs: list[Pushed], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(mine + theirs))
    assert standing(arrive(shuffled)) == standing(arrive(theirs + mine))


@given(mine=distributions(), before=others(), after=others(), data=st.data())
def test_earlier_versions_and_deletions_leave_no_trace(
    mine: list[Pushed], before: list[Pushed], after: list[Pushed], data: st.DataObject
) -> None:
    configuration = arrive(data.draw(st.permutations(mine + before)))
    kept = {(kind, record["id"]) for kind, record in after}
    for kind, record in before:
        if (kind, record["id"]) not in kept:
            configuration.apply(kind, record["id"], None)
    for kind, record in after:
        configuration.apply(kind, record["id"], InForce(kind, record["id"], 99, record))
    assert standing(configuration) == standing(arrive(after + mine))


@given(mine=distributions(), before=others(), changes=others())
def test_only_dependents_change_what_blocks_them(
    mine: list[Pushed], before: list[Pushed], changes: list[Pushed]
) -> None:
    configuration = arrive(before + mine)
    for kind, record in changes:
        earlier = standing(configuration)["blocked"]
        configuration.apply(kind, record["id"], InForce(kind, record["id"], 99, record))
        later = standing(configuration)["blocked"]
        changed = {object_id for object_id in later if later[object_id] != earlier[object_id]}
        assert changed <= configuration.dependents(kind, record["id"])
