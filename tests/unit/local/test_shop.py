import hashlib
import json
from collections import Counter
from itertools import islice, pairwise
from typing import Any

import pytest

from streamproc.local.recount import Recount
from streamproc.local.shop import Shop, ShopOptions, ShopRecord
from streamproc.local.shop.faults import FAULTS, MAX_EVENT_BYTES

EVENTS = 8_000


def some_events(count: int = EVENTS, **options: Any) -> list[ShopRecord]:
    return list(islice(Shop(ShopOptions(**options)).events(), count))


def parsed(records: list[ShopRecord]) -> list[dict[str, object]]:
    """Those that are JSON objects; the others are faults."""
    bodies = []
    for _, _, value in records:
        try:
            body = json.loads(value or b"")
        except ValueError:
            continue
        if isinstance(body, dict):
            bodies.append(body)
    return bodies


def test_the_same_seed_gives_the_same_bytes() -> None:
    digest = hashlib.sha256(repr(some_events(2000)).encode()).hexdigest()
    assert digest == hashlib.sha256(repr(some_events(2000)).encode()).hexdigest()
    assert some_events(50) != some_events(50, seed=2)


def test_each_call_begins_the_same_stream_from_its_start() -> None:
    shop = Shop()
    assert list(islice(shop.events(), 500)) == list(islice(shop.events(), 500))


def test_two_seeds_share_no_event_id() -> None:
    first, second = ({body.get("id") for body in parsed(some_events(500, seed=seed))} for seed in (1, 2))
    assert {identity for identity in first & second if isinstance(identity, str)} == set()


@pytest.mark.parametrize("mean", [850, 1200, 3000])
def test_values_have_the_mean_size_that_was_asked_for(mean: int) -> None:
    sizes = [len(value or b"") for _, _, value in some_events(mean_bytes=mean)]
    assert sum(sizes) / len(sizes) == pytest.approx(mean, rel=0.03)


def test_a_mean_size_below_the_natural_one_is_refused() -> None:
    with pytest.raises(ValueError, match="mean_bytes 100: at least"):
        Shop(ShopOptions(mean_bytes=100))


def test_the_mix_contains_each_kind_of_record() -> None:
    types = {body.get("type") for body in parsed(some_events())}
    assert types >= {
        "customer.order.created", "customer.order.updated", "customer.order.paid", "customer.order.canceled",
        "customer.order.fulfilled", "customer.custom_event", "customer.segment.entered", "customer.segment.left",
        "customer.created", "customer.updated", "customer.deleted", "customer.voucher.loyalty_card.points_added",
        "customer.order.processing", "till.opened", "customer.loyalty.tier.upgraded", "customer.referred",
        "customer.rewarded.loyalty_points", "customer.reward_redemptions.completed", "customer.redemption.succeeded",
        "customer.voucher.gift.balance_added",
    }  # fmt: skip


def test_events_of_one_order_keep_its_customer_and_begin_with_its_creation() -> None:
    history: dict[str, list[tuple[object, object]]] = {}
    for body in parsed(some_events(flawless=True)):
        data = body["data"]
        assert isinstance(data, dict)
        if str(body["type"]).startswith("customer.order."):
            history.setdefault(data["order"]["id"], []).append((data["customer"]["id"], body["type"]))
    assert all(events[0][1] == "customer.order.created" for events in history.values())
    assert all(len({customer for customer, _ in events}) == 1 for events in history.values())


def test_activity_is_skewed_but_nobody_makes_a_partition_hot() -> None:
    counts = Counter(key for _, key, _ in some_events())
    busiest = [count / EVENTS for _, count in counts.most_common(200)]
    assert busiest[0] < 0.03
    assert sum(busiest) > 0.3


def test_event_time_moves_on_but_for_a_few_late_events() -> None:
    times = [str(body["created_at"]) for body in parsed(some_events(flawless=True))]
    late = sum(later < earlier for earlier, later in pairwise(times))
    assert 0 < late / len(times) < 0.03
    assert times[-1] > "2026-03-02T18" > times[0]


def test_a_flawless_stream_holds_only_good_known_events_once() -> None:
    recount = recounted(some_events(flawless=True))
    assert (recount.processed, recount.ignored, recount.duplicates) == (EVENTS, 0, 0)
    assert recount.dead_letters == Counter()


def test_the_stream_holds_dead_letters_repeats_and_unknown_types() -> None:
    recount = recounted(some_events())
    reasons = Counter(reason for reason, _, _ in recount.dead_letters)
    assert set(reasons) == {"invalid_json", "invalid_event", "wrong_key"}
    assert recount.ignored > 0
    assert recount.duplicates > 0


def test_oversized_records_come_only_when_asked_for() -> None:
    sizes = [len(value or b"") for _, _, value in some_events(oversized=True)]
    assert {size for size in sizes if size > 10_000} == {MAX_EVENT_BYTES + 1}
    assert max(len(value or b"") for _, _, value in some_events()) < 10_000


@pytest.mark.parametrize(("reason", "fault"), FAULTS)
def test_each_fault_spoils_a_good_record_in_its_way(reason: str, fault: object) -> None:
    assert callable(fault)
    _, key, value = some_events(1, flawless=True)[0]
    spoilt_key, spoilt = fault(key, value)
    recount = recounted([("customer-events", spoilt_key, spoilt)])
    assert recount.dead_letters == {(reason, spoilt_key, hashlib.sha256(spoilt).hexdigest()): 1}


def test_profiles_have_fifteen_fields_and_the_gaps_of_real_data() -> None:
    records = list(Shop().profiles())
    profiles = [json.loads(value) for _, _, value in records if value is not None]
    assert max(len(profile) for profile in profiles) == 15
    assert {topic for topic, _, _ in records} == {"customers"}
    assert any(value is None for _, _, value in records)
    assert {"absent", "", None} <= {profile.get("email", "absent") for profile in profiles}
    assert any(profile["unsubscribed"] is True for profile in profiles)
    assert any(isinstance(profile["unsubscribed"], list) and profile["unsubscribed"] for profile in profiles)


def recounted(records: list[ShopRecord]) -> Recount:
    recount = Recount()
    for _, key, value in records:
        recount.event(key, value or b"")
    return recount
