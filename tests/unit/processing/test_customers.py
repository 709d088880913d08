"""The customer task: what each input gets, order of work, membership, bad records, and going on from the stores."""

from importlib.util import find_spec
from typing import Any, get_args
from zoneinfo import ZoneInfo

import orjson
import pytest

from streamproc.domain.catalogue import FEED_ONLY_EVENTS
from streamproc.domain.configuration import InForce
from streamproc.domain.events import Event, read_event
from streamproc.domain.facts import Facts
from streamproc.domain.jobs import Occurrence
from streamproc.domain.outcomes import DeadLetterReason, IgnoredReason
from streamproc.errors import DeadLetterLimitReached, FatalError
from streamproc.matching.definitions import Definitions
from streamproc.processing.customer_chunk import Outcome
from streamproc.processing.customers import CustomerProcessor
from streamproc.processing.processor import Output, Record, Slice
from streamproc.runtime.store import StateStore
from streamproc.topics import INPUT_LIMIT, OUTPUT_LIMIT
from tests.support.configuration import computed_segments, distribution, dynamic_segment, segment, validation_rule

NOW = 1_764_000_000_123
PARTITION = 3
Json = dict[str, Any]


def event(event_id: str = "evt_1", event_type: str = "customer.order.paid", **data: Any) -> Json:
    customer = {"id": "cus_1", "name": "Ann", "email": "ann@example.com"} | data.pop("customer", {})
    return {
        "id": event_id,
        "type": event_type,
        "created_at": "2026-11-24T10:00:00Z",
        "data": {"customer": customer, **data},
    }


def entered(event_id: str, segment_id: str = "seg_1") -> Json:
    return event(event_id, "customer.segment.entered", segment={"id": segment_id})


def left(event_id: str, segment_id: str = "seg_1") -> Json:
    return event(event_id, "customer.segment.left", segment={"id": segment_id})


class Task:
    """A customer task with its stores and definitions."""

    def __init__(self, *objects: tuple[str, Json], limit: float = 1.0, window: int = 100_000) -> None:
        self.definitions = Definitions(ZoneInfo("UTC"))
        for kind, record in objects:
            self.definitions.put(kind, record["id"], InForce(kind, record["id"], 0, record))
        self.segments = computed_segments(objects)
        self.state = StateStore()
        self.task_state = StateStore()
        self.limit = limit
        self.window = window
        self.offset = -1
        self.outcomes: list[Outcome] = []
        self.restart()

    def in_force(self, kind: str, record: Json) -> InForce:
        return InForce(kind, record["id"], 1, record)

    def restart(self) -> None:
        self.processor = CustomerProcessor(
            PARTITION,
            self.state,
            self.task_state,
            self.definitions,
            self.segments,
            dead_letter_limit=self.limit,
            window=self.window,
        )

    def records(self, *inputs: Any, key: bytes | None = b"cus_1") -> list[Record]:
        values = [orjson.dumps(given) if isinstance(given, dict) else given for given in inputs]
        start, self.offset = self.offset + 1, self.offset + len(values)
        return [Record(start + index, NOW, key, value) for index, value in enumerate(values)]

    def take(self, *inputs: Any, topic: str = "customer-events", key: bytes | None = b"cus_1") -> Output:
        return self.take_slices(Slice(topic, PARTITION, self.records(*inputs, key=key)))

    def take_slices(self, *slices: Slice) -> Output:
        self.outcomes = []
        output = self.processor.process(slices, NOW, self.outcomes)
        self.staged = dict(self.state.staged)
        self.state.commit()
        self.task_state.commit()
        return output

    @property
    def told(self) -> list[tuple[str, str | None]]:
        return [(outcome.name, outcome.reason) for outcome in self.outcomes]

    @property
    def customers(self) -> Json:
        return {key.decode(): orjson.loads(value) for key, value in self.state.items()}


def job_of(output: Output, channel: str = "email") -> list[Json]:
    return [orjson.loads(value or b"") for _, value, _ in output.records.get((f"deliveries.{channel}", PARTITION), [])]


