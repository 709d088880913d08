"""The catalogue: which trigger takes which selectors and actions, and which channel goes with them, as data.

One row per trigger, one for manual distributions, and one per channel. The judge refuses what no row allows; matching
and the delivery jobs read what a trigger offers to templates. The few events that do something of their own to the
customer's state are named in `domain.events`.
"""

from dataclasses import dataclass, field
from typing import Literal

RuleFamily = Literal["order", "custom_event"]
Contact = Literal["email", "phone", "source_id"]

ACTIONS = ("promotion", "codes", "message")
SELECTORS = ("segment_id", "validation_rule_id", "campaign_id", "custom_event", "loyalty_tier_id")

# What an action adds to the objects of the event that a template may use.
ACTION_OBJECTS = {
    "promotion": ("campaign", "promotion_tier"),
    "codes": ("campaign", "voucher", "publication"),
    "message": (),
}


@dataclass(frozen=True, slots=True)
class TriggerSpec:
    """One trigger, or the manual distribution: what may stand beside it, and what its events carry.

    `payload` names the objects of the event's `data`; `rule_family` the rule names that a validation rule may use
    here beside `customer.*`, and is None where no validation rule is taken.
    """

    event: str
    category: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    actions: tuple[str, ...]
    payload: tuple[str, ...]
    rule_family: RuleFamily | None = None

    @property
    def selectors(self) -> tuple[str, ...]:
        """All selectors that this trigger takes, the required ones first."""
        return self.required + self.optional

    def offered(self, action: str) -> frozenset[str]:
        """Return the names with which a placeholder may begin when this trigger goes with this action."""
        return frozenset((*self.payload, *ACTION_OBJECTS.get(action, ())))


_ALL = ACTIONS
_PLAIN = ("message",)
_SEGMENT = ("segment_id",)
_RULE = ("validation_rule_id",)
_CAMPAIGN = ("campaign_id",)
_CUSTOM = ("custom_event",)
_TIER = ("loyalty_tier_id",)
_CARD = ("customer", "campaign", "voucher")
_PENDING = (*_CARD, "voucher_pending_points_balance", "order", "pending_points")
_ORDER = ("customer", "referrer", "order", "redemption")
_REDEMPTION = ("customer", "order", "campaign", "voucher", "holder", "promotion_tier", "promotion_stack", "redemption")
_REWARDED = (
    "customer", "holder", "voucher", "campaign", "redemption", "reward", "referral_tier", "balance", "custom_event",
    "customer_event",
)  # fmt: skip
_REWARD = (
    "customer", "holder", "voucher", "campaign", "reward_redemption", "reward", "reward_assignment", "source",
    "balance", "publication",
)  # fmt: skip
_REWARDED_POINTS = (
    "customer", "holder", "voucher", "campaign", "loyalty_tier", "earning_rule", "balance", "order", "event",
    "publication",
)  # fmt: skip
_TIER_REACHED = ("customer", "campaign", "loyalty_tier_from", "loyalty_tier_to", "created_at")
_TIER_NAMED = ("customer", "campaign", "loyalty_tier", "created_at")
_ROLLBACK = (*_REDEMPTION, "redemption_rollback")
_EVENT = ("event", "event_schema", "customer", "referral", "loyalty")
_CARD_EVENT = "customer.voucher.loyalty_card."

_TRIGGER_ROWS = (
    # event, category, required selectors, optional selectors, actions, objects of the event's data, rule family
    TriggerSpec("customer.segment.entered", "segment", _SEGMENT, (), _ALL, ("customer", "segment")),
    TriggerSpec("customer.segment.left", "segment", _SEGMENT, (), _ALL, ("customer", "segment")),
    TriggerSpec("customer.order.created", "cart", (), _RULE, _ALL, _ORDER, "order"),
    TriggerSpec("customer.order.updated", "cart", (), _RULE, _ALL, _ORDER, "order"),
    TriggerSpec("customer.order.paid", "cart", (), _RULE, _ALL, _ORDER, "order"),
    TriggerSpec("customer.order.canceled", "cart", (), _RULE, _ALL, _ORDER, "order"),
    TriggerSpec(
        "customer.voucher.gift.balance_added", "voucher", _CAMPAIGN, (), _PLAIN, (*_CARD, "balance", "transaction")
    ),
    TriggerSpec(
        _CARD_EVENT + "points_added", "voucher", _CAMPAIGN, (), _PLAIN, (*_CARD, "balance", "transaction")
    ),
    TriggerSpec(
        _CARD_EVENT + "points_expired", "voucher", _CAMPAIGN, (), _PLAIN, (*_CARD, "points", "buckets", "transaction")
    ),
    TriggerSpec(_CARD_EVENT + "pending_points.added", "voucher", _CAMPAIGN, (), _PLAIN, _PENDING),
    TriggerSpec(_CARD_EVENT + "pending_points.updated", "voucher", _CAMPAIGN, (), _PLAIN, _PENDING),
    TriggerSpec(
        _CARD_EVENT + "pending_points.activated", "voucher", _CAMPAIGN, (), _PLAIN,
        (*_CARD, "balance", "order", "transaction", "pending_points"),
    ),
    TriggerSpec(_CARD_EVENT + "pending_points.canceled", "voucher", _CAMPAIGN, (), _PLAIN, _PENDING),
    TriggerSpec("customer.redemption.succeeded", "voucher", _CAMPAIGN, (), _PLAIN, _REDEMPTION),
    TriggerSpec("customer.redemption.rollback.succeeded", "voucher", _CAMPAIGN, (), _PLAIN, _ROLLBACK),
    TriggerSpec("customer.rewarded", "reward", _CAMPAIGN, (), _PLAIN, _REWARDED),
    TriggerSpec("customer.reward_redemptions.completed", "reward", _CAMPAIGN, (), _PLAIN, _REWARD),
    TriggerSpec(
        "customer.publication.succeeded", "publication", _CAMPAIGN, (), _PLAIN,
        ("customer", "campaign", "publication", "voucher"),
    ),
    TriggerSpec("customer.custom_event", "custom_event", _CUSTOM, _RULE, _ALL, _EVENT, "custom_event"),
    TriggerSpec("customer.loyalty.tier.joined", "loyalty_tier", _CAMPAIGN, _TIER, _PLAIN, _TIER_NAMED),
    TriggerSpec("customer.loyalty.tier.left", "loyalty_tier", _CAMPAIGN, _TIER, _PLAIN, _TIER_NAMED),
    TriggerSpec("customer.loyalty.tier.upgraded", "loyalty_tier", _CAMPAIGN, _TIER, _PLAIN, _TIER_REACHED),
    TriggerSpec("customer.loyalty.tier.downgraded", "loyalty_tier", _CAMPAIGN, _TIER, _PLAIN, _TIER_REACHED),
    TriggerSpec("customer.loyalty.tier.prolonged", "loyalty_tier", _CAMPAIGN, _TIER, _PLAIN, _TIER_NAMED),
    TriggerSpec("customer.rewarded.loyalty_points", "loyalty_tier", _CAMPAIGN, _TIER, _PLAIN, _REWARDED_POINTS),
    TriggerSpec(
        "customer.referred", "referral", _CAMPAIGN, (), _PLAIN,
        ("customer", "referrer", "campaign", "voucher", "custom_event", "redemption"),
    ),
)  # fmt: skip

