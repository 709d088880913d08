"""The customer task on arbitrary bytes: one outcome an input, however the input is cut into chunks or resumed."""

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.domain.catalogue import KNOWN_EVENTS
from streamproc.domain.configuration import InForce
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegments
from streamproc.processing.customer_chunk import Outcome
from streamproc.processing.customers import CustomerProcessor
from streamproc.processing.processor import OutputRecord, Record, Slice
from streamproc.runtime.store import StateStore
from tests.support.codes import codes
from tests.support.configuration import (
    campaign,
    computed_segments,
    distribution,
    dynamic_segment,
    segment,
    validation_rule,
)

NOW = 1_764_000_000_000
WINDOW = 6
Lanes = dict[tuple[str, int], list[OutputRecord]]
Given = tuple[str, bytes | None, bytes | None]

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=5)
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
IDS = st.sampled_from(["cus_1", "cus_2", "cus_ü"])
TYPES = st.sampled_from(
    [
        *sorted(KNOWN_EVENTS),
        "customer.order.paid",
        "customer.order.paid",
        "customer.segment.entered",
        "customer.segment.left",
        "customer.deleted",
        "till.opened",
    ]
)
CUSTOMERS = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["a@b.c", "", None]),
        "name": JSON,
        "unsubscribed": st.sampled_from([True, False, [], ["email"], "email", None]),
        "metadata": st.dictionaries(st.sampled_from(["tier", "vip"]), st.sampled_from(["gold", True, 1, None, [1]]))
        | JSON,
        "summary": JSON,
    },
)
DATA = st.fixed_dictionaries(
    {},
    optional={
        "order": st.fixed_dictionaries({"id": st.sampled_from(["o1", "o2"]), "amount": st.integers(0, 10_000)}) | JSON,
        "segment": st.fixed_dictionaries({"id": st.sampled_from(["seg_1", "seg_gold", "seg_unknown"])}) | JSON,
        "publication": st.just({"id": "pub_" + "0" * 32}) | JSON,
        "extra": JSON,
    },
)
INSTANTS = st.sampled_from(["2026-11-24T10:00:00Z", "2026-11-24T12:00:00+02:00", "9998-12-31T23:59:59-23:59", "soon"])


@st.composite
def events(draw: st.DrawFn) -> Given:
    customer_id = draw(IDS)
    body = {
        "id": draw(st.integers(0, 12).map(str)),
        "type": draw(TYPES),
        "created_at": draw(INSTANTS),
        "data": draw(DATA) | {"customer": draw(CUSTOMERS) | {"id": customer_id}},
    }
    return "customer-events", draw(st.sampled_from([customer_id, customer_id, "other"])).encode(), encode(body)


@st.composite
def profiles(draw: st.DrawFn) -> Given:
    customer_id = draw(IDS)
    value = draw(st.none() | CUSTOMERS.map(lambda customer: encode(customer | {"id": customer_id})))
    return "customers", customer_id.encode(), value


def encode(value: Any) -> bytes:
    return orjson.dumps(value) if fits(value) else b'{"id":1e999}'