def test_an_event_that_matches_becomes_a_job_for_its_customer() -> None:
    task = Task(("distributions", distribution()))
    output = task.take(event())
    assert set(output.records) == {("deliveries.email", PARTITION)}
    ((key, value, headers),) = output.records["deliveries.email", PARTITION]
    assert key == b"cus_1"
    assert orjson.loads(value or b"")["customer"] == {"id": "cus_1", "email": "ann@example.com", "name": "Ann"}
    assert [name for name, _ in headers] == ["job-id", "distribution-id", "distribution-version", "cause-id"]
    assert type(headers) is list
    assert output.counts == {("events", "customer.order.paid", "processed"): 1, ("jobs", "email"): 1}
    assert task.told == [("processed", None)]


def test_an_event_that_matches_nothing_only_feeds_the_state() -> None:
    task = Task()
    output = task.take(event())
    assert output.records == {}
    assert list(task.customers) == ["cus_1"]
    state = task.customers["cus_1"]
    has_outline = find_spec("streamproc.domain._outline") is not None
    assert (state.pop("told", None) is not None) == has_outline
    assert state == {
        "v": 4,
        "profile": {"id": "cus_1", "name": "Ann", "email": "ann@example.com"},
        "now": "2026-11-24T10:00:00+00:00",
    }


def test_a_matched_channel_that_cannot_go_is_a_decision() -> None:
    task = Task(("distributions", distribution()))
    output = task.take(event(customer={"email": None}))
    ((key, value, headers),) = output.records["decisions", PARTITION]
    assert (key, headers) == (b"cus_1", [])
    assert orjson.loads(value or b"") == {
        "distribution_id": "distr_1",
        "version": 0,
        "channel": "email",
        "channel_index": 0,
        "reason": "missing_contact",
        "cause": {"event_id": "evt_1", "type": "customer.order.paid", "created_at": "2026-11-24T10:00:00Z"},
    }
    assert output.counts == {
        ("events", "customer.order.paid", "processed"): 1,
        ("decisions", "missing_contact"): 1,
    }


OWN_PUBLICATION = event("evt_p", "customer.publication.succeeded", publication={"id": "pub_" + "a1" * 16})

# Every row of what an input gets: input, key, outcome, reason, the type under which it is counted.
ROWS = [
    pytest.param(event(), b"cus_1", "processed", None, "customer.order.paid", id="good"),
    pytest.param(b" " * (INPUT_LIMIT + 1), b"cus_1", "dead_letter", "too_large", "unknown", id="too large"),
    pytest.param(b"{", b"cus_1", "dead_letter", "invalid_json", "unknown", id="not JSON"),
    pytest.param(None, b"cus_1", "dead_letter", "invalid_json", "unknown", id="no value"),
    pytest.param({"id": "x"}, b"cus_1", "dead_letter", "invalid_event", "unknown", id="bad form"),
    pytest.param(event("e", "till.opened"), b"cus_1", "ignored", "unknown_type", "unknown", id="unknown type"),
    pytest.param(
        event() | {"data": {}}, b"cus_1", "dead_letter", "invalid_event", "customer.order.paid", id="no customer"
    ),
    pytest.param(event(), b"cus_2", "dead_letter", "wrong_key", "customer.order.paid", id="wrong key"),
    pytest.param(event("evt_0"), b"cus_1", "duplicate", None, "customer.order.paid", id="duplicate"),
    pytest.param(
        entered("e", "seg_computed"), b"cus_1", "dead_letter", "segment_is_computed", "customer.segment.entered",
        id="entered a computed segment",
    ),
    pytest.param(
        left("e", "seg_computed"), b"cus_1", "dead_letter", "segment_is_computed", "customer.segment.left",
        id="left a computed segment",
    ),
    pytest.param(
        OWN_PUBLICATION, b"cus_1", "ignored", "own_publication", "customer.publication.succeeded",
        id="own publication",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "key", "name", "reason", "counted"), ROWS)
def test_every_input_gets_its_answer(given: Any, key: bytes, name: str, reason: str | None, counted: str) -> None:
    task = Task(("segments", dynamic_segment(id="seg_computed")))
    task.take(event("evt_0"))
    before = dict(task.state.items())
    output = task.take(given, key=key)
    assert task.told == [(name, reason)]
    expected: dict[tuple[str, ...], int] = {("events", counted, name): 1}
    if name == "dead_letter":
        expected["dead_letters", str(reason)] = 1
    if name == "ignored":
        expected["ignored", str(reason)] = 1
    assert output.counts == expected
    assert (("dead-letters", PARTITION) in output.records) is (name == "dead_letter")
    assert dict(task.state.items()) == before


