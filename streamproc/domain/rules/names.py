"""The names that a rule may have: what each is about, and where it may stand."""

from dataclasses import dataclass
from typing import Literal

from streamproc.domain.catalogue import RuleFamily

Place = Literal["anywhere", "line", "product", "sku"]

FAMILIES: frozenset[RuleFamily] = frozenset({"order", "custom_event"})
_ORDER: frozenset[RuleFamily] = frozenset({"order"})


@dataclass(frozen=True, slots=True)
class RuleName:
    """One name.

    `families` are the triggers on which it is available; `place` is where it may stand: anywhere, inside a quantifier
    over order lines (`line`), inside `product.id` or `sku.id`; `inside` is the place that its sub-rules stand in.
    """

    name: str
    families: frozenset[RuleFamily] = _ORDER
    place: Place = "anywhere"
    inside: Place | None = None
    needs_property: bool = False
    operators: tuple[str, ...] | None = None


_QUANTIFIED = ("$is", "$from")

_ROWS = (
    RuleName("customer.segment", FAMILIES),
    RuleName("customer.metadata", FAMILIES, needs_property=True),
    RuleName("customer.loyalty.tier", FAMILIES),
    RuleName("custom_event.metadata", frozenset({"custom_event"}), needs_property=True),
    RuleName("order.amount"),
    RuleName("order.total_amount"),
    RuleName("order.initial_amount"),
    RuleName("order.metadata", needs_property=True),
    RuleName("order.items.count"),
    RuleName("order.items.price_any"),
    RuleName("order.items.price_each"),
    RuleName("order.items.metadata_any", needs_property=True),
    RuleName("order.items.metadata_each", needs_property=True),
    RuleName("order.items.any", inside="line", operators=_QUANTIFIED),
    RuleName("order.items.every", inside="line", operators=_QUANTIFIED),
    RuleName("order.items.none", inside="line", operators=_QUANTIFIED),
    RuleName("order.items.cheapest", inside="line", operators=_QUANTIFIED),
    RuleName("order.items.most_expensive", inside="line", operators=_QUANTIFIED),
    RuleName("order.items.quantity", place="line"),
    RuleName("order.items.price", place="line"),
    RuleName("order.items.metadata", place="line", needs_property=True),
    RuleName("order.items.aggregated_quantity", place="line"),
    RuleName("order.items.aggregated_amount", place="line"),
    RuleName("product.id", inside="product", operators=("$is",)),
    RuleName("product.quantity", place="product"),
    RuleName("product.price", place="product"),
    RuleName("product.discount_applicable", place="product"),
    RuleName("sku.id", inside="sku", operators=("$is",)),
    RuleName("sku.quantity", place="sku"),
    RuleName("sku.price", place="sku"),
    RuleName("sku.discount_applicable", place="sku"),
)

RULE_NAMES: dict[str, RuleName] = {row.name: row for row in _ROWS}

# Known to the product, but about things that a distribution has not got.
_ELSEWHERE = ("redemption.", "campaign.", "publication.", "product.metadata.")


def is_known_elsewhere(name: str) -> bool:
    """Tell whether a name exists, but is about redemptions, budgets, publications, API keys or product metadata."""
    return name == "product.metadata" or name.startswith(_ELSEWHERE)
