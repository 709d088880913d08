"""Memberships that are kept up change by change are those that looking at everything again would find."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.domain.configuration import InForce
from streamproc.local.naive_customers import NaiveCustomer, merged, take
from streamproc.matching.definitions import Definitions
from streamproc.processing.customers import CustomerProcessor
from streamproc.processing.processor import OutputRecord, Record, Slice
from streamproc.runtime.store import StateStore
from tests.support.configuration import computed_segments, distribution, dynamic_segment, segment
from tests.support.customer_strategies import NOON, PROFILES, histories
from tests.support.naive_filters import Known, Order, filter_holds

Json = dict[str, Any]

CUSTOMER = "cus_1"
FILTERS: dict[str, Json] = {
    "seg_bought": {"summary.orders.total_count": {"conditions": {"$more_than": 0}}},
    "seg_never_bought": {"summary.orders.total_count": {"conditions": {"$is": 0}}},
    "seg_spent": {"summary.orders.total_amount": {"conditions": {"$more_than_or_equal": 2500}}},
    "seg_average": {"summary.orders.average_amount": {"conditions": {"$less_than": 1300}}},
    "seg_recent": {"summary.orders.last_order_date": {"conditions": {"$less_than_ago": 0.01}}},
    "seg_gave_up": {"events.cart.abandoned.count": {"conditions": {"$more_than": 1}}},
    "seg_logged_in": {"events.login.last": {"conditions": {"$less_than_ago": [0.005]}}},
    "seg_points": {"loyalty_points.campaigns.Bean points.points": {"conditions": {"$more_than": 100}}},
    "seg_gold": {"loyalty_tier.campaigns.camp_1": {"conditions": {"$is": "ltr_gold"}}},
    "seg_mail": {"email": {"conditions": {"$has_value": True}}},
    "seg_birthday": {"birthdate": {"conditions": {"$this_month": [True]}}},
    "seg_either": {
        "junction": "or",
        "metadata.club.level": {"conditions": {"$is": "gold"}},
        "address.city": {"conditions": {"$is": ["Wien"]}},
    },
    "seg_both": {
        "metadata.n": {"conditions": {"$more_than": 1}},
        "loyalty_points.campaigns.camp_2.points": {"conditions": {"$is_unknown": True}},
    },
}
LISTED = {"seg_listed": [CUSTOMER], "seg_others": ["cus_2"]}
SEGMENTS = [dynamic_segment(id=one, filter=filter_) for one, filter_ in FILTERS.items()]
SEGMENTS += [segment(id=one, type="static", customers=customers) for one, customers in LISTED.items()]
Input = tuple[str, Json, int]  # topic, record, and the record's own time in milliseconds


def distributions() -> Iterator[Json]:
    """Two for each segment: on entering it, and on leaving it."""
    for told in SEGMENTS:
        for change in ("entered", "left"):
            name = f"{change}:{told['id']}"
            trigger = {"event": f"customer.segment.{change}", "segment_id": told["id"]}
            webhook = {"type": "webhook", "url": "https://example.com/", "event_name": "moved"}
            yield distribution(id=name, name=name, trigger=trigger, channels=[webhook])


def definitions() -> Definitions:
    found = Definitions(UTC)
    for kind, records in (("segments", SEGMENTS), ("distributions", list(distributions()))):
        for record in records:
            found.put(kind, record["id"], InForce(kind, record["id"], 1, record))
    return found


DEFINITIONS = definitions()


class Task:
    def __init__(self, segments: list[Json]) -> None:
        self.state, task_state = StateStore(), StateStore()
        self.stores = (self.state, task_state)
        self.lanes: dict[str, list[OutputRecord]] = {}
        computed = computed_segments([("segments", one) for one in segments])
        self.processor = CustomerProcessor(0, *self.stores, DEFINITIONS, computed, dead_letter_limit=1.0)

    def take(self, inputs: list[tuple[int, Input]]) -> None:
        slices = [
            Slice(topic, 0, [Record(offset, at, CUSTOMER.encode(), orjson.dumps(body))])
            for offset, (topic, body, at) in inputs
        ]
        output = self.processor.process(slices, now=0)
        for store in self.stores:
            store.commit()
        for (topic, _), records in output.records.items():
            self.lanes.setdefault(topic, []).extend(records)

    @property
    def memberships(self) -> set[str]:
        value = self.state.get(CUSTOMER.encode())
        return set() if value is None else set(orjson.loads(value).get("memberships", []))

    def written(self, topic: str) -> list[Json]:
        return [orjson.loads(value or b"") for _, value, _ in self.lanes.get(topic, [])]


class Oracle:
    """One customer, looked at as a whole after each input."""

    def __init__(self, segments: list[Json]) -> None:
        self.segments = segments
        self.forget()

    def forget(self) -> None:
        self.profile: Json | None = None
        self.counted = NaiveCustomer()
        self.now: datetime | None = None

    def take(self, given: Input) -> None:
        topic, body, at = given
        if topic == "customers":
            self.profile = {name: value for name, value in body.items() if value is not None}
            self._move_on(datetime.fromtimestamp(at / 1000, UTC))
        elif body["type"] == "customer.deleted":
            self.forget()
        else:
            self.profile = merged(self.profile or {}, body["data"]["customer"])
            self.counted = take(self.counted, body)
            self._move_on(datetime.fromisoformat(body["created_at"]))

    def _move_on(self, at: datetime) -> None:
        self.now = at if self.now is None else max(self.now, at)

    @property
    def memberships(self) -> set[str]:
        now = self.now
        if self.profile is None or now is None:
            return set()
        known = self._known(self.profile)
        return {
            one["id"]
            for one in self.segments
            if (CUSTOMER in one["customers"] if one["id"] in LISTED else filter_holds(one["filter"], known, now, UTC))
        }

    def _known(self, profile: Json) -> Known:
        counted = self.counted
        return Known(
            profile,
            [Order(order.amount, order.counted_at) for order in counted.orders],
            {
                name: (len(times), max(times, key=datetime.fromisoformat))
                for name, times in counted.custom_events.items()
            },
            [(campaign, name, points) for campaign, (points, name) in counted.points.items()],
            [(campaign, name, tier) for campaign, (tier, name) in counted.tiers.items()],
        )


@st.composite
def lives(draw: st.DrawFn) -> list[Input]:
    """Events and profiles of one customer."""
    noon = int(NOON.timestamp() * 1000)
    inputs: list[Input] = [("customer-events", event, noon) for event in draw(histories(20))]
    for profile in draw(st.lists(PROFILES, max_size=4)):
        at = noon + draw(st.integers(-50, 50)) * 60_000
        inputs.insert(draw(st.integers(0, len(inputs))), ("customers", profile | {"id": CUSTOMER}, at))
    return inputs


CHOSEN = st.lists(st.sampled_from(SEGMENTS), unique_by=lambda one: one["id"], max_size=len(SEGMENTS))


@given(CHOSEN, lives())
@settings(max_examples=150)
def test_membership_is_what_looking_at_everything_again_would_find(segments: list[Json], inputs: list[Input]) -> None:
    task, oracle = Task(segments), Oracle(segments)
    for numbered in enumerate(inputs):
        task.take([numbered])
        oracle.take(numbered[1])
        assert task.memberships == oracle.memberships
    assert "dead-letters" not in task.lanes


@given(lives(), st.lists(st.integers(1, 5), max_size=10))
def test_what_is_told_is_each_change_once_in_turns_however_the_inputs_are_cut(
    inputs: list[Input], cuts: list[int]
) -> None:
    task, oracle = Task(SEGMENTS), Oracle(SEGMENTS)
    expected: list[tuple[str, str, str]] = []  # the cause, the change, the segment
    for offset, (topic, body, at) in enumerate(inputs):
        before, was_known = oracle.memberships, oracle.profile is not None
        oracle.take((topic, body, at))
        now = oracle.memberships if oracle.profile is not None else before
        cause = f"customers:0:{offset}" if topic == "customers" else body["id"]
        expected += [
            (cause, "entered" if one in now else "left", one)
            for one in sorted(before ^ now)
            if was_known or one not in LISTED
        ]
        if oracle.profile is None:
            expected.append(("", "forgotten", ""))
    rest = list(enumerate(inputs))
    for length in [*cuts, len(rest)]:
        task.take(rest[:length])
        rest = rest[length:]
    changes = [
        (told["cause"].get("event_id") or told["cause"]["record"], told["change"], told["segment_id"])
        for told in task.written("segment-changes")
    ]
    assert changes == [one for one in expected if one[1] != "forgotten"]
    jobs = [(job["distribution"]["id"], job["cause"]["via"]) for job in task.written("deliveries.webhook")]
    assert jobs == [(f"{change}:{one}", f"{change}:{one}") for _, change, one in changes]
    for one in FILTERS:
        is_member = False
        for _, change, told in expected:
            if change == "forgotten":
                is_member = False
            elif told == one:
                assert is_member is (change == "left")
                is_member = not is_member
