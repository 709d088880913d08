"""Requests for codes: one for all channels that can go, finished but for the code."""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import orjson
import pytest

from streamproc.domain.codes import CODE_LENGTH
from streamproc.domain.configuration import InForce
from streamproc.domain.events import Event
from streamproc.domain.facts import Facts
from streamproc.domain.jobs import Cause, JobTooLarge, Occurrence
from streamproc.domain.messages import Message
from streamproc.domain.publications import read_publication
from streamproc.domain.sending import compile_sending
from streamproc.local.recount import job_id
from streamproc.topics import OUTPUT_LIMIT
from tests.support.codes import CODES, fulfilled, requests_of, values
from tests.support.configuration import campaign, distribution
from tests.support.ids import publication_id

CREATED_AT = "2026-11-24T11:00:00+01:00"
CAUSE = {"event_id": "evt_1", "type": "customer.order.paid", "created_at": CREATED_AT}
PROFILE: dict[str, Any] = {"id": "ann", "name": "Ann", "email": "a@b", "phone": "+48"}
DATA: dict[str, Any] = {"customer": {"id": "ann"}, "order": {"amount": 5}}
CAMPAIGN = campaign(code={"pattern": "PROMO-#####"})
WEBHOOK: dict[str, Any] = {"type": "webhook", "url": "https://x.test/", "event_name": "paid"}
OWN_ID = publication_id("evt_1", "ann", "distr_codes", "camp_1")
EMAIL_ID = job_id("evt_1", "ann", "distr_codes", "email", 0)
GIVEN = {"campaign": CAMPAIGN, "voucher": {"code": "CODE-1"}, "publication": {"id": OWN_ID}}


def emit(
    *channels: dict[str, Any], profile: dict[str, Any] | None = PROFILE, data: dict[str, Any] = DATA
) -> tuple[list[tuple[str, Message]], list[tuple[str, Message]]]:
    event = Event("evt_1", "customer.order.paid", datetime(2026, 11, 24, 10, tzinfo=UTC), CREATED_AT, "ann", data)
    record = distribution(id="distr_codes", name="Codes", action=CODES, channels=list(channels))
    jobs: list[tuple[str, Message]] = []
    decisions: list[tuple[str, Message]] = []
    sending = compile_sending(InForce("distributions", "distr_codes", 42, record), {"campaign": CAMPAIGN})
    sending.emit(Occurrence(Facts(event, profile, []), Cause.of_event(event)), jobs, decisions)
    return jobs, decisions


def only_request(*channels: dict[str, Any], **given: Any) -> Message:
    ((topic, request),), decisions = emit(*channels, **given)
    assert (topic, decisions) == ("code-requests", [])
    return request


def test_the_id_of_a_publication_is_the_hash_of_its_four_texts() -> None:
    texts = b"evt_1\x1fann\x1fdistr_codes\x1fcamp_1"
    assert "pub_" + blake2b(texts, digest_size=16).hexdigest() == OWN_ID
    key, value, headers = only_request({"type": "email"})
    assert orjson.loads(value)["id"] == OWN_ID
    assert (key, headers) == (b"ann", [("request-id", OWN_ID.encode()), ("cause-id", b"evt_1")])


def test_a_request_that_got_its_code_becomes_its_jobs_all_with_the_same_code() -> None:
    outcome = fulfilled(only_request({"type": "email", "template_id": "tpl"}, {"type": "sms"}))
    assert [channel for channel, _ in outcome.jobs] == ["email", "sms"]
    email, sms = values(outcome.jobs)
    action = {"type": "codes", "campaign": CAMPAIGN, "voucher": {"code": "CODE-1"}}
    assert email == {
        "id": EMAIL_ID,
        "distribution": {"id": "distr_codes", "name": "Codes", "version": 42},
        "channel": "email",
        "channel_index": 0,
        "action": action,
        "publication": {"id": OWN_ID},
        "settings": {"template_id": "tpl"},
        "customer": {"id": "ann", "email": "a@b", "name": "Ann"},
        "cause": CAUSE,
        "created_at": CREATED_AT,
    }
    assert (sms["action"], sms["publication"], sms["channel_index"]) == (action, {"id": OWN_ID}, 1)
    key, _, headers = outcome.jobs[0][1]
    assert key == b"ann"
    assert headers == [
        ("job-id", EMAIL_ID.encode()),
        ("distribution-id", b"distr_codes"),
        ("distribution-version", b"42"),
        ("cause-id", b"evt_1"),
    ]


def test_a_new_publication_is_written_down_with_the_objects_of_its_event() -> None:
    publication = fulfilled(only_request({"type": "email"})).publication
    assert publication is not None
    key, value, headers = publication
    assert (key, headers) == (b"ann", [("publication-id", OWN_ID.encode()), ("cause-id", b"evt_1")])
    assert orjson.loads(value) == {
        "distribution": {"id": "distr_codes", "name": "Codes", "version": 42},
        "customer": PROFILE,
        **GIVEN,
        "cause": CAUSE,
        "created_at": CREATED_AT,
    }


