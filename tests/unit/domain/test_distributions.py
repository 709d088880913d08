"""Distributions: trigger x selector x action x channel, and the form around them."""

from typing import Any

import pytest

from streamproc.domain.catalogue import CHANNELS, TRIGGERS
from streamproc.domain.problems import Problem
from tests.support.configuration import distribution, findings, judged, manual

PROMOTION = {"type": "promotion", "promotion_tier_id": "promo_1"}
VALUES = {
    "segment_id": "seg_1",
    "validation_rule_id": "val_1",
    "campaign_id": "camp_1",
    "custom_event": "left_review",
    "loyalty_tier_id": "ltr_gold",
}


def on(event: str, **selectors: Any) -> dict[str, Any]:
    """A distribution on this trigger with the selectors that it requires, and these."""
    required = {selector: VALUES[selector] for selector in TRIGGERS[event].required}
    return distribution(trigger={"event": event} | required | selectors)


def webhook(**settings: Any) -> dict[str, Any]:
    return distribution(
        channels=[{"type": "webhook", "url": "https://shop.example/hook", "event_name": "paid"} | settings]
    )


@pytest.mark.parametrize("event", TRIGGERS)
def test_each_trigger_is_accepted_with_its_required_selectors(event: str) -> None:
    assert judged("distributions", on(event)).accepted


@pytest.mark.parametrize(
    ("event", "selector"), [(event, selector) for event, row in TRIGGERS.items() for selector in row.required]
)
@pytest.mark.parametrize("absent", [{}, None])
def test_a_missing_required_selector_is_refused(event: str, selector: str, absent: object) -> None:
    record = on(event)
    record["trigger"].pop(selector)
    if absent is None:
        record["trigger"][selector] = None
    assert judged("distributions", record).errors == [
        Problem(f"$.trigger.{selector}", "selector_required", f"{event} needs {selector}")
    ]


@pytest.mark.parametrize(
    ("event", "selector"), [(event, selector) for event, row in TRIGGERS.items() for selector in row.optional]
)
def test_an_optional_selector_is_accepted(event: str, selector: str) -> None:
    assert judged("distributions", on(event, **{selector: VALUES[selector]})).accepted


@pytest.mark.parametrize(
    ("event", "selector"),
    [(event, selector) for event, row in TRIGGERS.items() for selector in VALUES if selector not in row.selectors],
)
def test_a_selector_that_the_trigger_does_not_take_is_refused_but_as_null_it_is_absent(
    event: str, selector: str
) -> None:
    code = "rule_not_available" if selector == "validation_rule_id" else "selector_not_allowed"
    verdict = judged("distributions", on(event, **{selector: VALUES[selector]}))
    assert findings(verdict) == [(f"$.trigger.{selector}", code)]
    assert judged("distributions", on(event, **{selector: None})).accepted


def test_a_surplus_selector_is_refused_with_what_is_allowed() -> None:
    assert judged("distributions", on("customer.loyalty.tier.left", segment_id="seg_1")).errors == [
        Problem(
            "$.trigger.segment_id",
            "selector_not_allowed",
            "customer.loyalty.tier.left does not take segment_id; allowed: campaign_id, loyalty_tier_id",
        )
    ]


@pytest.mark.parametrize("event", ["customer.created", "CUSTOMER.ORDER.PAID", "customer.order.fulfilled", "x"])
def test_an_unknown_trigger_is_refused_with_all_that_exist(event: str) -> None:
    [problem] = judged("distributions", distribution(trigger={"event": event})).errors
    assert (problem.path, problem.code) == ("$.trigger.event", "unknown_trigger")
    assert all(known in problem.message for known in TRIGGERS)


@pytest.mark.parametrize("event", TRIGGERS)
def test_a_promotion_goes_only_with_triggers_that_offer_it(event: str) -> None:
    verdict = judged("distributions", on(event) | {"action": PROMOTION})
    if "promotion" in TRIGGERS[event].actions:
        assert verdict.accepted
    else:
        told = f'{event} does not go with "promotion"; allowed: message'
        assert verdict.errors == [Problem("$.action.type", "action_not_allowed", told)]


def test_a_promotion_needs_its_tier_and_a_message_ignores_one() -> None:
    assert findings(judged("distributions", distribution(action={"type": "promotion"}))) == [
        ("$.action.promotion_tier_id", "schema")
    ]
    assert judged("distributions", distribution(action={"type": "message", "promotion_tier_id": 5})).accepted


