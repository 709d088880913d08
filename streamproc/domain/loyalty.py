"""Loyalty: a customer's points and tier in each campaign, as the latest event has told them.

Kept by the campaign's id, with its name, so that a filter may use either. Values: the functions here return new
objects and never touch those they were given.
"""

from typing import Any, Final

from streamproc.domain.events import Event, text_in

_CARD = "customer.voucher.loyalty_card."
#: Events after which the balance of points is known.
POINTS_EVENTS: Final = frozenset({
    _CARD + "points_added",
    _CARD + "points_expired",
    _CARD + "pending_points.activated",
    "customer.rewarded.loyalty_points",
})  # fmt: skip
_TIER_LEFT = "customer.loyalty.tier.left"
# By the event: the object of its data that is the tier which the customer then has.
_TIER_OBJECTS = {
    "customer.loyalty.tier.joined": "loyalty_tier",
    "customer.loyalty.tier.prolonged": "loyalty_tier",
    "customer.loyalty.tier.upgraded": "loyalty_tier_to",
    "customer.loyalty.tier.downgraded": "loyalty_tier_to",
}
#: Events after which the tier is known.
TIER_EVENTS: Final = frozenset({_TIER_LEFT, *_TIER_OBJECTS})

# Where the balance stands, the best place first.
_BALANCES = (("balance",), ("transaction", "details", "balance"), ("voucher", "loyalty_card"))
_NUMBERS = frozenset({int, float})

#: By the campaign's id: the points or the tier's id, and the campaign's name, None while it has not been told.
#: A list and no class, because it stands in the state's JSON.
ByCampaign = dict[str, list[Any]]
_UNKNOWN = [None, None]
NO_TIERS: Final[ByCampaign] = {}


def points_after(points: ByCampaign, event: Event) -> ByCampaign:
    """Return the points after one of `POINTS_EVENTS`; the same object when it changes nothing."""
    balance = _balance(event.outline)
    return points if balance is None else _put(points, event.outline, balance)


def tiers_after(tiers: ByCampaign, event: Event) -> ByCampaign:
    """Return the tiers after one of `TIER_EVENTS`; the same object when it changes nothing."""
    if event.type == _TIER_LEFT:
        left = text_in(event.outline.get("campaign"), "id")
        if left not in tiers:
            return tiers
        return {campaign: tier for campaign, tier in tiers.items() if campaign != left}
    tier = text_in(event.outline.get(_TIER_OBJECTS[event.type]), "id")
    return tiers if tier is None else _put(tiers, event.outline, tier)


def by_id_and_name(entries: ByCampaign) -> dict[str, Any]:
    """Return the values under the campaigns' names and under their ids; where these meet, the id counts."""
    named = {name: value for value, name in entries.values() if name is not None}
    return named | {campaign: value for campaign, (value, _) in entries.items()}


def loyalty_tier(tiers: ByCampaign) -> str | list[str] | None:
    """Return what rules read as `customer.loyalty.tier`: a list where there are several, None where there is none."""
    if not tiers:
        return None
    found: list[str] = [tier for tier, _ in tiers.values()]
    return found[0] if len(found) == 1 else found


def _put(entries: ByCampaign, data: dict[str, Any], value: object) -> ByCampaign:
    campaign = data.get("campaign")
    campaign_id = text_in(campaign, "id")
    if campaign_id is None:
        return entries
    before = entries.get(campaign_id, _UNKNOWN)
    after = [value, text_in(campaign, "name") or before[1]]
    return entries if after == before else {**entries, campaign_id: after}


def _balance(data: dict[str, Any]) -> int | float | None:
    for path in _BALANCES:
        found: Any = data
        for name in (*path, "balance"):
            found = found.get(name) if type(found) is dict else None
        if type(found) in _NUMBERS:
            return found  # type: ignore[no-any-return]
    return None