def test_an_earlier_publication_is_carried_by_the_jobs_and_not_published_again() -> None:
    outcome = fulfilled(only_request({"type": "email"}), "OLD", "pub_" + "1" * 32)
    (job,) = values(outcome.jobs)
    assert (job["action"]["voucher"], job["publication"]) == ({"code": "OLD"}, {"id": "pub_" + "1" * 32})
    assert outcome.publication is None


def test_the_channels_that_cannot_go_are_decided_at_once_and_the_others_share_the_request() -> None:
    jobs, decisions = emit({"type": "email"}, {"type": "braze"}, WEBHOOK)
    assert [reason for reason, _ in decisions] == ["missing_contact"]
    (request,) = requests_of(jobs)
    assert [channel for channel, _ in fulfilled(request).jobs] == ["email", "webhook"]


@pytest.mark.parametrize(
    "profile", [{**PROFILE, "unsubscribed": True}, {"id": "ann", "unsubscribed": ["webhook"]}, None]
)
def test_where_no_channel_can_go_no_code_is_asked_for(profile: dict[str, Any] | None) -> None:
    jobs, decisions = emit({"type": "email"}, WEBHOOK, profile=profile)
    assert (jobs, len(decisions)) == ([], 2)


def test_templates_read_the_campaign_the_voucher_and_the_publication() -> None:
    fields = {"c": "{{voucher.code}} of {{campaign.name}}", "v": "{{voucher}}", "p": "{{publication.id}}"}
    payload = '{"code": {{voucher.code}}, "all": {{voucher}}, "{{voucher.code}}": "{{publication}} {{order.amount}}"}'
    outcome = fulfilled(
        only_request({"type": "shopify", "fields": fields}, {**WEBHOOK, "payload": payload, "raw": True})
    )
    shopify, webhook = values(outcome.jobs)
    assert shopify["settings"]["fields"] == {"c": "CODE-1 of Spring", "v": '{"code":"CODE-1"}', "p": OWN_ID}
    assert webhook["payload"] == {
        "code": "CODE-1",
        "all": {"code": "CODE-1"},
        "CODE-1": f'{{"id":"{OWN_ID}"}} 5',
    }


def test_a_webhook_without_payload_carries_the_action_s_objects_in_the_place_of_the_event_s() -> None:
    data = {**DATA, "voucher": {"code": "other"}}
    for given in (DATA, data):
        (webhook,) = values(fulfilled(only_request(WEBHOOK, data=given)).jobs)
        assert webhook["payload"]["data"] == {**DATA, **GIVEN}


def test_what_looks_like_a_hole_in_the_event_s_own_data_stays_as_it_is() -> None:
    tricky = {**DATA, "order": {"note": ["pub_.code", "{{voucher.code}}", "pub_" + "0" * 32 + ".code"]}}
    (webhook,) = values(fulfilled(only_request(WEBHOOK, data=tricky)).jobs)
    assert webhook["payload"]["data"]["order"] == tricky["order"]


def test_a_request_whose_jobs_could_become_too_large_is_none() -> None:
    holes = OUTPUT_LIMIT // (CODE_LENGTH * 4) + 1
    with pytest.raises(JobTooLarge, match="code request of distribution distr_codes"):
        emit({"type": "shopify", "fields": {"x": "{{voucher.code}}" * holes}})


def test_a_publication_is_read_back_as_the_event_that_follows_from_its_cause() -> None:
    publication = fulfilled(only_request({"type": "email"})).publication
    assert publication is not None
    event, cause = read_publication(publication[1])
    assert (cause.id, cause.created_at) == (f"evt_1#published:{OWN_ID}", CREATED_AT)
    assert orjson.loads(cause.body) == {**CAUSE, "via": f"published:{OWN_ID}"}
    assert (event.type, event.customer_id) == ("customer.publication.succeeded", "ann")
    assert event.data == {"customer": PROFILE, **GIVEN}


@pytest.mark.parametrize(
    ("cause", "first"),
    [
        ({"event_id": "evt_1", "type": "x", "created_at": "x", "via": "entered:seg_1"}, "evt_1"),
        ({"release": "distr_m"}, "release:distr_m"),
        ({"backfill": "distr_b"}, "backfill:distr_b"),
        ({"record": "customers:3:17"}, "customers:3:17"),
        ({"tick": "2026-11-24"}, "tick:2026-11-24"),
    ],
)
def test_what_follows_from_any_cause_is_named_after_it(cause: dict[str, str], first: str) -> None:
    following = Cause.following(cause, "published:pub_1", CREATED_AT)
    assert following.id == f"{first}#published:pub_1"
    assert orjson.loads(following.body) == {**cause, "via": "published:pub_1"}
