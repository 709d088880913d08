"""The lines of an order as rules see them: price, quantity, amount, and what each line is of."""

from typing import Any, Literal

Kind = Literal["product", "sku", "products_collection"]
Id = str | int | float
Reference = tuple[Kind, Id]

KINDS: tuple[Kind, ...] = ("product", "sku", "products_collection")


class Line:
    """One line of an order. What rules ask of it is read from its `fields` when they ask, which most do not."""

    __slots__ = ("_collections", "fields")

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields
        self._collections: list[Id] | None = None

    @property
    def quantity(self) -> int | float | None:
        """The quantity, None where the line has none."""
        return _number(self.fields.get("quantity"))

    @property
    def price(self) -> int | float | None:
        """The price of one piece, None where the line has none."""
        return _number(self.fields.get("price"))

    @property
    def pieces(self) -> int | float:
        """The quantity in sums: a line without one counts as one piece."""
        quantity = self.quantity
        return 1 if quantity is None else quantity

    @property
    def amount(self) -> int | float:
        """What the line costs: told, else made from price and quantity."""
        amount = _number(self.fields.get("subtotal_amount"))
        if amount is None:
            amount = _number(self.fields.get("amount"))
        if amount is not None:
            return amount
        price = self.price
        return 0 if price is None else price * self.pieces

    @property
    def product(self) -> Id | None:
        """The product that the line is of."""
        return item_id(self.fields, "product")

    @property
    def sku(self) -> Id | None:
        """The SKU that the line is of."""
        return item_id(self.fields, "sku")

    @property
    def collections(self) -> list[Id]:
        """The collections that the line is of."""
        found = self._collections
        if found is None:
            found = self._collections = _read_collections(self.fields)
        return found


def read_lines(items: Any) -> list[Line]:
    """Return the lines in an order's `items`; entries that are no objects are none."""
    return [Line(item) for item in items if type(item) is dict] if type(items) is list else []


def object_id(value: Any) -> Id | None:
    """Return the id by which a text, a number or an object goes: an object's `id`, else its `source_id`."""
    if type(value) is not dict:
        return _plain_id(value)
    own = _plain_id(value.get("id"))
    return own if own is not None else _plain_id(value.get("source_id"))


def _plain_id(value: Any) -> Id | None:
    kind = type(value)
    return value if kind is str or kind is int or kind is float else None


def item_id(fields: dict[str, Any], kind: Literal["product", "sku"]) -> Id | None:
    """Return the id of the product or SKU that a line is of: `product_id`, else that of the object `product`."""
    found = object_id(fields.get("product_id" if kind == "product" else "sku_id"))
    return found if found is not None else object_id(fields.get(kind))


def _read_collections(fields: dict[str, Any]) -> list[Id]:
    told = fields.get("collections")
    found = [object_id(collection) for collection in told] if type(told) is list else []
    return [own_id for own_id in found if own_id is not None]


def _number(value: Any) -> int | float | None:
    kind = type(value)
    return value if kind is int or kind is float else None