def test_every_reason_has_its_row() -> None:
    reasons = {row.values[3] for row in ROWS} - {None}
    assert reasons | {"unexpected_error"} == {*get_args(DeadLetterReason), *get_args(IgnoredReason)}


def test_a_refused_event_may_come_again_and_is_no_duplicate() -> None:
    task = Task()
    task.take(event(), key=b"cus_2")
    task.take(event())
    assert task.told == [("processed", None)]


def test_a_duplicate_is_told_before_a_computed_segment() -> None:
    task = Task(("segments", dynamic_segment(id="seg_1")))
    task.take(event("evt_1"))
    task.take(entered("evt_1"))
    assert task.told == [("duplicate", None)]


def test_a_dead_letter_keeps_the_record_and_says_why_and_where() -> None:
    task = Task()
    output = task.take(event("a"), b"{")
    ((key, value, headers),) = output.records["dead-letters", PARTITION]
    told = dict(headers)
    detail = told.pop("detail")
    assert (key, value) == (b"cus_1", b"{")
    assert told == {
        "reason": b"invalid_json",
        "source-topic": b"customer-events",
        "source-partition": b"3",
        "source-offset": b"1",
        "parked-at": b"2025-11-24T16:00:00.123Z",
        "step": b"check",
    }
    assert detail == b"unexpected end of data: line 1 column 2 (char 1)"


def test_a_bad_record_does_not_stop_the_rest_of_its_chunk() -> None:
    task = Task(("distributions", distribution()))
    output = task.take(event("a"), b"{", event("b"), event("b"), event("c", "till.opened"))
    assert task.told == [
        ("processed", None),
        ("dead_letter", "invalid_json"),
        ("processed", None),
        ("duplicate", None),
        ("ignored", "unknown_type"),
    ]
    assert len(job_of(output)) == 2


def test_an_outcome_holds_its_own_jobs_and_decisions() -> None:
    channels = [{"type": "email"}, {"type": "sms"}]
    task = Task(("distributions", distribution(channels=channels)))
    task.take(event("a"), event("b", "customer.order.created"), event("c"))
    assert [
        ([channel for channel, _ in outcome.jobs], [reason for reason, _ in outcome.decisions])
        for outcome in task.outcomes
    ] == [(["email"], ["missing_contact"]), ([], []), (["email"], ["missing_contact"])]


def test_state_comes_before_matching() -> None:
    rules = {"1": {"name": "customer.metadata", "property": "tier", "conditions": {"$is": ["gold"]}}, "logic": "1"}
    trigger = {"event": "customer.order.paid", "validation_rule_id": "val_1"}
    task = Task(("validation-rules", validation_rule(rules=rules)), ("distributions", distribution(trigger=trigger)))
    output = task.take(
        event("a"), event("b", customer={"metadata": {"tier": "gold"}}), event("c"), event("d", customer={"name": "B"})
    )
    assert [job["cause"]["event_id"] for job in job_of(output)] == ["b", "c", "d"]


def segment_rule() -> tuple[str, Json]:
    rules = {"1": {"name": "customer.segment", "conditions": {"$is": ["seg_1"]}}, "logic": "1"}
    return "validation-rules", validation_rule(rules=rules)


def test_membership_is_what_upstream_says() -> None:
    trigger = {"event": "customer.order.paid", "validation_rule_id": "val_1"}
    task = Task(("segments", segment()), segment_rule(), ("distributions", distribution(trigger=trigger)))
    output = task.take(event("a"), entered("b"), event("c"), left("d"), event("e"))
    assert [job["cause"]["event_id"] for job in job_of(output)] == ["c"]
    assert "memberships" not in task.customers["cus_1"]


@pytest.mark.parametrize("event_type", ["customer.segment.entered", "customer.segment.left"])
def test_entering_again_and_leaving_as_a_non_member_still_trigger(event_type: str) -> None:
    trigger = {"event": event_type, "segment_id": "seg_1"}
    task = Task(("segments", segment()), ("distributions", distribution(trigger=trigger)))
    given = {"segment": {"id": "seg_1"}}
    output = task.take(event("a", event_type, **given), event("b", event_type, **given))
    assert [job["cause"]["event_id"] for job in job_of(output)] == ["a", "b"]


def test_an_unknown_segment_is_processed_and_not_remembered() -> None:
    task = Task()
    task.take(entered("a"), event("b", "customer.segment.entered"))
    assert task.told == [("processed", None), ("processed", None)]
    assert "memberships" not in task.customers["cus_1"]


