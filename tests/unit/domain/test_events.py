"""The checks of an event, row by row, and its instants."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from streamproc.domain.events import Event, format_instant, parse_instant, read_event
from streamproc.domain.outcomes import Ignored, Parked
from streamproc.topics import INPUT_LIMIT

BODY: dict[str, Any] = {
    "id": "evt_1",
    "type": "customer.order.paid",
    "created_at": "2026-11-24T10:00:00Z",
    "data": {"customer": {"id": "cus_1", "name": "Ann"}, "order": {"id": "ord_1"}},
}
INSTANT = datetime(2026, 11, 24, 10, tzinfo=UTC)


def read(key: bytes | None = b"cus_1", **changes: Any) -> Event | Ignored | Parked:
    return read_event(key, orjson.dumps({**BODY, **changes}))


def without(field: str) -> bytes:
    return orjson.dumps({key: value for key, value in BODY.items() if key != field})


def test_a_good_event_is_read_whole() -> None:
    event = read(surplus=1)
    assert isinstance(event, Event)
    assert event.data == BODY["data"]
    assert event.customer == {"id": "cus_1", "name": "Ann"}
    own = (event.id, event.type, event.created_at, event.created_text, event.customer_id)
    assert own == ("evt_1", "customer.order.paid", INSTANT, "2026-11-24T10:00:00Z", "cus_1")


def test_the_group_is_optional() -> None:
    assert isinstance(read(group_id="grp_1"), Event)


def test_a_record_of_exactly_the_size_limit_is_read() -> None:
    padded = orjson.dumps(BODY).ljust(INPUT_LIMIT)
    assert isinstance(read_event(b"cus_1", padded), Event)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_data_is_nested_as_deep_as_can_be_written_and_no_deeper(opening: bytes) -> None:
    def nested(levels: int) -> Event | Ignored | Parked:
        deep = opening * levels + b"1" + {b"[": b"]"}.get(opening, b"}") * levels
        return read_event(b"cus_1", orjson.dumps(BODY).replace(b'{"id":"ord_1"}', deep))

    deepest = nested(250)
    assert isinstance(deepest, Event)
    assert orjson.loads(orjson.dumps(deepest.data)) == deepest.data
    assert nested(251) == Parked("invalid_event", "data is nested deeper than 250 levels")


def test_a_record_over_the_size_limit_is_not_even_decoded() -> None:
    assert read_event(b"cus_1", b"{" * (INPUT_LIMIT + 1)) == Parked(
        "too_large", "1048577 bytes; at most 1048576 are read"
    )


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="no value"),
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b'{"id": NaN}', id="NaN"),
        pytest.param(b'{"id": -Infinity}', id="infinity"),
        pytest.param(b'{"id": 1e999}', id="a number beyond floats"),
        pytest.param(b'{"id": "\xff"}', id="invalid UTF-8"),
        pytest.param(b'{"id": "\\ud800"}', id="a lone surrogate"),
        pytest.param(b"[" * 5000 + b"]" * 5000, id="nested without end"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
    ],
)
def test_what_is_not_json_is_invalid_json(value: bytes | None) -> None:
    found = read_event(b"cus_1", value)
    assert isinstance(found, Parked)
    assert found.reason == "invalid_json"


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        pytest.param(b"[]", "not an object", id="a list"),
        pytest.param(b"null", "not an object", id="JSON null"),
        pytest.param(without("id"), "id is not a text, or empty", id="no id"),
        pytest.param(orjson.dumps({**BODY, "id": ""}), "id is not a text, or empty", id="empty id"),
        pytest.param(orjson.dumps({**BODY, "id": 7}), "id is not a text, or empty", id="id is a number"),
        pytest.param(without("type"), "type is not a text, or empty", id="no type"),
        pytest.param(orjson.dumps({**BODY, "type": ""}), "type is not a text, or empty", id="empty type"),
        pytest.param(orjson.dumps({**BODY, "type": ["x"]}), "type is not a text, or empty", id="type is a list"),
        pytest.param(
            without("created_at"), "created_at is not an RFC 3339 date-time with an offset", id="no created_at"
        ),
        pytest.param(
            orjson.dumps({**BODY, "created_at": "yesterday"}),
            "created_at is not an RFC 3339 date-time with an offset",
            id="no instant",
        ),
        pytest.param(
            orjson.dumps({**BODY, "created_at": 1764000000}),
            "created_at is not an RFC 3339 date-time with an offset",
            id="seconds",
        ),
        pytest.param(without("data"), "data is not an object", id="no data"),
        pytest.param(orjson.dumps({**BODY, "data": []}), "data is not an object", id="data is a list"),
    ],
)
def test_what_lacks_the_form_is_an_invalid_event(value: bytes, detail: str) -> None:
    assert read_event(b"cus_1", value) == Parked("invalid_event", detail)


def test_the_form_is_looked_at_before_the_type() -> None:
    assert read(type="customer.unheard_of", data=[]) == Parked("invalid_event", "data is not an object")


def test_an_unknown_type_is_ignored_before_the_customer_is_looked_at() -> None:
    assert read(type="customer.unheard_of", data={}) == Ignored("unknown_type")


def test_a_type_in_capitals_is_unknown() -> None:
    assert read(type="CUSTOMER.ORDER.PAID") == Ignored("unknown_type")


@pytest.mark.parametrize("data", [{}, {"customer": None}, {"customer": "cus_1"}, {"customer": {"id": 1}}])
def test_an_event_without_a_customer_is_an_invalid_event(data: dict[str, Any]) -> None:
    assert read(data=data) == Parked(
        "invalid_event", "data.customer.id is not a text, or empty", type="customer.order.paid"
    )


@pytest.mark.parametrize("key", [None, b"", b"cus_2", b"cus_1 ", b"\xff"])
def test_a_key_that_is_not_the_customer_is_a_wrong_key(key: bytes | None) -> None:
    assert read(key) == Parked("wrong_key", "the record's key is not data.customer.id", type="customer.order.paid")


def test_of_two_equal_keys_the_last_counts() -> None:
    value = orjson.dumps(BODY)[:-1] + b',"id":"evt_2"}'
    found = read_event(b"cus_1", value)
    assert isinstance(found, Event)
    assert found.id == "evt_2"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-24T10:00:00Z", INSTANT),
        ("2026-11-24t10:00:00z", INSTANT),
        ("2026-11-24T10:00:00+00:00", INSTANT),
        ("2026-11-24T10:00:00-00:00", INSTANT),
        ("2026-11-24T12:30:00+02:30", INSTANT),
        ("2026-11-24T10:00:00.250Z", INSTANT + timedelta(milliseconds=250)),
        ("2026-11-24T10:00:00.5Z", INSTANT + timedelta(milliseconds=500)),
        ("2026-11-24T10:00:00.1234567891Z", INSTANT + timedelta(microseconds=123456)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_instants_of_rfc_3339_are_read(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant


def test_an_instant_keeps_its_offset() -> None:
    found = parse_instant("2026-11-24T12:00:00+02:00")
    assert found is not None
    assert found.tzinfo == timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-24",
        "2026-11-24T10:00:00",
        "2026-11-24 10:00:00Z",
        "2026-11-24T10:00Z",
        "2026-11-24T10:00:00,5Z",
        "2026-11-24T10:00:00.Z",
        "2026-11-24T10:00:00+02",
        "2026-11-24T10:00:00+0200",
        "2026-11-24T10:00:00+24:00",
        "2026-11-24T10:00:00+02:60",
        "2026-11-24T24:00:00Z",
        "2026-11-24T10:00:61Z",
        "2026-02-29T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "20261124T100000Z",
        "2026-W48-2T10:00:00Z",
        "2026-11-24T10:00:00Z ",
        "\n2026-11-24T10:00:00Z",
        "٢026-11-24T10:00:00Z",
        "2026-11-24T10:00:0٢Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:60Z",
        "+002026-11-24T10:00:00Z",
    ],
)
def test_other_texts_are_no_instants(text: str) -> None:
    assert parse_instant(text) is None


def test_milliseconds_are_written_as_rfc_3339() -> None:
    assert format_instant(1_764_000_000_123) == "2025-11-24T16:00:00.123Z"


@pytest.mark.parametrize(
    ("data", "segment_id"),
    [
        ({"segment": {"id": "seg_1"}}, "seg_1"),
        ({"segment": {"id": ""}}, None),
        ({"segment": {"id": 4}}, None),
        ({"segment": "seg_1"}, None),
        ({}, None),
    ],
)
def test_the_segment_of_an_event_is_a_text_or_none(data: dict[str, Any], segment_id: str | None) -> None:
    found = read(data={**BODY["data"], **data})
    assert isinstance(found, Event)
    assert found.segment_id == segment_id


@pytest.mark.parametrize(
    ("event_type", "publication", "is_own"),
    [
        ("customer.publication.succeeded", {"id": "pub_" + "0a" * 16}, True),
        ("customer.publication.succeeded", {"id": "pub_" + "0A" * 16}, False),
        ("customer.publication.succeeded", {"id": "pub_" + "0a" * 16 + "\n"}, False),
        ("customer.publication.succeeded", {"id": "pub_upstream"}, False),
        ("customer.publication.succeeded", None, False),
        ("customer.order.paid", {"id": "pub_" + "0a" * 16}, False),
    ],
)
def test_a_publication_is_own_by_the_form_of_its_id(event_type: str, publication: object, is_own: bool) -> None:
    found = read(type=event_type, data={**BODY["data"], "publication": publication})
    assert isinstance(found, Event)
    assert found.is_own_publication is is_own
