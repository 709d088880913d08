import json
from typing import Any

import pytest

from streamproc.local.expectations import MUG_SALE, PROMISES, TEA_SALE
from streamproc.local.recount import ExpectedJob, Recount, job_id
from streamproc.local.sample import CONFIGURATION

ORDER = {
    "id": "ord_1",
    "amount": 500,
    "metadata": {"delivery": "courier", "pickup_at": "2026-03-05T10:00:00Z"},
    "items": [{"product_id": "prod_1", "quantity": 1, "price": 500, "collections": ["pc_tea"]}],
}


def make_event(kind: str, identity: str = "evt_1", customer: dict[str, Any] | None = None, **data: Any) -> bytes:
    return json.dumps(
        {
            "id": identity,
            "type": kind,
            "created_at": "2026-03-03T12:00:00Z",
            "data": {"customer": {"id": "ann", **(customer or {})}, **data},
        }
    ).encode()


def test_a_job_id_is_the_digest_of_what_set_it_off_and_where_it_goes() -> None:
    # Taken with: printf 'evt_1\037ann\037distr_receipt\037email\0370' | b2sum -l 128
    assert job_id("evt_1", "ann", "distr_receipt", "email", 0) == "job_03378d6212a728a31bb10b8273fd4dc3"


def test_an_order_with_an_address_gives_one_job() -> None:
    recount = Recount()
    recount.event(b"ann", make_event("customer.order.created", customer={"email": "a@b"}, order=ORDER))
    expected = {
        job_id("evt_1", "ann", "distr_order_confirmation", "email", 0): ExpectedJob(
            "ann", "distr_order_confirmation", "email", 1
        )
    }
    assert recount.jobs == expected
    assert recount.decisions == {}


def test_an_empty_address_is_no_contact_and_silence_is_looked_at_first() -> None:
    recount = Recount()
    recount.event(b"ann", make_event("customer.order.created", customer={"email": ""}, order=ORDER))
    recount.event(
        b"ann", make_event("customer.order.created", "evt_2", customer={"unsubscribed": ["email"]}, order=ORDER)
    )
    assert recount.decisions == {
        ("ann", "distr_order_confirmation", "email", 0, "missing_contact", "evt_1"): 1,
        ("ann", "distr_order_confirmation", "email", 0, "unsubscribed", "evt_2"): 1,
    }


def test_what_a_profile_told_holds_until_the_customer_is_deleted() -> None:
    recount = Recount()
    recount.profile(b"ann", b'{"id": "ann", "email": "a@b", "metadata": {"club": "gold"}}')
    recount.event(b"ann", make_event("customer.updated", customer={"email": None, "metadata": {"device": "app"}}))
    recount.event(b"ann", make_event("customer.order.created", "evt_2", order=ORDER))
    recount.event(b"ann", make_event("customer.deleted", "evt_3"))
    recount.event(b"ann", make_event("customer.order.created", "evt_4", order=ORDER))
    assert [job.place for job in recount.jobs.values()] == [2]
    assert list(recount.decisions) == [
        ("ann", "distr_order_confirmation", "email", 0, "missing_contact", "evt_4"),
    ]


def test_a_repeated_id_counts_once_and_a_dead_letter_does_not_count_as_seen() -> None:
    recount = Recount()
    good = make_event("customer.updated")
    for key, value in ((b"bob", good), (b"ann", good), (b"ann", good)):
        recount.event(key, value)
    assert (recount.processed, recount.duplicates, recount.dead_letters.total()) == (1, 1, 1)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"ann", b"x" * 1_048_577, "too_large"),
        (b"ann", b"{", "invalid_json"),
        (b"ann", b"[]", "invalid_event"),
        (b"ann", make_event("customer.updated", ""), "invalid_event"),
        (b"ann", make_event("customer.updated", customer={"id": ""}), "invalid_event"),
        (b"bob", make_event("customer.updated"), "wrong_key"),
        (None, make_event("customer.updated"), "wrong_key"),
    ],
)
def test_each_bad_record_has_its_reason(key: bytes | None, value: bytes, reason: str) -> None:
    recount = Recount()
    recount.event(key, value)
    assert [told for told, _, _ in recount.dead_letters] == [reason]


def test_an_unknown_type_is_ignored_even_with_a_wrong_key() -> None:
    recount = Recount()
    recount.event(b"bob", make_event("till.opened"))
    assert (recount.ignored, recount.dead_letters.total()) == (1, 0)


def test_a_release_goes_to_those_who_are_members_then_and_its_end_adds_up() -> None:
    recount = Recount()
    for identity, email in (("ann", "a@b"), ("bob", ""), ("cid", "c@d")):
        profile = {"id": identity, "email": email, "metadata": {"favourites": ["tea"]}}
        recount.profile(identity.encode(), json.dumps(profile).encode())
    for identity in ("ann", "bob"):
        paid = make_event("customer.order.paid", f"evt_{identity}", customer={"id": identity}, order=ORDER)
        recount.event(identity.encode(), paid)
    before, others = set(recount.jobs), recount.decisions.total()
    recount.sync("seg_tea_buyers")
    recount.end(TEA_SALE)
    recount.end(MUG_SALE)
    assert {(job.customer, job.channel) for identity, job in recount.jobs.items() if identity not in before} == {
        ("ann", "email"), ("ann", "webhook"), ("bob", "webhook"),
    }  # fmt: skip
    assert recount.decisions.total() - others == 3
    assert set(recount.receipts) == {
        ("distr_tea_sale", 0, "held", 0, 0),
        ("distr_tea_sale", 1, "replaced", 0, 0),
        ("distr_tea_sale", 2, "released", 0, 0),
        ("distr_tea_sale", 3, "done", 3, 3),
        ("distr_mug_sale", 0, "held", 0, 0),
        ("distr_mug_sale", 1, "canceled", 0, 0),
    }
    assert recount.changes == {}


def test_after_a_sync_it_is_told_who_comes_and_goes() -> None:
    recount = Recount()
    recount.profile(b"ann", b'{"id": "ann", "metadata": {"favourites": ["tea"]}}')
    recount.sync("seg_tea_buyers")
    recount.event(b"ann", make_event("customer.order.paid", order=ORDER))
    assert recount.changes == {("ann", "seg_tea_buyers", "entered", "evt_1"): 1}


def test_the_promises_name_what_is_live_in_the_sample_configuration() -> None:
    records = [json.loads(path.read_bytes()) for path in sorted((CONFIGURATION / "distributions").glob("*.json"))]
    live = {
        (record["id"], record["trigger"]["event"], tuple(channel["type"] for channel in record["channels"]))
        for record in records
        if record["status"] == "live" and record["id"] != "distr_winter_sale"
    }
    assert {(promise.distribution, promise.event, promise.channels) for promise in PROMISES} == live
    assert {record["status"] for record in records} == {"live", "paused", "draft"}
