from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import orjson
import pytest

from streamproc.domain.configuration import InForce
from streamproc.domain.events import Event
from streamproc.domain.facts import Facts
from streamproc.domain.jobs import ActionObjects, Cause, Occurrence
from streamproc.domain.messages import Message
from streamproc.domain.sending import compile_sending
from streamproc.local.recount import job_id

CREATED_AT = "2026-11-24T11:00:00+01:00"
CAUSE = {"event_id": "evt_1", "type": "customer.order.paid", "created_at": CREATED_AT}
PROFILE: dict[str, Any] = {"id": "cust_ü", "name": "Ann", "email": "a@b", "phone": "+48", "source_id": "crm"}
DATA: dict[str, Any] = {"customer": {"id": "cust_ü"}, "order": {"amount": 5}, "referrer": None}
WEBHOOK: dict[str, Any] = {"type": "webhook", "url": "https://x.test/", "event_name": "paid", "headers": {"a": "b"}}
TIER = {"id": "tier_1", "name": "Ten off"}
PROMOTION: ActionObjects = {"campaign": {"id": "camp_1", "promotion_tiers": [TIER]}, "promotion_tier": TIER}


def emit(
    channels: list[dict[str, Any]],
    profile: dict[str, Any] | None = PROFILE,
    added: ActionObjects | None = None,
    data: dict[str, Any] = DATA,
) -> tuple[list[tuple[str, Message]], list[tuple[str, Message]]]:
    event = Event("evt_1", "customer.order.paid", datetime(2026, 11, 24, 10, tzinfo=UTC), CREATED_AT, "cust_ü", data)
    action = {"type": "promotion" if added else "message"}
    record = {"name": 'The "first"', "action": action, "channels": channels}
    occurrence = Occurrence(Facts(event, profile, []), Cause.of_event(event))
    jobs: list[tuple[str, Message]] = []
    decisions: list[tuple[str, Message]] = []
    compile_sending(InForce("distributions", "dist_1", 42, record), added or {}).emit(occurrence, jobs, decisions)
    return jobs, decisions


def only_job(channel: dict[str, Any], **given: Any) -> Any:
    (job,), decisions = emit([channel], **given)
    assert decisions == []
    return orjson.loads(job[1][1])


def test_a_job_id_is_the_hash_of_its_five_texts() -> None:
    texts = "evt_1\x1fcust_ü\x1fdist_1\x1femail\x1f0".encode()
    expected = "job_" + blake2b(texts, digest_size=16).hexdigest()
    assert job_id("evt_1", "cust_ü", "dist_1", "email", 0) == expected
    assert only_job({"type": "email"})["id"] == expected


def test_a_job_holds_what_the_contract_names() -> None:
    (email, sms), decisions = emit([{"type": "email", "template_id": "tpl"}, {"type": "sms"}])
    own_id = job_id("evt_1", "cust_ü", "dist_1", "email", 0)
    assert email[0] == "email"
    assert email[1][0] == "cust_ü".encode()
    assert orjson.loads(email[1][1]) == {
        "id": own_id,
        "distribution": {"id": "dist_1", "name": 'The "first"', "version": 42},
        "channel": "email",
        "channel_index": 0,
        "action": {"type": "message"},
        "settings": {"template_id": "tpl"},
        "customer": {"id": "cust_ü", "email": "a@b", "name": "Ann"},
        "cause": CAUSE,
        "created_at": CREATED_AT,
    }
    assert email[1][2] == [
        ("job-id", own_id.encode()),
        ("distribution-id", b"dist_1"),
        ("distribution-version", b"42"),
        ("cause-id", b"evt_1"),
    ]
    assert orjson.loads(sms[1][1])["customer"] == {"id": "cust_ü", "phone": "+48", "name": "Ann"}
    assert decisions == []


def test_the_promotion_tier_is_in_the_action() -> None:
    assert only_job({"type": "email"}, added=PROMOTION)["action"] == {"type": "promotion", "promotion_tier": TIER}


@pytest.mark.parametrize(
    ("unsubscribed", "reasons"),
    [
        (["email"], ["unsubscribed", None, None]),
        (True, ["unsubscribed"] * 3),
        (["shopify"], [None, None, None]),
        ([], [None, None, None]),
        (False, [None, None, None]),
    ],
)
def test_unsubscribed_channels_go_nowhere(unsubscribed: Any, reasons: list[str | None]) -> None:
    channels = [{"type": "email"}, {"type": "sms"}, WEBHOOK]
    _jobs, decisions = emit(channels, {**PROFILE, "unsubscribed": unsubscribed})
    decided = {orjson.loads(message[1])["channel_index"]: reason for reason, message in decisions}
    assert [decided.get(index) for index in range(3)] == reasons


