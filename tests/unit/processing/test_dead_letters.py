"""Dead-letter records and the limit on how many there may be."""

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from streamproc.domain.outcomes import Parked
from streamproc.errors import DeadLetterLimitReached
from streamproc.processing.dead_letters import CircuitBreaker, dead_letter, describe
from streamproc.processing.processor import Record


def test_a_dead_letter_keeps_the_input_and_says_where_it_comes_from() -> None:
    record = Record(offset=17, timestamp=5, key=b"cus_1", value=b"{", headers=[("trace", b"t")])
    parked = Parked("invalid_json", "unexpected end of data", step="check")
    assert dead_letter(parked, "customer-events", 3, record, "2026-11-24T10:00:00.000Z") == (
        b"cus_1",
        b"{",
        [
            ("trace", b"t"),
            ("reason", b"invalid_json"),
            ("detail", b"unexpected end of data"),
            ("source-topic", b"customer-events"),
            ("source-partition", b"3"),
            ("source-offset", b"17"),
            ("parked-at", b"2026-11-24T10:00:00.000Z"),
            ("step", b"check"),
        ],
    )


def test_a_header_without_value_keeps_having_none_and_the_client_writes_it() -> None:
    record = Record(offset=0, timestamp=0, key=b"k", value=b"{", headers=[("trace", None), ("empty", b"")])
    key, value, headers = dead_letter(Parked("invalid_json", ""), "t", 0, record, "")
    assert headers[:2] == [("trace", None), ("empty", b"")]
    batch = BatchBuilder(1_000, 0)
    assert batch.append(key=key, value=value, timestamp=0, headers=headers) is not None
    batch.close()
    (written,) = MemoryRecords(bytes(batch._build())).next_batch()
    assert written.headers == headers


def test_an_input_without_key_and_value_keeps_having_none() -> None:
    record = Record(offset=0, timestamp=0, key=None, value=None)
    assert dead_letter(Parked("invalid_json", ""), "t", 0, record, "")[:2] == (None, None)


def test_an_unexpected_exception_is_named_without_its_text() -> None:
    try:
        {}["ann@example.com"]  # type: ignore[index]
    except KeyError as error:
        described = describe(error)
    assert described.split(":")[0] == f"KeyError at {__name__}"
    assert "ann@example.com" not in described


def test_an_exception_that_was_never_raised_is_named_by_its_type() -> None:
    assert describe(ValueError("x")) == "ValueError"


def test_half_of_a_thousand_is_permitted() -> None:
    breaker = CircuitBreaker(0.5)
    for _ in range(20):
        breaker.observe(1000, [(index, "invalid_json") for index in range(500)])


def test_one_more_than_half_of_a_thousand_in_a_row_stops_the_worker() -> None:
    breaker = CircuitBreaker(0.5)
    breaker.observe(1000, [(index, "invalid_json") for index in range(500, 1000)])
    breaker.observe(499, [])
    with pytest.raises(DeadLetterLimitReached) as caught:
        breaker.observe(2, [(0, "wrong_key"), (1, "wrong_key")])
    assert (caught.value.dead, caught.value.of, caught.value.reasons) == (
        501,
        1000,
        {"invalid_json": 500, "wrong_key": 1},
    )


def test_dead_letters_more_than_a_thousand_inputs_back_do_not_count() -> None:
    breaker = CircuitBreaker(0.5)
    breaker.observe(500, [(index, "invalid_json") for index in range(500)])
    breaker.observe(500, [])
    breaker.observe(500, [(index, "invalid_json") for index in range(500)])


def test_it_breaks_before_the_thousandth_input_when_the_share_is_sure() -> None:
    breaker = CircuitBreaker(0.5)
    with pytest.raises(DeadLetterLimitReached) as caught:
        breaker.observe(700, [(index, "invalid_json") for index in range(600)])
    assert (caught.value.dead, caught.value.of) == (501, 501)


def test_chunks_do_not_matter() -> None:
    breaker = CircuitBreaker(0.5)
    for _ in range(500):
        breaker.observe(1, [(0, "invalid_json")])
    with pytest.raises(DeadLetterLimitReached):
        breaker.observe(1, [(0, "invalid_json")])


def test_a_limit_of_one_never_stops() -> None:
    breaker = CircuitBreaker(1.0)
    breaker.observe(3000, [(index, "invalid_json") for index in range(3000)])


def test_another_limit_is_a_share_of_the_thousand() -> None:
    breaker = CircuitBreaker(0.57)
    breaker.observe(570, [(index, "invalid_json") for index in range(570)])
    with pytest.raises(DeadLetterLimitReached):
        breaker.observe(1, [(0, "invalid_json")])
