"""The lines of an order as rules see them: price, quantity, amount, and what each line is of."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Literal

Kind = Literal["product", "sku", "products_collection"]
Reference = tuple[Kind, Hashable]

KINDS: tuple[Kind, ...] = ("product", "sku", "products_collection")
_NUMBERS = frozenset({int, float})


class Line:
    """One line of an order, its numbers read once.

    `references` says which product, SKU and collections the line is of. `quantity` and `price` are None where the
    line has none; a line without a quantity counts as one piece in sums.
    """

    __slots__ = ("amount", "fields", "pieces", "price", "quantity", "references")

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields
        self.quantity = _number(fields.get("quantity"))
        self.price = _number(fields.get("price"))
        self.pieces = 1 if self.quantity is None else self.quantity
        self.amount = self._amount()
        self.references: frozenset[Reference] = frozenset(_references(fields))

    def _amount(self) -> int | float:
        for name in ("subtotal_amount", "amount"):
            amount = _number(self.fields.get(name))
            if amount is not None:
                return amount
        return 0 if self.price is None else self.price * self.pieces


def read_lines(order: Mapping[str, Any]) -> list[Line]:
    """Return the lines of an order; entries that are no objects are none."""
    items = order.get("items")
    return [Line(item) for item in items if type(item) is dict] if type(items) is list else []


def object_id(value: Any) -> str | int | float | None:
    """Return the id by which a text, a number or an object goes: an object's `id`, else its `source_id`."""
    if type(value) is not dict:
        return _plain_id(value)
    own = _plain_id(value.get("id"))
    return own if own is not None else _plain_id(value.get("source_id"))


def _plain_id(value: Any) -> str | int | float | None:
    return value if type(value) is str or type(value) in _NUMBERS else None


def item_id(fields: dict[str, Any], kind: Literal["product", "sku"]) -> str | int | float | None:
    """Return the id of the product or SKU that a line is of: `product_id`, else that of the object `product`."""
    found = object_id(fields.get(f"{kind}_id"))
    return found if found is not None else object_id(fields.get(kind))


def _references(fields: dict[str, Any]) -> Iterator[Reference]:
    product, sku = item_id(fields, "product"), item_id(fields, "sku")
    if product is not None:
        yield "product", product
    if sku is not None:
        yield "sku", sku
    collections = fields.get("collections")
    for collection in collections if type(collections) is list else ():
        found = object_id(collection)
        if found is not None:
            yield "products_collection", found


def _number(value: Any) -> int | float | None:
    return value if type(value) in _NUMBERS else None