def fits(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:  # whole numbers over 64 bits
        return False
    return True


NOISE = st.tuples(
    st.sampled_from(["customer-events", "customers"]),
    st.none() | st.binary(max_size=8),
    st.none() | st.binary(max_size=40) | JSON.filter(fits).map(orjson.dumps),
)
INPUTS = st.lists(events() | profiles() | NOISE, max_size=25)


ZONE = ZoneInfo("Europe/Warsaw")


def configured() -> tuple[Definitions, ComputedSegments]:
    found = Definitions(ZONE)
    rules = {
        "1": {"name": "customer.metadata", "property": "tier", "conditions": {"$is": ["gold"]}},
        "2": {"name": "customer.segment", "conditions": {"$is": ["seg_1"]}},
        "3": {"name": "order.amount", "conditions": {"$more_than": [5000]}},
        "logic": "1 or 2 or 3",
    }
    webhook = {"type": "webhook", "url": "https://example.com/", "event_name": "x"}
    designed = webhook | {"payload": '{"name":"{{customer.name}}","all":{{segment}}}'}
    paid = {"event": "customer.order.paid", "validation_rule_id": "val_1"}
    entered = {"event": "customer.segment.entered", "segment_id": "seg_1"}
    left = {"event": "customer.segment.left", "segment_id": "seg_buyers"}
    recent = {"summary.orders.last_order_date": {"conditions": {"$less_than_ago": [2]}}}
    gold = {"metadata.tier": {"conditions": {"$is": ["gold"]}}}
    objects = [
        ("segments", segment()),
        ("segments", dynamic_segment(filter=gold)),
        ("segments", dynamic_segment(id="seg_buyers", filter=recent)),
        ("segments", segment(id="seg_listed", type="static", customers=["cus_1"])),
        ("validation-rules", validation_rule(rules=rules)),
        ("distributions", distribution(trigger=paid, channels=[{"type": "email"}, webhook])),
        ("campaigns", campaign()),
        ("distributions", codes(channels=[{"type": "email"}, {"type": "shopify"}])),
        ("distributions", distribution(id="d2", name="2", trigger={"event": "customer.order.paid"})),
        ("distributions", distribution(id="d3", name="3", trigger=entered, channels=[designed, {"type": "sms"}])),
        ("distributions", distribution(id="d4", name="4", trigger=entered | {"segment_id": "seg_gold"})),
        ("distributions", distribution(id="d5", name="5", trigger=left, channels=[designed])),
    ]
    for kind, record in objects:
        found.put(kind, record["id"], InForce(kind, record["id"], 1, record))
    return found, computed_segments(objects, ZONE)


DEFINITIONS, SEGMENTS = configured()


class Task:
    """A customer task that keeps all that came out of it."""

    def __init__(self) -> None:
        self.state, self.task_state = StateStore(), StateStore()
        self.lanes: Lanes = {}
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.outcomes: list[Outcome] = []
        self.restart()

    def restart(self) -> None:
        self.processor = CustomerProcessor(
            0, self.state, self.task_state, DEFINITIONS, SEGMENTS, dead_letter_limit=1.0, window=WINDOW
        )

    def take(self, inputs: list[tuple[int, Given]]) -> None:
        slices = [Slice(topic, 0, [Record(offset, NOW, key, value)]) for offset, (topic, key, value) in inputs]
        output = self.processor.process(slices, NOW, self.outcomes)
        self.state.commit()
        self.task_state.commit()
        for lane, records in output.records.items():
            self.lanes.setdefault(lane, []).extend(records)
        self.counts += output.counts

    @property
    def customers(self) -> dict[bytes, bytes]:
        return dict(self.state.items())


def whole(inputs: list[Given]) -> Task:
    task = Task()
    task.take(list(enumerate(inputs)))
    return task


@given(INPUTS)
def test_whatever_comes_in_every_input_has_one_outcome_and_none_is_unexpected(inputs: list[Given]) -> None:
    task = whole(inputs)
    assert len(task.outcomes) == len(inputs)
    told = Counter(outcome.name for outcome in task.outcomes)
    dead = task.lanes.get(("dead-letters", 0), [])
    assert [outcome.reason for outcome in task.outcomes if outcome.reason == "unexpected_error"] == []
    assert told["dead_letter"] == len(dead) == sum(n for (name, *_), n in task.counts.items() if name == "dead_letters")
    counted = sum(n for (name, *_), n in task.counts.items() if name == "events")
    assert counted == sum(topic == "customer-events" for topic, _, _ in inputs)


@given(INPUTS)
def test_what_is_no_event_changes_nothing(inputs: list[Given]) -> None:
    task = whole(inputs)
    numbered = zip(enumerate(inputs), task.outcomes, strict=True)
    again = Task()
    again.take([given for given, outcome in numbered if outcome.name == "processed"])
    assert (again.lanes, again.customers) == (decided(task), task.customers)


@given(INPUTS, st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=12))
@settings(max_examples=150)
def test_cutting_the_input_into_chunks_and_restarting_between_them_changes_nothing(
    inputs: list[Given], cuts: list[tuple[int, bool]]
) -> None:
    expected = whole(inputs)
    task = Task()
    rest = list(enumerate(inputs))
    for length, restarts in [*cuts, (len(rest), False)]:
        task.take(rest[:length])
        rest = rest[length:]
        if restarts:
            task.restart()
    assert (task.lanes, task.counts, task.outcomes, task.customers) == (
        expected.lanes,
        expected.counts,
        expected.outcomes,
        expected.customers,
    )


@given(INPUTS)
def test_an_input_that_comes_twice_in_a_row_adds_nothing(inputs: list[Given]) -> None:
    task = Task()
    for numbered in enumerate(inputs):
        task.take([numbered])
        before = decided(task)
        task.take([numbered])
        assert decided(task) == before


def decided(task: Task) -> Lanes:
    """All that came out, copied, but for the dead letters: those come as often as their input."""
    return {lane: list(records) for lane, records in task.lanes.items() if lane[0] != "dead-letters"}