@pytest.mark.parametrize("event", TRIGGERS)
def test_codes_go_with_the_triggers_that_offer_them_and_need_their_campaign(event: str) -> None:
    selectors = {"segment_id": "seg_1", "campaign_id": "camp_1", "custom_event": "left_review"}
    trigger = {"event": event} | {name: selectors[name] for name in TRIGGERS[event].required}
    verdict = judged("distributions", distribution(trigger=trigger, action={"type": "codes", "campaign_id": "camp_1"}))
    if "codes" in TRIGGERS[event].actions:
        assert (verdict.errors, "missing campaigns camp_1" in verdict.blocked) == ([], True)
        assert findings(judged("distributions", distribution(trigger=trigger, action={"type": "codes"}))) == [
            ("$.action.campaign_id", "schema")
        ]
    else:
        told = f'{event} does not go with "codes"; allowed: message'
        assert verdict.errors == [Problem("$.action.type", "action_not_allowed", told)]


def test_an_action_that_does_not_exist_is_refused_with_those_that_do() -> None:
    assert judged("distributions", distribution(action={"type": "gift"})).errors == [
        Problem("$.action.type", "schema", '"gift" is not allowed here; allowed: promotion, codes, message')
    ]


def test_an_unknown_kind_is_refused_with_those_that_exist_and_nothing_else() -> None:
    assert judged("distributions", distribution(kind="weekly", trigger=None)).errors == [
        Problem("$.kind", "schema", '"weekly" is not allowed here; allowed: automatic, manual')
    ]


@pytest.mark.parametrize(
    "audience",
    [
        {"segment_id": "seg_1"},
        {"segment_id": "seg_1", "customer": None},
        {"customer": {"id": "cust_1"}, "segment_id": None},
        {"customer": {"id": "cust_1", "email": "ada@mail.example", "metadata": {"size": "M"}}, "note": 5},
    ],
)
@pytest.mark.parametrize("status", ["draft", "live", "paused"])
def test_a_manual_distribution_addresses_one_customer_or_one_segment(audience: dict[str, Any], status: str) -> None:
    assert judged("distributions", manual(audience=audience, status=status)).accepted


@pytest.mark.parametrize(
    ("audience", "path"),
    [
        (None, "$.audience"),
        ({}, "$.audience"),
        ({"segment_id": None, "customer": None}, "$.audience"),
        ({"segment_id": "seg_1", "customer": {"id": "cust_1"}}, "$.audience"),
        ("seg_1", "$.audience"),
        ({"segment_id": 5}, "$.audience.segment_id"),
        ({"customer": "cust_1"}, "$.audience.customer"),
        ({"customer": {"email": "ada@mail.example"}}, "$.audience.customer.id"),
        ({"customer": {"id": ""}}, "$.audience.customer.id"),
        ({"customer": {"id": 7}}, "$.audience.customer.id"),
    ],
)
def test_another_audience_is_refused(audience: object, path: str) -> None:
    assert findings(judged("distributions", manual(audience=audience))) == [(path, "schema")]


def test_a_manual_distribution_needs_its_audience_and_has_no_trigger() -> None:
    record = manual(trigger={"event": "customer.order.paid"})
    del record["audience"]
    assert findings(judged("distributions", record)) == [("$.trigger", "schema"), ("$.audience", "schema")]


@pytest.mark.parametrize("action", [{"type": "message"}, PROMOTION])
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_manual_distribution_takes_the_channels_of_its_action(action: dict[str, str], channel: str) -> None:
    record = manual(action=action, channels=[{"type": channel, "url": "https://a.example", "event_name": "sale"}])
    promotion = action["type"] == "promotion"
    allowed = ["email", "sms", *(["webhook"] if promotion else []), "braze", "activecampaign", "batch", "intercom"]
    expected = []
    if channel not in allowed:
        told = f'"{channel}" does not go with manual and {action["type"]}; allowed: {", ".join(allowed)}'
        expected = [Problem("$.channels[0].type", "channel_not_allowed", told)]
    assert judged("distributions", record).errors == expected


def test_templates_of_a_manual_distribution_may_name_it_its_customer_and_what_the_action_adds() -> None:
    fields = {
        name: f"{{{{{name}.id}}}}" for name in ("customer", "distribution", "campaign", "promotion_tier", "order")
    }
    record = manual(channels=[{"type": "batch", "fields": fields}])
    at = "$.channels[0].fields."
    assert findings(judged("distributions", record)) == [
        (f"{at}campaign", "bad_placeholder"),
        (f"{at}promotion_tier", "bad_placeholder"),
        (f"{at}order", "bad_placeholder"),
    ]
    assert findings(judged("distributions", record | {"action": PROMOTION})) == [(f"{at}order", "bad_placeholder")]