@pytest.mark.parametrize(
    ("channel", "contact"),
    [("email", "email"), ("sms", "phone"), ("mailchimp", "email"), ("activecampaign", "email"),
     ("braze", "source_id"), ("klaviyo", "source_id"), ("batch", "source_id"), ("intercom", "source_id")],
)  # fmt: skip
@pytest.mark.parametrize("missing", [None, "", 5, "absent"])
def test_without_its_contact_a_channel_cannot_go(channel: str, contact: str, missing: Any) -> None:
    profile = {**PROFILE, contact: missing}
    if missing == "absent":
        del profile[contact]
    jobs, ((reason, message),) = emit([{"type": channel}], profile)
    assert (jobs, reason) == ([], "missing_contact")
    assert orjson.loads(message[1]) == {
        "distribution_id": "dist_1",
        "version": 42,
        "channel": channel,
        "channel_index": 0,
        "reason": "missing_contact",
        "cause": CAUSE,
    }


def test_webhook_and_shopify_need_no_contact() -> None:
    jobs, decisions = emit([WEBHOOK, {"type": "shopify"}], {"id": "cust_ü"})
    assert [orjson.loads(message[1])["customer"] for _channel, message in jobs] == [{"id": "cust_ü", "name": None}] * 2
    assert decisions == []


def test_unsubscribed_is_looked_at_before_a_missing_contact() -> None:
    assert [reason for reason, _message in emit([{"type": "email"}], {"unsubscribed": ["email"]})[1]] == [
        "unsubscribed"
    ]


def test_nothing_goes_to_a_customer_without_state() -> None:
    jobs, decisions = emit([{"type": "email"}, WEBHOOK], None)
    assert (jobs, [reason for reason, _message in decisions]) == ([], ["unknown_customer"] * 2)


def envelope(own_id: str, data: Any) -> dict[str, Any]:
    return {
        "id": own_id,
        "type": "paid",
        "created_at": CREATED_AT,
        "data": data,
        "source": {"id": "dist_1", "object": "distribution", "target_url": "https://x.test/"},
        "event": CAUSE,
    }


def test_a_webhook_without_payload_carries_all_objects_of_event_and_action() -> None:
    own_id = job_id("evt_1", "cust_ü", "dist_1", "webhook", 0)
    plain, promoted = only_job(WEBHOOK), only_job(WEBHOOK, added=PROMOTION)
    assert plain["payload"] == envelope(own_id, DATA)
    assert plain["settings"] == {"url": "https://x.test/", "event_name": "paid", "headers": {"a": "b"}}
    assert promoted["payload"] == envelope(own_id, {**DATA, **PROMOTION})


def test_the_action_s_objects_stand_in_the_place_of_the_event_s() -> None:
    data = {**DATA, "campaign": {"id": "other"}}
    assert only_job(WEBHOOK, added=PROMOTION, data=data)["payload"]["data"] == {**DATA, **PROMOTION}


def test_a_designed_payload_stands_in_the_envelope_and_raw_stands_alone() -> None:
    designed = {
        **WEBHOOK,
        "payload": '{"who": "{{customer.name}}", "tier.id": {{promotion_tier.id}}, "n": {{order.amount}}}',
    }
    own_id, data = job_id("evt_1", "cust_ü", "dist_1", "webhook", 0), {"who": "Ann", "tier": {"id": "tier_1"}, "n": 5}
    assert only_job(designed, added=PROMOTION)["payload"] == envelope(own_id, data)
    assert only_job({**designed, "raw": True}, added=PROMOTION)["payload"] == data


@pytest.mark.parametrize("more", [{}, {"x": 1}])
def test_fields_are_rendered_into_the_settings(more: dict[str, Any]) -> None:
    channel = {"type": "braze", "fields": {"a.b": "Hi {{customer.name}}", "c": "fixed"}, **more}
    assert only_job(channel)["settings"] == {**more, "fields": {"a.b": "Hi Ann", "c": "fixed"}}
    assert only_job({**channel, "fields": {"c": "fixed"}})["settings"] == {**more, "fields": {"c": "fixed"}}
    assert only_job({**channel, "fields": {}})["settings"] == {**more, "fields": {}}


def test_a_channel_that_stands_twice_makes_two_jobs_with_two_ids() -> None:
    jobs, _decisions = emit([{"type": "email"}, {"type": "email"}])
    assert [orjson.loads(message[1])["id"] for _channel, message in jobs] == [
        job_id("evt_1", "cust_ü", "dist_1", "email", index) for index in range(2)
    ]


def test_settings_are_the_channel_as_it_was_pushed_with_its_payload_s_text_and_what_it_does_not_know() -> None:
    more = {"payload": '{"a": 1}', "note": [1]}
    assert only_job({**WEBHOOK, **more})["settings"] == {
        "url": "https://x.test/", "event_name": "paid", "headers": {"a": "b"}, **more,
    }  # fmt: skip
    odd = {"template_id": "tpl", "fields": {"a": 5}}
    assert only_job({"type": "email", **odd})["settings"] == odd