@pytest.mark.parametrize("event_type", sorted(FEED_ONLY_EVENTS - {"customer.deleted"}))
def test_a_feeding_event_updates_the_state_and_starts_nothing(event_type: str) -> None:
    task = Task(("distributions", distribution()))
    output = task.take(event("a", event_type))
    assert (output.records, list(task.customers)) == ({}, ["cus_1"])


def test_a_deleted_customer_is_forgotten_without_raising_left() -> None:
    trigger = {"event": "customer.segment.left", "segment_id": "seg_1"}
    task = Task(("segments", segment()), ("distributions", distribution(trigger=trigger)))
    task.take(entered("a"))
    output = task.take(event("b", "customer.deleted"))
    assert (output.records, task.customers) == ({}, {})


def test_deleting_an_unknown_customer_writes_nothing() -> None:
    task = Task()
    task.take(event("a", "customer.deleted"))
    assert (task.told, task.staged) == ([("processed", None)], {})


def test_a_profile_replaces_the_profile_and_leaves_the_memberships() -> None:
    task = Task(("segments", segment()))
    task.take(entered("a"))
    output = task.take({"id": "cus_1", "phone": "+48"}, topic="customers")
    assert (output.records, output.counts) == ({}, {})
    known = task.customers["cus_1"]
    assert (known["profile"], known["memberships"]) == ({"id": "cus_1", "phone": "+48"}, ["seg_1"])


def test_a_null_profile_forgets_the_customer() -> None:
    task = Task()
    task.take(event("a"))
    task.take(None, topic="customers")
    assert task.customers == {}


def test_a_null_profile_of_an_unknown_customer_writes_nothing() -> None:
    task = Task()
    task.take(None, topic="customers")
    assert (task.told, task.staged) == ([("processed", None)], {})


@pytest.mark.parametrize(
    ("value", "key", "reason"),
    [
        pytest.param(b" " * (INPUT_LIMIT + 1), b"cus_1", "too_large", id="too large"),
        pytest.param(b"{", b"cus_1", "invalid_json", id="not JSON"),
        pytest.param(b"[]", b"cus_1", "invalid_event", id="not an object"),
        pytest.param(b"{}", b"cus_1", "invalid_event", id="no id"),
        pytest.param(b'{"id":"cus_2"}', b"cus_1", "wrong_key", id="another id"),
        pytest.param(b'{"id":"cus_2"}', None, "wrong_key", id="no key"),
        pytest.param(None, None, "wrong_key", id="nothing at all"),
        pytest.param(b'{"id":"cus_1","a":' + b"[" * 101 + b"]" * 101 + b"}", b"cus_1", "invalid_event", id="too deep"),
    ],
)
def test_a_bad_profile_is_a_dead_letter(value: bytes | None, key: bytes | None, reason: str) -> None:
    task = Task()
    output = task.take(value, topic="customers", key=key)
    ((_, _, headers),) = output.records["dead-letters", PARTITION]
    assert (dict(headers)["reason"], dict(headers)["source-topic"]) == (reason.encode(), b"customers")
    assert output.counts == {("dead_letters", reason): 1}
    assert task.customers == {}


@pytest.mark.parametrize("depth", [101, 300, 1000])
def test_an_event_whose_customer_is_nested_too_deeply_is_a_dead_letter(depth: int) -> None:
    task = Task()
    deep = (
        b'{"id":"e","type":"customer.updated","created_at":"2026-11-24T10:00:00Z","data":{"customer":{"id":"cus_1","a":'
    )
    task.take(deep + b"[" * depth + b"]" * depth + b"}}}")
    assert (task.told, task.customers) == ([("dead_letter", "invalid_event")], {})


@pytest.mark.parametrize("payload", [None, "{{order}}", '{"a":[{"b":{{order.deep}}}]}'])
def test_how_deep_an_event_may_be_does_not_hang_on_what_is_written_of_it(payload: str | None) -> None:
    webhook = {"type": "webhook", "url": "https://x.test/", "event_name": "x", "payload": payload}
    for told in ((), (("distributions", distribution(channels=[webhook])),)):
        task = Task(*told)
        for levels, outcome in ((249, ("processed", None)), (250, ("dead_letter", "invalid_event"))):
            deep: list[Any] = []
            for _ in range(levels - 1):
                deep = [deep]
            output = task.take(event(str(levels), order={"id": "o", "deep": deep}))
            assert task.told[-1] == outcome
            assert len(job_of(output, "webhook")) == (len(told) if levels == 249 else 0)


