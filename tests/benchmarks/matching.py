"""Matching and job building, measured: `python -m tests.benchmarks.matching [--sizes 10,1000]`.

Times are of the processor, medians of interleaved rounds over distinct events. `match` is what building the facts and
matching add to decoding, event by event as in a worker, also as a multiple of `orjson.loads` of the same events in
the same rounds. The mix is that of a shop: a third of the definitions listen to orders; the pools of segments,
campaigns, products, values of metadata and custom events grow with their number; values are skewed.
"""

import argparse
import gc
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from time import perf_counter, process_time
from typing import Any

import orjson

from streamproc.domain.configuration import InForce
from streamproc.domain.events import Event
from streamproc.domain.facts import Facts
from streamproc.domain.jobs import Cause, Occurrence
from streamproc.domain.messages import Message
from streamproc.matching.definitions import Definitions
from streamproc.runtime.process_memory import use_large_pages

EVENTS = 6_000
ROUNDS = 5
JOINED = 6  # segments of a customer
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
SIZES = (10, 1_000, 10_000, 100_000)
COMMON = {"plan": 4, "language": 12, "source": 20, "colour": 30}  # keys of metadata, and how many values each has
SPECIAL = ("city", "store", "brand", "cohort")
EVENT_MIX = (
    ("customer.order.paid", 35), ("customer.order.created", 10), ("customer.custom_event", 20),
    ("customer.segment.entered", 10), ("customer.redemption.succeeded", 15), ("customer.loyalty.tier.upgraded", 10),
)  # fmt: skip
DEFINITION_MIX = (
    ("customer.order.paid", 22), ("customer.order.created", 8), ("customer.custom_event", 25),
    ("customer.segment.entered", 20), ("customer.redemption.succeeded", 20), ("customer.loyalty.tier.upgraded", 5),
)  # fmt: skip


