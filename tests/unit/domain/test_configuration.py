"""The objects in force: what blocks a distribution, and whom a change concerns."""

from time import process_time
from typing import Any

import pytest

from streamproc.domain.configuration import Configuration, InForce
from tests.support.configuration import campaign, distribution, manual, put, segment, validation_rule

PROMOTION = {"type": "promotion", "promotion_tier_id": "promo_1"}


def in_force(*objects: tuple[str, dict[str, Any]]) -> Configuration:
    configuration = Configuration()
    for kind, record in objects:
        put(configuration, kind, record)
    return configuration


def naming(**selectors: str) -> dict[str, Any]:
    return distribution(trigger={"event": "customer.order.paid"} | selectors)


def rule_on(*names: str, **fields: Any) -> dict[str, Any]:
    rules = {
        str(place): {"name": name, "property": "a", "conditions": {"$is": ["x"]}} for place, name in enumerate(names)
    }
    return validation_rule(rules=rules, **fields)


@pytest.mark.parametrize(
    ("record", "cause", "kind", "mending"),
    [
        (naming(segment_id="seg_1"), "missing segments seg_1", "segments", segment()),
        (
            naming(validation_rule_id="val_1"),
            "missing validation-rules val_1",
            "validation-rules",
            validation_rule(),
        ),
        (naming(campaign_id="camp_1"), "missing campaigns camp_1", "campaigns", campaign()),
        (distribution(action=PROMOTION), "missing promotion-tiers promo_1", "campaigns", campaign()),
        (manual(), "missing segments seg_1", "segments", segment()),
        (
            manual(audience={"customer": {"id": "cust_1"}}, action=PROMOTION),
            "missing promotion-tiers promo_1",
            "campaigns",
            campaign(),
        ),
    ],
)
def test_a_distribution_is_blocked_while_what_it_names_is_missing(
    record: dict[str, Any], cause: str, kind: str, mending: dict[str, Any]
) -> None:
    configuration = in_force(("distributions", record))
    assert configuration.blocked("distr_1") == [cause]
    assert configuration.dependents(kind, mending["id"]) <= {"distr_1"}

    put(configuration, kind, mending)
    assert configuration.blocked("distr_1") == []
    assert configuration.dependents(kind, mending["id"]) == {"distr_1"}

    configuration.apply(kind, mending["id"], None)
    assert configuration.blocked("distr_1") == [cause]
    assert configuration.dependents(kind, mending["id"]) == {"distr_1"}


def test_a_loyalty_tier_is_looked_for_in_the_campaign_of_the_trigger() -> None:
    trigger = {"event": "customer.loyalty.tier.joined", "campaign_id": "camp_1", "loyalty_tier_id": "ltr_gold"}
    configuration = in_force(("distributions", distribution(trigger=trigger)), ("campaigns", campaign(id="camp_2")))
    assert configuration.blocked("distr_1") == ["missing campaigns camp_1"]
    put(configuration, "campaigns", campaign(loyalty_tiers=[]))
    assert configuration.blocked("distr_1") == ["missing loyalty-tiers ltr_gold"]
    put(configuration, "campaigns", campaign())
    assert configuration.blocked("distr_1") == []


def test_a_promotion_tier_is_known_while_any_campaign_has_it_and_belongs_to_the_first() -> None:
    other = campaign(id="camp_0", promotion_tiers=[{"id": "promo_1", "name": "Twenty"}])
    configuration = in_force(
        ("distributions", distribution(action=PROMOTION)), ("campaigns", campaign()), ("campaigns", other)
    )
    found = configuration.promotion_tier("promo_1")
    assert found is not None
    assert (found[0].id, found[1]) == ("camp_0", {"id": "promo_1", "name": "Twenty"})

    configuration.apply("campaigns", "camp_0", None)
    assert configuration.blocked("distr_1") == []
    found = configuration.promotion_tier("promo_1")
    assert found is not None
    assert (found[0].id, found[1]) == ("camp_1", {"id": "promo_1", "name": "Ten percent"})

    configuration.apply("campaigns", "camp_1", None)
    assert configuration.promotion_tier("promo_1") is None


