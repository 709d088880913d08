"""The shop's goods: baskets of one to four lines, and the details of custom events, rendered once."""

from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from streamproc.local.shop.people import CITIES

COLLECTIONS = (
    ("pc_coffee", ("Espresso", "Filter roast", "Decaf", "Single origin")),
    ("pc_tea", ("Green tea", "Black tea", "Rooibos")),
    ("pc_equipment", ("Grinder", "Kettle", "Scale", "Paper filters")),
    ("pc_gifts", ("Gift box", "Mug")),
)
PRICES = {"pc_coffee": (900, 3200), "pc_tea": (400, 1800), "pc_equipment": (500, 24_900), "pc_gifts": (1200, 5900)}
BASKETS = 2048
DETAILS = 256

CUSTOM_EVENTS = ("product_viewed", "cart_abandoned", "review_left", "newsletter_opened")
CUSTOM_EVENT_WEIGHTS = (30, 30, 25, 15)


@dataclass(frozen=True, slots=True)
class Product:
    """One thing on sale; the price is in cents."""

    number: int
    name: str
    collection: str
    price: int


def make_baskets(rng: Random) -> list[bytes]:
    """Render the members of an order that say what is bought, from `"amount"` to the end of `"items"`."""
    products = _products(rng)
    return [_basket(products, rng) for _ in range(BASKETS)]


def make_details(rng: Random) -> list[bytes]:
    """Render the members `event` and `event_schema` of custom events; some lack the schema, as older clients do."""
    return [_detail(number, rng) for number in range(DETAILS)]


def _products(rng: Random) -> list[Product]:
    return [
        Product(number, name, collection, 10 * rng.randint(PRICES[collection][0] // 10, PRICES[collection][1] // 10))
        for number, (collection, name) in enumerate(
            (collection, name) for collection, names in COLLECTIONS for name in names
        )
    ]


def _basket(products: list[Product], rng: Random) -> bytes:
    lines = [_line(product, rng) for product in rng.sample(products, rng.choices((1, 2, 3, 4), (45, 30, 15, 10))[0])]
    amount = sum(line["price"] * line["quantity"] for line in lines)
    discount = rng.choice((0, 0, 0, amount // 10))
    pickup = f"2026-03-{rng.randint(1, 24):02d}T{rng.randint(8, 20):02d}:{rng.choice(('00', '30'))}:00Z"
    order = {
        "amount": amount,
        "initial_amount": amount,
        "total_amount": amount - discount,
        "metadata": {
            "delivery": rng.choice(("courier", "pickup")),
            "pickup_at": pickup,
            "store_city": rng.choice(CITIES)[0],
            "gift": rng.random() < 0.1,
        },
        "items": lines,
    }
    return orjson.dumps(order)[1:-1]


def _line(product: Product, rng: Random) -> dict[str, Any]:
    quantity = rng.choices((1, 2, 3, 6), (60, 22, 12, 6))[0]
    line: dict[str, Any] = {
        "product_id": f"prod_{product.number}",
        "sku_id": f"sku_{product.number}_{quantity % 2}",
        "quantity": quantity,
        "price": product.price,
        "amount": product.price * quantity,
        "subtotal_amount": product.price * quantity,
        "product": {"name": product.name},
        "collections": _collections(product, rng),
        "metadata": {"grade": rng.randint(1, 5)},
    }
    if rng.random() < 0.2:
        del line["subtotal_amount"]
        if rng.random() < 0.5:
            del line["amount"]
    return line


def _collections(product: Product, rng: Random) -> list[Any]:
    """Upstream names a collection by its id, or by an object that has it."""
    if rng.random() < 0.3:
        return [{"id": product.collection, "object": "products_collection"}]
    return [product.collection, "pc_all"]


def _detail(number: int, rng: Random) -> bytes:
    name = rng.choices(CUSTOM_EVENTS, CUSTOM_EVENT_WEIGHTS)[0]
    event = {"id": f"event_{number}", "object": "event", "type": name, "metadata": _metadata(name, rng)}
    detail: dict[str, Any] = {"event": event, "referral": None, "loyalty": None}
    if rng.random() >= 0.05:
        detail["event_schema"] = {"id": f"ms_{name}", "name": name, "object": "metadata_schema"}
    return orjson.dumps(detail)[1:-1]


def _metadata(name: str, rng: Random) -> dict[str, Any]:
    if name == "review_left":
        return {
            "rating": rng.randint(1, 5),
            "text": rng.choice(("Fresh and quick.", "Arrived broken, sorry.", "Better than the last one.")),
            "verified": rng.random() < 0.8,
            "bought_at": f"2026-0{rng.randint(1, 2)}-{rng.randint(1, 28):02d}",
        }
    if name == "cart_abandoned":
        return {
            "value": 10 * rng.randint(50, 2000),
            "lines": rng.randint(1, 9),
            "tags": rng.sample(("coffee", "tea", "equipment", "gifts"), rng.randint(0, 3)),
        }
    return {"product": f"prod_{rng.randint(0, 12)}", "seconds": rng.randint(1, 300)}