TRIGGERS: dict[str, TriggerSpec] = {row.event: row for row in _TRIGGER_ROWS}

# What stands in the place of a trigger's row for a distribution that people release.
MANUAL = TriggerSpec("manual", "manual", (), (), _ALL, ("distribution", "customer"))

# Known events that start nothing: they only feed the customer's state.
FEED_ONLY_EVENTS = frozenset({"customer.created", "customer.updated", "customer.deleted", "customer.order.fulfilled"})
KNOWN_EVENTS = frozenset(TRIGGERS) | FEED_ONLY_EVENTS


@dataclass(frozen=True, slots=True)
class Offer:
    """A channel is offered on these triggers, with these actions."""

    triggers: frozenset[str]
    actions: frozenset[str]


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """One channel: the contact field of the customer that it needs, its settings, and where it is offered.

    `templates` names the settings that hold texts with placeholders.
    """

    type: str
    contact: Contact | None
    settings: tuple[str, ...]
    templates: tuple[str, ...] = ()
    offers: tuple[Offer, ...] = field(default=(), repr=False)

    def offered(self, trigger: str, action: str) -> bool:
        """Tell whether this channel may go with this trigger and action."""
        return any(trigger in offer.triggers and action in offer.actions for offer in self.offers)


def _of(*categories: str) -> frozenset[str]:
    return frozenset(row.event for row in (*_TRIGGER_ROWS, MANUAL) if row.category in categories)


_ANY_ACTION = frozenset(ACTIONS)
_CODES = frozenset({"codes"})
_ON_MANUAL = _of("manual")
_ANY_TRIGGER = frozenset(TRIGGERS) | _ON_MANUAL
_EVERYWHERE = (Offer(_ANY_TRIGGER, _ANY_ACTION),)
# The product gives a manual plain message no webhook.
_WEBHOOK_OFFERS = (Offer(frozenset(TRIGGERS), _ANY_ACTION), Offer(_ON_MANUAL, frozenset({"promotion", "codes"})))
_POINTS_ADDED = frozenset({_CARD_EVENT + "points_added"})
_BRAZE_TRIGGERS = (
    _of("segment", "cart", "custom_event", "publication", "reward", "manual")
    | _POINTS_ADDED
    | {"customer.rewarded.loyalty_points"}
)
_WEBHOOK = ("url", "event_name", "headers", "payload", "raw")

_CHANNEL_ROWS = (
    # channel, contact, settings, settings with placeholders, offers
    ChannelSpec("email", "email", ("template_id",), (), _EVERYWHERE),
    ChannelSpec("sms", "phone", ("template_id",), (), _EVERYWHERE),
    ChannelSpec("webhook", None, _WEBHOOK, ("payload",), _WEBHOOK_OFFERS),
    ChannelSpec("braze", "source_id", ("fields",), ("fields",), (Offer(_BRAZE_TRIGGERS, _ANY_ACTION),)),
    ChannelSpec(
        "klaviyo", "source_id", ("fields",), ("fields",),
        (
            Offer(_of("segment", "cart", "custom_event", "manual"), _CODES),
            Offer(_of("publication") | _POINTS_ADDED, frozenset(_PLAIN)),
        ),
    ),
    ChannelSpec(
        "mailchimp", "email", ("fields",), ("fields",),
        (Offer(_of("segment", "cart", "custom_event", "manual"), _CODES),),
    ),
    ChannelSpec("activecampaign", "email", ("fields",), ("fields",), _EVERYWHERE),
    ChannelSpec("batch", "source_id", ("fields",), ("fields",), _EVERYWHERE),
    ChannelSpec("intercom", "source_id", ("fields",), ("fields",), _EVERYWHERE),
    ChannelSpec("shopify", None, ("fields",), ("fields",), (Offer(_ANY_TRIGGER, _CODES),)),
)  # fmt: skip

CHANNELS: dict[str, ChannelSpec] = {row.type: row for row in _CHANNEL_ROWS}


def channels_offered(trigger: str, action: str) -> tuple[str, ...]:
    """Return the channels that may go with this trigger and action, in the order of the table."""
    return tuple(name for name, channel in CHANNELS.items() if channel.offered(trigger, action))