def test_a_tier_that_a_campaign_loses_blocks_and_its_distributions_are_told() -> None:
    configuration = in_force(("campaigns", campaign()), ("distributions", distribution(action=PROMOTION)))
    put(configuration, "campaigns", campaign(promotion_tiers=[{"id": "promo_2"}]), 1)
    assert configuration.blocked("distr_1") == ["missing promotion-tiers promo_1"]
    assert configuration.dependents("campaigns", "camp_1") == {"distr_1"}
    put(configuration, "campaigns", campaign(promotion_tiers=[{"id": "promo_2"}]), 2)
    assert configuration.dependents("campaigns", "camp_1") == set()


def test_segments_that_a_rule_names_must_be_known() -> None:
    nodes = {
        "1": {"name": "customer.segment", "conditions": {"$is": ["seg_9"]}},
        "2": {"name": "customer.segment", "conditions": {"$not_in": ["seg_3", "seg_9"]}},
    }
    configuration = in_force(
        ("validation-rules", validation_rule(rules=nodes)), ("distributions", naming(validation_rule_id="val_1"))
    )
    assert configuration.blocked("distr_1") == ["unknown segments seg_3", "unknown segments seg_9"]
    assert configuration.dependents("segments", "seg_9") == {"distr_1"}

    put(configuration, "segments", segment(id="seg_9"))
    assert configuration.blocked("distr_1") == ["unknown segments seg_3"]

    put(configuration, "validation-rules", validation_rule())
    assert configuration.blocked("distr_1") == []
    assert configuration.dependents("segments", "seg_9") == set()


def test_a_segment_that_is_not_in_force_because_it_syncs_is_told_as_such_whoever_names_it() -> None:
    nodes = {"1": {"name": "customer.segment", "conditions": {"$in": ["seg_1", "seg_9"]}}}
    configuration = in_force(
        ("validation-rules", validation_rule(rules=nodes)),
        ("distributions", naming(segment_id="seg_1")),
        ("distributions", naming(validation_rule_id="val_1") | {"id": "distr_2", "name": "Other"}),
    )
    configuration.syncing.add("seg_1")
    assert configuration.blocked("distr_1") == ["syncing segments seg_1"]
    assert configuration.blocked("distr_2") == ["syncing segments seg_1", "unknown segments seg_9"]

    configuration.syncing.discard("seg_1")
    put(configuration, "segments", segment())
    assert configuration.blocked("distr_1") == []
    assert configuration.blocked("distr_2") == ["unknown segments seg_9"]


def test_a_new_version_of_a_segment_that_syncs_blocks_nothing_while_the_earlier_one_is_in_force() -> None:
    configuration = in_force(("segments", segment()), ("distributions", naming(segment_id="seg_1")))
    configuration.syncing.add("seg_1")
    assert configuration.blocked("distr_1") == []

    configuration.apply("segments", "seg_1", None)
    assert configuration.blocked("distr_1") == ["syncing segments seg_1"]


@pytest.mark.parametrize("fields", [{"type": "static", "customers": ["ann"]}, {"type": "dynamic", "filter": {}}])
def test_where_nobody_syncs_a_segment_is_in_force_as_soon_as_it_is_accepted(fields: dict[str, Any]) -> None:
    configuration = in_force(("distributions", naming(segment_id="seg_1")), ("segments", segment(**fields)))
    assert configuration.blocked("distr_1") == []