def test_an_unchanged_customer_is_not_written_again() -> None:
    task = Task()
    task.take(event("a"))
    task.take(event("b"), event("c"))
    assert task.staged == {}


def test_a_customer_is_read_once_and_written_once_a_chunk() -> None:
    class Counting:
        """Around a store: a compiled class cannot be inherited from."""

        def __init__(self) -> None:
            self.store = StateStore()
            self.reads = self.writes = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self.store, name)

        def get(self, key: bytes) -> bytes | None:
            self.reads += 1
            return self.store.get(key)

        def put(self, key: bytes, value: bytes) -> None:
            self.writes += 1
            self.store.put(key, value)

    task = Task()
    store: Any = Counting()
    task.state = store
    task.restart()
    task.take(*(event(f"e{number}", customer={"name": f"{number}"}) for number in range(10)))
    assert (store.reads, store.writes) == (1, 1)
    assert task.customers["cus_1"]["profile"]["name"] == "9"


def test_a_duplicate_is_known_after_a_restart() -> None:
    task = Task()
    task.take(event("a"))
    task.restart()
    task.take(event("a"))
    assert task.told == [("duplicate", None)]


def test_an_id_that_has_left_the_window_is_processed_again() -> None:
    task = Task(window=2)
    task.take(event("a"), event("b"), event("c"), event("a"), event("c"))
    assert [name for name, _ in task.told] == ["processed", "processed", "processed", "processed", "duplicate"]


def test_the_words_of_one_customer_under_the_key_of_another_are_refused() -> None:
    task, told = Task(), []
    words = orjson.dumps(event("a"))
    others = words.replace(b"cus_1", b"cus_2")
    for own_id, key, value in (
        (b"a", b"cus_1", words),
        (b"b", b"cus_2", others),
        (b"c", b"cus_2", words),
        (b"d", b"cus_1", others),
        (b"e", b"cus_2", others),
    ):
        task.take(value.replace(b'"a"', b'"%b"' % own_id), key=key)
        told += task.told
    refused = ("dead_letter", "wrong_key")
    assert told == [("processed", None), ("processed", None), refused, refused, ("processed", None)]


class Poisoned:
    """A sending of which the second channel cannot be emitted for one event."""

    def emit(self, occurrence: Occurrence, jobs: list[Any], decisions: list[Any]) -> None:
        jobs.append(("email", (b"cus_1", occurrence.cause.id.encode(), [])))
        decisions.append(("unsubscribed", (b"cus_1", b"{}", [])))
        if occurrence.cause.id == "poison":
            raise KeyError("ann@example.com")


def test_a_record_that_fails_unexpectedly_is_parked_and_leaves_no_other_trace() -> None:
    task = Task(("distributions", distribution()))
    first = read_event(b"cus_1", orjson.dumps(event("first")))
    assert isinstance(first, Event)
    (found,) = task.definitions.match(Facts(first, {}, []))
    found.sending = Poisoned()
    given = [event("a"), event("poison", customer={"name": "Changed"}), event("b"), event("poison")]
    output = task.take(*given)
    assert task.told == [
        ("processed", None),
        ("dead_letter", "unexpected_error"),
        ("processed", None),
        ("dead_letter", "unexpected_error"),
    ]
    assert [value for _, value, _ in output.records["deliveries.email", PARTITION]] == [b"a", b"b"]
    assert len(output.records["decisions", PARTITION]) == 2
    assert task.customers["cus_1"]["profile"]["name"] == "Ann"
    told = dict(output.records["dead-letters", PARTITION][0][2])
    assert (told["reason"], told["step"]) == (b"unexpected_error", b"jobs")
    assert (told["detail"] or b"").startswith(f"KeyError at {__name__}:".encode())
    assert output.counts == {
        ("events", "customer.order.paid", "processed"): 2,
        ("events", "customer.order.paid", "dead_letter"): 2,
        ("dead_letters", "unexpected_error"): 2,
        ("decisions", "unsubscribed"): 2,
        ("jobs", "email"): 2,
    }


def test_what_is_fatal_is_not_parked() -> None:
    task = Task()
    task.state.put(b"cus_1", b'{"v":99}')
    task.state.commit()
    with pytest.raises(FatalError, match="version 99"):
        task.take(event())


