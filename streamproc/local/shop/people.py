"""The shop's customers: their profiles, how active they are, and what an event says about them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Any

import orjson

FIRST_NAMES = (
    "Ada", "Bela", "Chiara", "Dorota", "Emil", "Farah", "Goran", "Hana", "Igor", "Jana",
    "Kofi", "Lena", "Milan", "Noor", "Olga", "Pavel", "Rosa", "Sami", "Tereza", "Zoë",
)  # fmt: skip
LAST_NAMES = (
    "Adler", "Bauer", "Costa", "Dvořák", "Eriksen", "Ferrari", "Grabowska", "Horvat", "Ito", "Jansen",
    "Kowalska", "Lindqvist", "Moreau", "Novak", "Okafor", "Petrov", "Quinn", "Rossi", "Silva", "Weiss",
)  # fmt: skip
CITIES = (("Łódź", "PL", "90-001"), ("Brno", "CZ", "602 00"), ("Gent", "BE", "9000"), ("Porto", "PT", "4000-001"))
CLUBS = ("none", "bronze", "silver", "gold", "platinum")
CLUB_WEIGHTS = (40, 25, 20, 10, 5)
SILENCED = ("email", "sms", "braze", "klaviyo", "webhook", "intercom")

# The most active customer causes about one event in a hundred, the median one far fewer than the mean.
ACTIVITY_EXPONENT = 0.9
ACTIVITY_OFFSET = 10


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer. `profile` is the value in the topic `customers`, None when the shop has never sent one."""

    key: bytes
    profile: bytes | None
    in_events: bytes


def make_customers(count: int, rng: Random) -> list[Customer]:
    """Make the customers, the most active first."""
    return [_customer(number, rng) for number in rng.sample(range(10 * count), count)]


def activity(count: int) -> list[float]:
    """Cumulative weights of activity by rank: Zipf-Mandelbrot, as shops see it."""
    return list(accumulate((rank + ACTIVITY_OFFSET) ** -ACTIVITY_EXPONENT for rank in range(1, count + 1)))


def profile_records(customers: list[Customer]) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield the records of the topic `customers`; every five-hundredth profile is deleted again at the end."""
    known = [customer for customer in customers if customer.profile is not None]
    for customer in known:
        yield customer.key, customer.profile
    for customer in known[250::500]:
        yield customer.key, None


def _customer(number: int, rng: Random) -> Customer:
    identity = f"cust_{number:07d}"
    profile = _profile(identity, number, rng)
    known = rng.random() >= 0.05
    return Customer(
        key=identity.encode(),
        profile=orjson.dumps(profile) if known else None,
        in_events=orjson.dumps(_in_events(profile, rng)),
    )


def _profile(identity: str, number: int, rng: Random) -> dict[str, Any]:
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    city, country, postal_code = rng.choice(CITIES)
    profile: dict[str, Any] = {
        "id": identity,
        "object": "customer",
        "source_id": f"crm-{number}",
        "name": f"{first} {last}",
        "email": f"{first}.{last}.{number}@shop.example".lower(),
        "phone": f"+48{500_000_000 + number}",
        "birthdate": f"{rng.randint(1950, 2007)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
        "gender": rng.choice(("f", "m", "x", None)),
        "description": "regular" if rng.random() < 0.3 else None,
        "language": country.lower(),
        "address": {
            "line_1": f"Main Street {rng.randint(1, 200)}",
            "city": city,
            "postal_code": postal_code,
            "country": country,
        },
        "metadata": {
            "club": rng.choices(CLUBS, CLUB_WEIGHTS)[0],
            "member_since": f"{rng.randint(2018, 2026)}-{rng.randint(1, 2):02d}-{rng.randint(1, 28):02d}",
            "favourites": rng.sample(("coffee", "tea", "equipment", "gifts"), rng.randint(0, 3)),
        },
        "created_at": f"202{rng.randint(0, 5)}-{rng.randint(1, 12):02d}-01T12:00:00Z",
        "updated_at": None,
        "unsubscribed": _unsubscribed(rng),
    }
    _leave_gaps(profile, rng)
    return profile


def _unsubscribed(rng: Random) -> list[str] | bool:
    luck = rng.random()
    if luck < 0.02:
        return True
    return rng.sample(SILENCED, rng.randint(1, 2)) if luck < 0.10 else []


def _leave_gaps(profile: dict[str, Any], rng: Random) -> None:
    """Take contacts away as real data does: absent, empty or null."""
    for field, share in (("email", 0.08), ("phone", 0.15), ("source_id", 0.05)):
        if rng.random() < share:
            gap = rng.choice(("absent", "", None))
            if gap == "absent":
                del profile[field]
            else:
                profile[field] = gap


def _in_events(profile: dict[str, Any], rng: Random) -> dict[str, Any]:
    """What each event repeats of the customer: never the phone, sometimes not the e-mail address either."""
    told: dict[str, Any] = {name: profile[name] for name in ("id", "source_id", "name", "email") if name in profile}
    luck = rng.random()
    if luck < 0.05:
        told["email"] = None
    elif luck < 0.15:
        told.pop("email", None)
    told["metadata"] = {"device": rng.choice(("web", "app", "till"))}
    return told