def test_an_automatic_distribution_has_a_trigger_and_no_audience() -> None:
    record = distribution(audience={"segment_id": "seg_1"}, trigger=None)
    assert findings(judged("distributions", record)) == [("$.audience", "schema"), ("$.trigger", "schema")]


@pytest.mark.parametrize(
    ("event", "value", "expected"),
    [
        ("customer.segment.entered", False, []),
        ("customer.segment.entered", None, []),
        ("customer.segment.entered", True, []),
        ("customer.segment.entered", "yes", [("$.trigger.include_current_members", "schema")]),
        ("customer.segment.left", False, [("$.trigger.include_current_members", "schema")]),
        ("customer.segment.left", None, []),
    ],
)
def test_current_members_are_a_matter_of_entered_alone(
    event: str, value: object, expected: list[tuple[str, str]]
) -> None:
    assert findings(judged("distributions", on(event, include_current_members=value))) == expected


@pytest.mark.parametrize("status", ["draft", "live", "paused"])
def test_each_status_is_accepted(status: str) -> None:
    assert judged("distributions", distribution(status=status)).accepted


def test_a_draft_is_judged_like_a_live_one() -> None:
    record = distribution(status="draft", trigger={"event": "customer.segment.left"})
    assert findings(judged("distributions", record)) == [("$.trigger.segment_id", "selector_required")]


def test_a_distribution_needs_a_channel() -> None:
    assert findings(judged("distributions", distribution(channels=[]))) == [("$.channels", "schema")]


def test_one_channel_may_stand_twice() -> None:
    assert judged("distributions", distribution(channels=[{"type": "sms"}, {"type": "sms"}])).accepted


@pytest.mark.parametrize("channel", ["email", "sms", "activecampaign", "batch", "intercom", "braze"])
def test_a_channel_without_settings_is_accepted(channel: str) -> None:
    assert judged("distributions", distribution(channels=[{"type": channel}])).accepted


@pytest.mark.parametrize("channel", ["shopify", "klaviyo", "mailchimp"])
@pytest.mark.parametrize("action", [PROMOTION, {"type": "message"}])
def test_a_channel_that_does_not_fit_is_refused_with_those_that_do(channel: str, action: dict[str, str]) -> None:
    record = distribution(action=action, channels=[{"type": "email"}, {"type": channel}])
    assert judged("distributions", record).errors == [
        Problem(
            "$.channels[1].type",
            "channel_not_allowed",
            f'"{channel}" does not go with customer.order.paid and {action["type"]}; '
            "allowed: email, sms, webhook, braze, activecampaign, batch, intercom",
        )
    ]


def test_braze_is_refused_on_other_triggers_than_its_own() -> None:
    record = on("customer.referred") | {"channels": [{"type": "braze"}]}
    assert findings(judged("distributions", record)) == [("$.channels[0].type", "channel_not_allowed")]


def test_an_unknown_channel_is_refused_with_all_that_exist() -> None:
    [problem] = judged("distributions", distribution(channels=[{"type": "pigeon"}])).errors
    assert (problem.path, problem.code) == ("$.channels[0].type", "schema")
    assert problem.message.startswith('"pigeon" is not allowed here; allowed: email, sms, webhook, braze')


def test_settings_of_other_channels_are_surplus_and_kept() -> None:
    record = distribution(channels=[{"type": "email", "url": 5, "payload": {}, "fields": [], "raw": "x"}])
    assert judged("distributions", record).record == record


def test_a_webhook_needs_an_address_and_an_event_name() -> None:
    assert findings(judged("distributions", distribution(channels=[{"type": "webhook"}]))) == [
        ("$.channels[0].url", "schema"),
        ("$.channels[0].event_name", "schema"),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080",
        "https://user:secret@shop.example/a/b?c=d&e#f",
        "https://[::1]:443/hook",
        "https://10.0.0.1",
        "https://bücher.example?x",
    ],
)
def test_an_http_address_is_accepted(url: str) -> None:
    assert judged("distributions", webhook(url=url)).accepted


