"""Selectors: under which keys a distribution is filed, and under which an event looks, trigger by trigger."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from streamproc.domain.catalogue import TRIGGERS, TriggerSpec
from streamproc.domain.custom_events import custom_event_name
from streamproc.domain.events import text_in

SelectorKey = tuple[str | None, ...]
Select = Callable[[Mapping[str, Any]], tuple[SelectorKey, ...]]

_NO_SELECTOR: Final[tuple[SelectorKey, ...]] = ((),)
# Where a customer changes tiers, the one reached counts.
_REACHED = frozenset({"customer.loyalty.tier.upgraded", "customer.loyalty.tier.downgraded"})


def selector_key(trigger: Mapping[str, Any]) -> SelectorKey:
    """Return the key under which a distribution with this trigger is filed."""
    spec = TRIGGERS[trigger["event"]]
    key: SelectorKey = tuple(trigger[name] for name in spec.required)
    return (*key, trigger.get("loyalty_tier_id")) if "loyalty_tier_id" in spec.optional else key


def compile_select(spec: TriggerSpec) -> Select:
    """Return the function that reads from an event's `data` the keys of the distributions that it may start.

    An event that lacks what its trigger selects by starts none.
    """
    if "segment_id" in spec.required:
        return lambda data: _single(text_in(data.get("segment"), "id"))
    if "custom_event" in spec.required:
        return lambda data: _single(custom_event_name(data))
    if "campaign_id" not in spec.required:
        return lambda _data: _NO_SELECTOR
    if "loyalty_tier_id" not in spec.optional:
        return lambda data: _single(text_in(data.get("campaign"), "id"))
    tier = "loyalty_tier_to" if spec.event in _REACHED else "loyalty_tier"
    return lambda data: _tiers(text_in(data.get("campaign"), "id"), text_in(data.get(tier), "id"))


def _single(selected: str | None) -> tuple[SelectorKey, ...]:
    return ((selected,),) if selected is not None else ()


def _tiers(campaign: str | None, tier: str | None) -> tuple[SelectorKey, ...]:
    if campaign is None:
        return ()
    # A distribution without a tier takes them all.
    return ((campaign, None),) if tier is None else ((campaign, None), (campaign, tier))
