"""The catalogue: the table as a whole, and what it offers."""

from streamproc import topics
from streamproc.domain.catalogue import (
    ACTIONS,
    CHANNELS,
    FEED_ONLY_EVENTS,
    KNOWN_EVENTS,
    MANUAL,
    SELECTORS,
    TRIGGERS,
    channels_offered,
)

SEGMENT = {"customer.segment.entered", "customer.segment.left"}
CART = {f"customer.order.{change}" for change in ("created", "updated", "paid", "canceled")}
TIER = {f"customer.loyalty.tier.{change}" for change in ("joined", "left", "upgraded", "downgraded", "prolonged")}
OFFERING_ALL = SEGMENT | CART | {"customer.custom_event"}


def test_there_are_26_triggers_and_4_events_that_only_feed_the_state() -> None:
    assert len(TRIGGERS) == 26
    assert KNOWN_EVENTS - set(TRIGGERS) == FEED_ONLY_EVENTS
    assert not FEED_ONLY_EVENTS & set(TRIGGERS)


def test_each_trigger_stands_under_its_own_event_and_uses_known_words_only() -> None:
    for event, row in TRIGGERS.items():
        assert row.event == event == event.lower()
        assert set(row.selectors) <= set(SELECTORS)
        assert set(row.actions) <= set(ACTIONS)
        assert "customer" in row.payload


def test_segment_cart_and_custom_event_triggers_take_every_action_and_the_others_messages_alone() -> None:
    assert {event for event, row in TRIGGERS.items() if row.actions == ACTIONS} == OFFERING_ALL
    assert {row.actions for event, row in TRIGGERS.items() if event not in OFFERING_ALL} == {("message",)}


def test_the_required_selector_follows_the_kind_of_trigger() -> None:
    required = {event: row.required for event, row in TRIGGERS.items()}
    for event, selectors in required.items():
        if event in SEGMENT:
            assert selectors == ("segment_id",)
        elif event in CART:
            assert selectors == ()
        elif event == "customer.custom_event":
            assert selectors == ("custom_event",)
        else:
            assert selectors == ("campaign_id",)


def test_validation_rules_go_with_order_and_custom_event_triggers_only() -> None:
    taking = {event: row.rule_family for event, row in TRIGGERS.items() if "validation_rule_id" in row.optional}
    assert taking == dict.fromkeys(CART, "order") | {"customer.custom_event": "custom_event"}
    assert {event for event, row in TRIGGERS.items() if row.rule_family} == set(taking)


def test_loyalty_tiers_select_tier_triggers_and_rewarded_points() -> None:
    taking = {event for event, row in TRIGGERS.items() if "loyalty_tier_id" in row.optional}
    assert taking == TIER | {"customer.rewarded.loyalty_points"}


def test_an_action_offers_its_objects_beside_those_of_the_event() -> None:
    entered = TRIGGERS["customer.segment.entered"]
    assert entered.offered("message") == {"customer", "segment"}
    assert entered.offered("promotion") == {"customer", "segment", "campaign", "promotion_tier"}
    assert entered.offered("codes") == {"customer", "segment", "campaign", "voucher", "publication"}


def test_a_manual_distribution_takes_every_action_and_no_selector_and_offers_itself() -> None:
    assert (MANUAL.actions, MANUAL.selectors, MANUAL.rule_family) == (ACTIONS, (), None)
    assert MANUAL.offered("message") == {"distribution", "customer"}
    assert MANUAL.offered("promotion") == {"distribution", "customer", "campaign", "promotion_tier"}
    assert MANUAL.offered("codes") == {"distribution", "customer", "campaign", "voucher", "publication"}


def test_a_manual_distribution_takes_these_channels() -> None:
    with_codes = set(CHANNELS)
    assert set(channels_offered(MANUAL.event, "codes")) == with_codes
    assert set(channels_offered(MANUAL.event, "promotion")) == with_codes - {"klaviyo", "mailchimp", "shopify"}
    assert set(channels_offered(MANUAL.event, "message")) == with_codes - {
        "klaviyo",
        "mailchimp",
        "shopify",
        "webhook",
    }


def test_every_channel_has_its_topic() -> None:
    assert tuple(CHANNELS) == topics.CHANNELS


def test_each_channel_needs_its_contact() -> None:
    assert {name: channel.contact for name, channel in CHANNELS.items()} == {
        "email": "email",
        "sms": "phone",
        "webhook": None,
        "braze": "source_id",
        "klaviyo": "source_id",
        "mailchimp": "email",
        "activecampaign": "email",
        "batch": "source_id",
        "intercom": "source_id",
        "shopify": None,
    }


def test_shopify_goes_with_codes_alone() -> None:
    assert {action for action in ACTIONS if "shopify" in channels_offered("customer.order.paid", action)} == {"codes"}


def test_braze_goes_with_every_action_on_its_triggers() -> None:
    triggers = OFFERING_ALL | {
        "customer.publication.succeeded",
        "customer.rewarded",
        "customer.reward_redemptions.completed",
        "customer.voucher.loyalty_card.points_added",
        "customer.rewarded.loyalty_points",
    }
    for action in ACTIONS:
        assert {event for event in TRIGGERS if CHANNELS["braze"].offered(event, action)} == triggers


def test_klaviyo_takes_codes_and_two_triggers_of_messages() -> None:
    klaviyo = CHANNELS["klaviyo"]
    assert {event for event in TRIGGERS if klaviyo.offered(event, "codes")} == OFFERING_ALL
    assert not any(klaviyo.offered(event, "promotion") for event in TRIGGERS)
    assert {event for event in TRIGGERS if klaviyo.offered(event, "message")} == {
        "customer.publication.succeeded",
        "customer.voucher.loyalty_card.points_added",
    }


def test_mailchimp_takes_codes_on_segment_cart_and_custom_events() -> None:
    mailchimp = CHANNELS["mailchimp"]
    assert {event for event in TRIGGERS if mailchimp.offered(event, "codes")} == OFFERING_ALL
    assert not any(mailchimp.offered(event, action) for event in TRIGGERS for action in ("promotion", "message"))


def test_the_other_channels_go_everywhere() -> None:
    for event, row in TRIGGERS.items():
        for action in row.actions:
            everywhere = {"email", "sms", "webhook", "activecampaign", "batch", "intercom"}
            assert everywhere <= set(channels_offered(event, action))