@pytest.mark.parametrize(
    "url",
    ["", "shop.example", "ftp://shop.example", "https://", "https:///x", "https://a b", "https://a\nb", "http://:80"],
)
def test_another_address_is_refused(url: str) -> None:
    assert judged("distributions", webhook(url=url)).errors == [
        Problem("$.channels[0].url", "schema", "must be an address that begins with http:// or https://")
    ]


def test_header_names_hold_lower_case_letters_digits_and_dashes() -> None:
    assert judged("distributions", webhook(headers={"x-token-2": "Abc ümlaut\t1", "a": ""})).accepted
    headers = {"X-Token": "1", "a_b": "1", "": "1", "a b": "1", "ok": "1"}
    assert findings(judged("distributions", webhook(headers=headers))) == [
        ("$.channels[0].headers.X-Token", "bad_header"),
        ("$.channels[0].headers.a_b", "bad_header"),
        ('$.channels[0].headers[""]', "bad_header"),
        ('$.channels[0].headers["a b"]', "bad_header"),
    ]


def test_a_header_text_that_could_start_another_header_is_refused() -> None:
    assert findings(judged("distributions", webhook(headers={"a": "1\r\nx-admin: 1"}))) == [
        ("$.channels[0].headers.a", "bad_header")
    ]


def test_header_texts_are_texts() -> None:
    assert findings(judged("distributions", webhook(headers={"a": 1}))) == [("$.channels[0].headers.a", "schema")]
    assert findings(judged("distributions", webhook(headers=["a"]))) == [("$.channels[0].headers", "schema")]


def test_raw_needs_a_payload() -> None:
    assert findings(judged("distributions", webhook(raw=True))) == [("$.channels[0].payload", "schema")]
    assert judged("distributions", webhook(raw=False)).accepted
    assert judged("distributions", webhook(raw=True, payload='{"order": "{{order.id}}"}')).accepted


def test_a_payload_is_a_text_not_an_object() -> None:
    verdict = judged("distributions", webhook(payload={"order": "x"}))
    assert verdict.errors == [Problem("$.channels[0].payload", "schema", "must be a text, not an object")]


def test_a_payload_may_name_what_trigger_and_action_offer() -> None:
    record = webhook(payload='{"order": "{{order.id}}", "tier": "{{promotion_tier.name}}"}')
    assert findings(judged("distributions", record)) == [("$.channels[0].payload", "bad_placeholder")]
    assert judged("distributions", record | {"action": PROMOTION}).accepted


def test_a_payload_must_be_json_once_filled() -> None:
    assert findings(judged("distributions", webhook(payload='{"a": {{customer.name}'))) == [
        ("$.channels[0].payload", "bad_placeholder")
    ]


def test_fields_are_texts_whose_placeholders_are_checked() -> None:
    fields = {"first_name": "Dear {{customer.name}}", "plain": "{ not JSON", "Total Amount": "{{segment.name}}", "n": 1}
    record = distribution(channels=[{"type": "braze", "fields": fields}])
    assert findings(judged("distributions", record)) == [
        ("$.channels[0].fields.n", "schema"),
        ('$.channels[0].fields["Total Amount"]', "bad_placeholder"),
    ]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    record = {
        "id": "distr_1",
        "status": "active",
        "kind": "automatic",
        "audience": {},
        "trigger": {"event": "customer.referred", "segment_id": "seg_1", "validation_rule_id": 5},
        "action": PROMOTION,
        "channels": [{"type": "webhook", "url": "x", "headers": {"A": "b"}, "raw": True}, {"type": "shopify"}, 3],
    }
    assert findings(judged("distributions", record)) == [
        ("$.name", "schema"),
        ("$.status", "schema"),
        ("$.trigger.validation_rule_id", "schema"),
        ("$.channels[0].url", "schema"),
        ("$.channels[0].event_name", "schema"),
        ("$.channels[2]", "schema"),
        ("$.audience", "schema"),
        ("$.trigger.segment_id", "selector_not_allowed"),
        ("$.trigger.validation_rule_id", "rule_not_available"),
        ("$.trigger.campaign_id", "selector_required"),
        ("$.action.type", "action_not_allowed"),
        ("$.channels[0].headers.A", "bad_header"),
        ("$.channels[0].payload", "schema"),
        ("$.channels[1].type", "channel_not_allowed"),
    ]


def test_unknown_fields_are_kept() -> None:
    record = distribution(owner={"team": "crm"}, description=None)
    assert judged("distributions", record).record == record