@pytest.mark.parametrize(
    ("event", "names", "fits"),
    [
        ("customer.order.paid", ["order.metadata"], True),
        ("customer.order.paid", ["custom_event.metadata"], False),
        ("customer.order.paid", ["custom_event.metadata", "order.metadata"], True),
        ("customer.custom_event", ["custom_event.metadata"], True),
        ("customer.custom_event", ["order.metadata"], False),
        ("customer.custom_event", ["customer.metadata"], True),
        ("customer.order.created", ["customer.metadata"], True),
        ("customer.order.created", [], True),
    ],
)
def test_a_rule_of_which_no_name_belongs_to_the_trigger_blocks(event: str, names: list[str], *, fits: bool) -> None:
    trigger = {"event": event, "validation_rule_id": "val_1", "custom_event": "left_review"}
    configuration = in_force(("validation-rules", rule_on(*names)), ("distributions", distribution(trigger=trigger)))
    expected = [] if fits else ["rule_not_available validation-rules val_1"]
    assert configuration.blocked("distr_1") == expected


def test_all_causes_are_told_in_the_order_of_the_fields() -> None:
    trigger = {"segment_id": "seg_1", "validation_rule_id": "val_1", "campaign_id": "camp_1"}
    configuration = in_force(("distributions", naming(**trigger) | {"action": PROMOTION}))
    assert configuration.blocked("distr_1") == [
        "missing segments seg_1",
        "missing validation-rules val_1",
        "missing campaigns camp_1",
        "missing promotion-tiers promo_1",
    ]


def test_a_change_of_a_distribution_changes_what_concerns_it() -> None:
    configuration = in_force(("distributions", naming(segment_id="seg_1")))
    put(configuration, "distributions", naming(segment_id="seg_2"), 1)
    assert configuration.dependents("segments", "seg_1") == set()
    assert configuration.dependents("segments", "seg_2") == {"distr_1"}
    assert configuration.dependents("distributions", "distr_1") == {"distr_1"}
    configuration.apply("distributions", "distr_1", None)
    assert configuration.dependents("segments", "seg_2") == set()
    assert configuration.blocked("distr_1") == []


def test_a_name_is_free_again_after_a_rename_or_a_deletion() -> None:
    configuration = in_force(("distributions", distribution()))
    assert configuration.named("Thanks") == "distr_1"
    put(configuration, "distributions", distribution(name="Merci"), 1)
    assert (configuration.named("Thanks"), configuration.named("Merci")) == (None, "distr_1")
    configuration.apply("distributions", "distr_1", None)
    assert configuration.named("Merci") is None


def test_objects_are_found_by_kind_and_id() -> None:
    configuration = in_force(("segments", segment()))
    assert configuration.get("segments", "seg_1") == InForce("segments", "seg_1", 0, segment())
    assert configuration.get("campaigns", "seg_1") is None
    assert configuration.objects("segments") == {"seg_1": InForce("segments", "seg_1", 0, segment())}


def test_taking_out_what_is_not_there_changes_nothing() -> None:
    configuration = in_force(("segments", segment()))
    for kind in ("distributions", "validation-rules", "segments", "campaigns"):
        configuration.apply(kind, "other", None)
    assert configuration.get("segments", "seg_1") is not None


def test_one_record_is_cheap_beside_a_hundred_thousand_distributions_that_name_it() -> None:
    configuration = Configuration()
    record = naming(validation_rule_id="val_1") | {"action": PROMOTION}
    for number in range(100_000):
        put(configuration, "distributions", record | {"id": f"distr_{number}", "name": f"Number {number}"})
    changes = [
        ("validation-rules", validation_rule()),
        ("campaigns", campaign()),
        ("campaigns", campaign(promotion_tiers=[])),
        ("segments", segment()),
        ("distributions", distribution()),
        ("distributions", record | {"name": "Again"}),
    ]
    best = min(_seconds(configuration, changes) for _ in range(3))
    assert best < 0.001 * len(changes)


def _seconds(configuration: Configuration, changes: list[tuple[str, dict[str, Any]]]) -> float:
    started = process_time()
    for kind, record in changes:
        put(configuration, kind, record)
        configuration.blocked("distr_1")
    return process_time() - started
