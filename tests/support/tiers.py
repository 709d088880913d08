"""Loyalty tiers as a customer's state has them."""

from streamproc.domain.loyalty import ByCampaign


def tiers_of(tier: str | list[str] | None) -> ByCampaign:
    """Give a customer these tiers, each in a campaign of its own."""
    found = [] if tier is None else [tier] if isinstance(tier, str) else tier
    return {f"camp_{number}": [one, None] for number, one in enumerate(found)}