def test_too_many_dead_letters_stop_the_worker_before_anything_is_written() -> None:
    task = Task(limit=0.5)
    with pytest.raises(DeadLetterLimitReached) as caught:
        task.take(event("good"), *[b"{"] * 501)
    assert (caught.value.dead, caught.value.of, caught.value.reasons) == (501, 502, {"invalid_json": 501})
    assert (dict(task.state.staged), dict(task.task_state.staged)) == ({}, {})


def test_profiles_count_as_inputs_of_the_limit() -> None:
    task = Task(limit=0.5)
    with pytest.raises(DeadLetterLimitReached):
        task.take(*[b"{"] * 501, topic="customers")


def test_a_limit_of_one_lets_everything_pass() -> None:
    task = Task(limit=1.0)
    output = task.take(*[b"{"] * 3000)
    assert len(output.records["dead-letters", PARTITION]) == 3000


def test_events_and_profiles_of_one_chunk_are_taken_slice_by_slice() -> None:
    task = Task(("distributions", distribution()))
    profiles = Slice("customers", PARTITION, task.records({"id": "cus_1", "email": "new@example.com"}))
    events = Slice("customer-events", PARTITION, task.records(event("a", customer={"email": None})))
    output = task.take_slices(profiles, events)
    assert [job["customer"]["email"] for job in job_of(output)] == ["new@example.com"]


def letters(output: Output) -> list[dict[str, bytes | None]]:
    return [dict(headers) for _, _, headers in output.records.get(("dead-letters", PARTITION), [])]


def largest(output: Output) -> int:
    return max(len(value or b"") for lane, records in output.records.items() for _, value, _ in records if lane)


def test_an_event_of_which_a_job_would_be_too_large_is_parked_and_leaves_nothing() -> None:
    payload = "{" + ",".join(f'"{number}":{{{{order}}}}' for number in range(6)) + "}"
    webhook = {"type": "webhook", "url": "https://shop.example", "event_name": "paid", "payload": payload}
    task = Task(("distributions", distribution(channels=[{"type": "email"}, webhook])))
    large = event("evt_large", order={"note": "x" * 1_000_000}, customer={"phone": "+1"})
    output = task.take(event("evt_1", order={}), large, event("evt_2", order={}))
    assert task.told == [("processed", None), ("dead_letter", "too_large"), ("processed", None)]
    assert [job["cause"]["event_id"] for job in job_of(output, "email")] == ["evt_1", "evt_2"]
    assert [job["cause"]["event_id"] for job in job_of(output, "webhook")] == ["evt_1", "evt_2"]
    assert largest(output) <= OUTPUT_LIMIT
    assert "phone" not in task.customers["cus_1"]["profile"]
    (letter,) = letters(output)
    detail = letter["detail"] or b""
    assert letter["step"] == b"jobs"
    assert detail.startswith(b"the job for deliveries.webhook of distribution distr_1 would have 60")


@pytest.mark.parametrize("chunks", ["one", "many"])
def test_an_event_by_which_a_state_would_become_too_large_is_parked(chunks: str) -> None:
    task = Task()
    inputs = [
        event(f"evt_{number}", "customer.updated", customer={"metadata": {str(number): "x" * 900_000}})
        for number in range(5)
    ]
    inputs.append(event("evt_5", "customer.updated", customer={"phone": "+1"}))
    told = []
    for some in [inputs] if chunks == "one" else [[one] for one in inputs]:
        task.take(*some)
        told += task.told
        assert all(len(value or b"") <= OUTPUT_LIMIT for value in task.staged.values())
    parked = ("dead_letter", "too_large")
    assert told == [("processed", None)] * 3 + [parked, parked, ("processed", None)]
    profile = task.customers["cus_1"]["profile"]
    assert (list(profile["metadata"]), profile["phone"]) == (["0", "1", "2"], "+1")


def test_a_state_of_numbers_that_are_written_longer_than_read_is_measured() -> None:
    task = Task()
    profile = b'{"id":"cus_1","metadata":{"a":[1e15' + b",1e15" * 200_000 + b"]}}"
    output = task.take(profile, topic="customers")
    assert (task.told, task.customers) == ([("dead_letter", "too_large")], {})
    assert (letters(output)[0]["detail"] or b"").startswith(b"the customer's state would have 38")