class Shop:
    """Seeded events and definitions of one size."""

    def __init__(self, definitions: int, seed: int = 7) -> None:
        self.random = Random(seed)
        self.pools = {
            "segment": max(40, definitions // 4),
            "campaign": max(10, definitions // 4),
            "custom": max(10, definitions // 10),
            "product": max(200, definitions // 4),
            "value": max(50, definitions // 10),
        }

    def skewed(self, size: int) -> int:
        """Small numbers often, large ones seldom."""
        return int(size * self.random.random() ** 2)

    def choose(self, mix: Sequence[tuple[str, int]]) -> str:
        return self.random.choices([name for name, _ in mix], [weight for _, weight in mix])[0]

    def one_of(self, pool: str) -> str:
        return f"{pool}_{self.skewed(self.pools[pool])}"

    def metadata(self, common: int, special: int) -> dict[str, Any]:
        pools = COMMON | dict.fromkeys(SPECIAL, self.pools["value"])
        keys = self.random.sample(sorted(COMMON), common) + self.random.sample(SPECIAL, special)
        return {key: f"{key} {self.skewed(pools[key])}" for key in keys}

    def customer(self, number: int) -> dict[str, Any]:
        """Return what events tell of a customer, without sums."""
        return {
            "id": f"cust_{number:08d}", "source_id": f"crm-{number}", "name": f"Customer {number}",
            "email": f"customer{number}@example.com", "phone": "+48123456789",
            "address": {"city": "Lodz", "country": "PL", "postal_code": "90-001", "line_1": "Piotrkowska 1"},
            "metadata": self.metadata(2, 2),
        }  # fmt: skip

    def event(
        self, number: int, customer: dict[str, Any] | None = None, joined: list[str] | None = None
    ) -> tuple[bytes, list[str]]:
        """Return the bytes of an event of about 850 bytes, and the segments of its customer; each has one of its own.

        Unless `customer` says whose it is. `joined` are the segments that it has entered, and not left: it leaves the
        oldest before it enters one too many.
        """
        kind = self.choose(EVENT_MIX)
        segments = sorted({self.one_of("segment") for _ in range(6)})
        data: dict[str, Any] = {"customer": dict(customer or self.customer(number))}
        if "order" in kind:
            items = [
                {
                    "product_id": self.one_of("product"),
                    "sku_id": f"sku_{number % 97}",
                    "quantity": 1 + line,
                    "price": 990,
                }
                for line in range(self.random.randint(1, 3))
            ]
            data["order"] = {
                "id": f"ord_{number}", "status": "PAID", "amount": self.random.randrange(100, 30_000),
                "items": items, "metadata": self.metadata(1, 2),
            }  # fmt: skip
        elif "custom" in kind.removeprefix("customer"):
            data["event_schema"] = {"name": self.one_of("custom")}
            data["event"] = {"type": "custom", "metadata": self.metadata(2, 2)}
        elif "segment" in kind:
            entered = self.one_of("segment")
            if joined is not None and entered not in joined:
                if len(joined) == JOINED:
                    kind, entered = "customer.segment.left", joined.pop(0)
                else:
                    joined.append(entered)
            data["segment"] = {"id": entered, "name": "A segment"}
        else:
            data["campaign"] = {"id": self.one_of("campaign"), "name": "A campaign"}
            data["loyalty_tier_to"] = {"id": f"tier_{self.random.randrange(4)}"}
        event = {"id": f"evt_{number:032x}", "type": kind, "created_at": "2026-11-24T10:00:00.000Z", "data": data}
        # The product's customers carry sums that nobody here reads; they fill the event up to its usual size.
        summary = data["customer"]["summary"] = {}
        for field in range(40):
            if len(orjson.dumps(event)) > 840:
                break
            summary[f"total_{field}"] = self.random.choice([self.random.randrange(10_000), "2026-11-01T08:30", None])
        return orjson.dumps(event), segments

    def rule(self, family: str) -> dict[str, Any]:
        """Return rules of which the first asks for something special, as those do that many run side by side."""
        more = self.random.choices([0, 1, 2, 3], [20, 35, 30, 15])[0]
        parts = [self.special(family), *(self.leaf(family) for _ in range(more))]
        rules: dict[str, Any] = {str(place): part for place, part in enumerate(parts, 1)}
        if more > 1 and self.random.random() < 0.3:
            rules["logic"] = "1 and (" + " or ".join(list(rules)[1:]) + ")"
        return rules

    def special(self, family: str) -> dict[str, Any]:
        kind = self.random.choices(["segment", "customer", "own", "items"], [30, 25, 25, 20])[0]
        if kind == "segment":
            return {"name": "customer.segment", "conditions": {"$is": [self.one_of("segment")]}}
        if kind == "items" and family == "order":
            product = {"id": self.one_of("product"), "object": "product"}
            return {"name": "order.items.any", "conditions": {"$is": [product]}}
        name = f"{family}.metadata" if kind == "own" else "customer.metadata"
        return self.equality(name, self.metadata(0, 1))

    def equality(self, name: str, metadata: dict[str, Any]) -> dict[str, Any]:
        key, value = next(iter(metadata.items()))
        return {"name": name, "property": key, "conditions": {"$is": [value]}}

    def leaf(self, family: str) -> dict[str, Any]:
        if self.random.random() < 0.4:
            return self.equality(f"{family}.metadata", self.metadata(1, 0))
        if family == "order" and self.random.random() < 0.6:
            return {"name": "order.amount", "conditions": {"$more_than": [self.random.randrange(100, 30_000)]}}
        key, value = next(iter(self.metadata(1, 0).items()))
        operator = self.random.choice(["$is_not", "$starts_with", "$contains"])
        return {"name": "customer.metadata", "property": key, "conditions": {operator: [value]}}

    def distribution(self, number: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Return a distribution, and the validation rule that it names."""
        kind, rules = self.choose(DEFINITION_MIX), None
        trigger: dict[str, Any] = {"event": kind}
        if "order" in kind:
            rules = self.rule("order")
        elif "custom" in kind.removeprefix("customer"):
            trigger["custom_event"] = self.one_of("custom")
            rules = self.rule("custom_event") if self.random.random() < 0.65 else None
        elif "segment" in kind:
            trigger["segment_id"] = self.one_of("segment")
        else:
            trigger["campaign_id"] = self.one_of("campaign")
        if rules is not None:
            trigger["validation_rule_id"] = f"val_{number}"
        channels: list[dict[str, Any]] = [
            {"type": self.random.choice(["email", "sms", "batch"]), "template_id": "tpl_1"}
        ]
        distribution = {
            "id": f"dist_{number:06d}", "name": f"Distribution {number}", "status": "live", "kind": "automatic",
            "trigger": trigger, "action": {"type": "message"}, "channels": channels,
        }  # fmt: skip
        return distribution, rules


def build(shop: Shop, size: int) -> Definitions:
    """Put everything in force."""
    definitions = Definitions(UTC)
    for pool in ("segment", "campaign"):
        for number in range(shop.pools[pool]):
            one = f"{pool}_{number}"
            definitions.put(f"{pool}s", one, InForce(f"{pool}s", one, 1, {"id": one, "type": "external"}))
    for number in range(size):
        distribution, rules = shop.distribution(number)
        if rules is not None:
            val = f"val_{number}"
            definitions.put("validation-rules", val, InForce("validation-rules", val, 1, {"id": val, "rules": rules}))
        definitions.put(
            "distributions", distribution["id"], InForce("distributions", distribution["id"], 1, distribution)
        )
    return definitions


class Workload:
    """The steps of one event over the same events: each step contains those before it."""

    def __init__(self, definitions: Definitions, sources: list[tuple[bytes, list[str]]]) -> None:
        self.definitions = definitions
        self.sources = sources
        self.prepared = [Facts(event := self.decode(value), event.customer, segments) for value, segments in sources]
        self.matched = [definitions.match(facts) for facts in self.prepared]
        self.jobs: list[tuple[str, Message]] = []

    @staticmethod
    def decode(value: bytes) -> Event:
        body = orjson.loads(value)
        data = body["data"]
        return Event(body["id"], body["type"], AT, body["created_at"], data["customer"]["id"], data)

    def load_all(self) -> None:
        for value, _segments in self.sources:
            orjson.loads(value)

    def decode_all(self) -> None:
        for value, _segments in self.sources:
            self.decode(value)

    def read_facts(self) -> None:
        for value, segments in self.sources:
            event = self.decode(value)
            Facts(event, event.customer, segments)

    def match_all(self) -> None:
        match = self.definitions.match
        for value, segments in self.sources:
            event = self.decode(value)
            match(Facts(event, event.customer, segments))

    def emit_all(self) -> None:
        self.jobs.clear()
        for facts, found in zip(self.prepared, self.matched, strict=True):
            if found:
                occurrence = Occurrence(facts, Cause.of_event(facts.event))
                for distribution in found:
                    distribution.emit(occurrence, self.jobs, [])


@dataclass(frozen=True)
class Row:
    """What was measured with so many definitions: microseconds an event, a job, a change."""

    size: int
    bytes: float
    matches: float
    loads: float
    facts: float
    match: float
    job: float
    change: float

    @property
    def of_loads(self) -> float:
        """The time to match as a multiple of that of `orjson.loads`."""
        return self.match / self.loads

    def __str__(self) -> str:
        return (
            f"{self.size:>8,} {self.bytes:>6.0f} {self.matches:>8.2f} {self.loads:>7.2f} {self.facts:>7.2f} "
            f"{self.match:>7.2f} {self.of_loads:>10.2f}x {self.job:>8.2f} {self.change:>9.0f}"
        )


def measure(size: int) -> Row:
    """Measure one row of the table."""
    shop = Shop(size)
    definitions = build(shop, size)
    load = Workload(definitions, [shop.event(number) for number in range(EVENTS)])
    steps = (load.load_all, load.decode_all, load.read_facts, load.match_all, load.emit_all)
    times: list[list[float]] = [[] for _ in steps]
    gc.collect()
    gc.freeze()
    use_large_pages()
    for _ in range(ROUNDS):
        for step, taken in zip(steps, times, strict=True):
            started = process_time()
            step()
            taken.append((process_time() - started) / EVENTS * 1e6)
    loads, decoded, with_facts, with_match, emitted = map(statistics.median, times)
    gc.unfreeze()
    return Row(
        size=size,
        bytes=sum(len(value) for value, _segments in load.sources) / EVENTS,
        matches=sum(map(len, load.matched)) / EVENTS,
        loads=loads,
        facts=with_facts - decoded,
        match=with_match - decoded,
        job=emitted * EVENTS / max(1, len(load.jobs)),
        change=change_time(definitions, shop),
    )


def change_time(definitions: Definitions, shop: Shop) -> float:
    """Return microseconds for one record of `definitions`, the median over changed distributions and rules."""
    times = []
    for number in range(100):
        distribution, rules = shop.distribution(number)
        records = [("distributions", distribution["id"], distribution)]
        if rules is not None:
            records.append(("validation-rules", f"val_{number}", {"id": f"val_{number}", "rules": rules}))
        for kind, one, record in records:
            value = orjson.dumps({"kind": kind, "id": one, "version": 2, "object": record})
            started = perf_counter()
            definitions.apply(f"{kind}/{one}".encode(), value)
            times.append((perf_counter() - started) * 1e6)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of live definitions")
    print(f"{EVENTS:,} distinct events, medians of {ROUNDS} rounds; microseconds an event, a job, a change")
    print("   N live  bytes  matches   loads   facts   match match/loads    a job  a change", flush=True)
    for size in parser.parse_args().sizes.split(","):
        print(measure(int(size)), flush=True)


if __name__ == "__main__":
    main()
