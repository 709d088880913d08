"""Cutting the lines out of an event changes nothing of what is read, whatever the event is."""

import re
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamproc.domain import events
from streamproc.domain.cut import MARK, cut_lines
from streamproc.domain.events import Event, read_event
from streamproc.domain.outcomes import Parked

LINES: list[Any] = [
    {
        "product_id": "prod_1",
        "quantity": 2,
        "price": 3.5,
        "product": {"name": "Crème ☕ 🎁"},
        "collections": ["a", "b"],
    },
    {"product_id": None, "quantity": -1, "discounted": True, "metadata": {}},
]
EVENT: dict[str, Any] = {
    "id": "evt_1",
    "type": "customer.order.paid",
    "created_at": "2026-11-24T10:00:00Z",
    "data": {"customer": {"id": "cust_1"}, "order": {"id": "ord_1", "items": LINES, "amount": 7}, "items": 3},
}
NAMES = st.sampled_from(["items", "order", "data", "id", MARK, "itéms", "a\\b"])
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text() | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
#: What is put into the bytes of an event, or in the place of some: tokens, names that matter, what is no JSON.
PIECES = [
    *(b'"items"', b'"items":[', b'"items":[],', b'"order":{', b'"data"', b"null", b"tru", b"[", b"]", b"{", b"}", b","),
    *(
        b":",
        b'"',
        b"\\",
        b"\\u0069",
        b"1e5",
        b"1e400",
        b"-",
        b"0",
        b".5",
        b"1.",
        b"12345678901234567890",
        b"NaN",
        b"\n",
    ),
    *(b"\x00", b"\x1f", b"\x7f", b'"\x7f"', b"\xff", b"\xc3\xa9", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"),
    *(b"\xe2\x82", b"\xf0\x9f\x98\x80", b"[" * 40),
]
NO_UTF_8 = [
    *(b"\xff", b"\x80", b"\xc0\x80", b"\xc3", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xe2\x82", b"\xf0\x80\x80\x80"),
    *(b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf0\x9f\x98"),
]
Change = tuple[float, int, bytes]


def changed(value: bytes, changes: list[Change]) -> bytes:
    """Put each piece into the value at so much of its length, for so many of its bytes."""
    for at, replaced, piece in changes:
        place = round(at * len(value))
        value = value[:place] + piece + value[place + replaced :]
    return value


CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(PIECES)), max_size=3)


def read_whole(value: bytes) -> Any:
    """Decode an event as the library does."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return Parked("invalid_json", str(error))


def read_in_two(value: bytes) -> Any:
    """Decode an event as `read_event` does, and put its lines back."""
    body, lines = events._read_body(value)
    if lines is not None:
        body["data"]["order"]["items"] = orjson.loads(lines)
    return body


def told(read: Any) -> str:
    """Tell what was read, the order of names included, and integers from floats."""
    return repr(read)


@given(lines=VALUES, order=VALUES, surplus=VALUES, changes=CHANGES)
def test_an_event_reads_the_same_in_two_pieces(lines: Any, order: Any, surplus: Any, changes: list[Change]) -> None:
    data = {"items": surplus, "order": {"items": lines, "other": order}, "more": surplus}
    value = changed(orjson.dumps({**EVENT, "data": data, "surplus": surplus}), changes)
    assert told(read_in_two(value)) == told(read_whole(value))


@given(changes=CHANGES)
@example(changes=[])
def test_an_order_reads_the_same_in_two_pieces(changes: list[Change]) -> None:
    value = changed(orjson.dumps(EVENT), changes)
    assert told(read_in_two(value)) == told(read_whole(value))


def naive_cut(value: bytes) -> tuple[bytes, bytes] | None:
    """The naive way: from the name to the bracket that closes what it opens, whatever else is there."""
    found = re.search(rb'"items":\[', value)
    if found is None:
        return None
    start = end = found.end() - 1
    depth = 0
    while end < len(value):
        depth += {b"[": 1, b"]": -1}.get(value[end : end + 1], 0)
        end += 1
        if depth == 0:
            return value[:start] + b'"%b"' % MARK.encode() + value[end:], value[start:end]
    return None


@pytest.mark.parametrize(
    "line",
    [
        *(pytest.param(b'{"name":"%b"}' % text, id=f"not UTF-8: {text.hex()}") for text in NO_UTF_8),
        pytest.param(b'{"price":1e400}', id="a number beyond floats"),
        pytest.param(b'{"price":%b}' % (b"1" * 400), id="a number beyond floats, without an exponent"),
        pytest.param(b'{"name":"a\nb"}', id="a control character"),
        pytest.param(b'{"name":"\\x"}', id="no escape"),
        pytest.param(b'{"name":"\\ud800"}', id="a lone surrogate"),
        pytest.param(b'{"price":01}', id="a leading zero"),
        pytest.param(b'{"price":1,}', id="a comma too much"),
    ],
)
def test_lines_that_cannot_be_decoded_later_are_not_cut(line: bytes) -> None:
    """Neither where much comes behind them, nor at the end: there the last bytes are looked at one by one."""
    followed = orjson.dumps(EVENT).replace(b'"items":[', b'"items":[' + line + b",")
    last = b'{"data":{"order":{"items":[%b,%b]}}}' % (orjson.dumps(LINES), line)
    for value in (followed, last):
        assert cut_lines(value) is None
        assert naive_cut(value) is not None  # the control: it would let an event pass that is none


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(b'"order":{"items":%b,"items":3}', id="named again"),
        pytest.param(
            b'"order":{"items":%b,"ite\\u006ds":"\\u007f"}', id="named again in disguise, and the mark as well"
        ),
        pytest.param(b'"order":{"items":%b},"order":{"items":null}', id="of an order that comes again"),
        pytest.param(b'"cart":{"items":%b},"order":{"items":null}', id="of something else"),
        pytest.param(b'"order":{"cart":{"items":%b},"items":"\x7f"}', id="of something else, and the mark as well"),
    ],
)
def test_what_is_not_the_lines_of_the_order_is_not_taken_for_them(order: bytes) -> None:
    value = b'{"data":{%b}}' % (order % orjson.dumps(LINES))
    assert isinstance(read_whole(value), dict)
    assert told(read_in_two(value)) == told(read_whole(value))


def test_a_bracket_in_a_text_is_not_the_end_of_the_lines() -> None:
    value = orjson.dumps(EVENT).replace(b"prod_1", b"prod]1")
    assert told(read_in_two(value)) == told(read_whole(value))
    rest, _ = naive_cut(value) or (b"", b"")
    assert isinstance(read_whole(rest), Parked)  # the control


def test_the_lines_of_a_plain_order_are_decoded_when_asked_for() -> None:
    event = read_event(b"cust_1", orjson.dumps(EVENT))
    assert isinstance(event, Event)
    # Without the compiled part everything is decoded at once.
    assert (event.lines, event.outline["order"]["items"]) == ((orjson.dumps(LINES), None) if MARK else (None, LINES))
    assert event.data == EVENT["data"]
    assert event.lines is None
