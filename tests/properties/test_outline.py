"""Reading the outline of an event tells what decoding all of it would, whatever the event is."""

import re
from importlib.util import find_spec
from typing import Any

import orjson
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from streamproc.domain.events import Event, read_event
from streamproc.domain.outcomes import Parked
from streamproc.domain.outline import Outline, read_outline
from streamproc.domain.profiles import COUNTED_HERE
from streamproc.topics import INPUT_LIMIT

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
#: Without a compiler.
DECODES_WHOLE = find_spec("streamproc.domain._outline") is None
CUSTOMER = {"id": "cust_1", "name": "Ann Crème", "metadata": {"club": "gold", "since": 2019.5}}
EVENT: dict[str, Any] = {
    "id": "evt_1",
    "type": "customer.order.paid",
    "created_at": "2026-11-24T10:00:00Z",
    "client": {"agent": "Mozilla/5.0 (ü)", "session": 7},
    "data": {"customer": CUSTOMER, "order": {"id": "ord_1", "items": LINES, "amount": 7}, "items": 3},
}
NAMES = st.sampled_from(["items", "order", "customer", "data", "id", "type", "itéms", "a\\b"])
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text() | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
#: What is put into the bytes of an event, or in the place of some: tokens, names that matter, what is no JSON.
PIECES = [
    *(
        b'"items"',
        b'"items":[',
        b'"items":[],',
        b'"order":{',
        b'"customer":{',
        b'"id":"x",',
        b'"data"',
        b"null",
        b"tru",
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
    ),
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
    *(b"\xe2\x82a", b"\xf0\x9f\x98a", b"\xf0\x9f\x98" + b"a" * 19),
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
    """Decode an event as the library does; None where it is no JSON."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return None


def in_full(value: bytes, known: bytes | None = None) -> dict[str, Any] | None:
    """Put the outline of an event together again; None where it has to be decoded whole."""
    outline = read_outline(value, known)
    if outline is None:
        return None
    own_id, kind, created_at, customer_id, data, customer, words, lines = outline
    assert (customer_id is None) == (words is known)
    assert data["customer"] is None
    whole: dict[str, Any] = orjson.loads(customer)
    assert repr(without_sums(words)) == repr(
        [(name, None if name in COUNTED_HERE else value) for name, value in whole.items()]
    )
    data["customer"] = whole
    if lines is not None:
        assert data["order"]["items"] is None
        data["order"]["items"] = orjson.loads(lines)
    if customer_id is None:
        customer_id = orjson.loads(customer)["id"]
    return {"id": own_id, "type": kind, "created_at": created_at, "customer_id": customer_id, "data": data}


def without_sums(words: bytes) -> list[tuple[str, Any]]:
    """Read what words tell, nulls in the place of sums."""
    told: dict[str, Any] = orjson.loads(words.replace(b"\x01", b"null"))
    return list(told.items())


def told(body: Any) -> str:
    """Tell what stands in an event, the order of names included, and integers from floats."""
    found = {name: body[name] for name in ("id", "type", "created_at")}
    return repr(found | {"customer_id": body["data"]["customer"]["id"], "data": body["data"]})


def check(value: bytes, known: bytes | None = None) -> None:
    """Compare the outline of an event, where it has one, with all of it."""
    found = in_full(value, known)
    assert found is None or repr(found) == told(read_whole(value))


@given(lines=VALUES, inner=VALUES, surplus=VALUES, changes=CHANGES)
def test_an_event_reads_the_same(lines: Any, inner: Any, surplus: Any, changes: list[Change]) -> None:
    customer, order = {**CUSTOMER, "items": inner}, {"items": lines, "other": inner, "customer": surplus}
    data = {"items": surplus, "order": order, "customer": customer, "more": surplus}
    check(changed(orjson.dumps({**EVENT, "data": data, "surplus": surplus}), changes))


@given(changes=CHANGES)
@example(changes=[])
def test_an_order_reads_the_same(changes: list[Change]) -> None:
    check(changed(orjson.dumps(EVENT), changes))


@given(known=VALUES, customer=VALUES, same=st.booleans(), changes=CHANGES)
def test_an_event_reads_the_same_whatever_was_known_before(
    known: Any, customer: Any, same: bool, changes: list[Change]
) -> None:
    words = orjson.dumps({**CUSTOMER, "more": known})
    assume(b"\\" not in words)  # such a customer has no outline, and is not remembered
    told_now = orjson.loads(words) if same else customer
    check(changed(orjson.dumps({**EVENT, "data": {"customer": told_now, "more": customer}}), changes), words)


def test_a_customer_in_known_words_is_those_words() -> None:
    words = orjson.dumps(CUSTOMER)
    found = read_event(b"cust_1", orjson.dumps(EVENT), words)
    assert isinstance(found, Event)
    assert (found.customer_id, found.customer) == ("cust_1", CUSTOMER)
    assert found.data == EVENT["data"]
    assert (found.customer_json is words) == (not DECODES_WHOLE)


def with_sums(before: Any, behind: Any) -> bytes:
    """An event of a customer with some of upstream's sums, of which the values are given."""
    customer = {"loyalty": before, "id": "cust_1", "summary": behind, "name": "Ann", "referrals": {"name": before}}
    return orjson.dumps({**EVENT, "data": {"customer": customer}})


@given(sums=st.lists(VALUES, min_size=4, max_size=4), changes=CHANGES)
@example(sums=[1, {}, "text", [None]], changes=[])
def test_a_customer_with_other_sums_is_told_in_the_known_words(sums: list[Any], changes: list[Change]) -> None:
    first, again = read_outline(with_sums(*sums[:2]), None), changed(with_sums(*sums[2:]), changes)
    if first is None:
        return
    words = first[6]
    check(again, words)
    if not changes and (second := read_outline(again, words)) is not None:
        assert second[6] is words
        assert second[3] is None
        assert read_outline(again, None) == (*second[:3], "cust_1", *second[4:])


def outline_of(customer: bytes) -> Outline | None:
    """Return the outline of an event of a customer in JSON; None without a compiler."""
    outline = read_outline(b'{"id":"e","type":"t","created_at":"c","data":{"customer":%s}}' % customer, None)
    assert (outline is None) == DECODES_WHOLE
    return outline


@pytest.mark.parametrize("name", sorted(COUNTED_HERE))
def test_words_have_a_byte_in_the_place_of_each_sum(name: str) -> None:
    outline = outline_of(b'{"%s":[1],"id":"a"}' % name.encode())
    assert outline is None or outline[6] == b'{"%s":\x01,"id":"a"}' % name.encode()


@pytest.mark.parametrize("name", ["summary2", "Summary", "loyalt", "referral", "metadata"])
def test_what_is_no_sum_stands_in_the_words(name: str) -> None:
    outline = outline_of(b'{"%s":[1],"id":"a"}' % name.encode())
    assert outline is None or outline[6] is outline[5]


@pytest.mark.parametrize(
    "broken", [b"", b"\x01", b"1,", b"{", b'{"a"}', b"[1", b"tru", b'"', b"[" * 40 + b"]" * 40, b'1,"x":2']
)
def test_a_sum_in_known_words_is_looked_at(broken: bytes) -> None:
    """The raw words themselves are no JSON either."""
    outline = read_outline(with_sums(1, 2), None)
    if outline is None:
        assert DECODES_WHOLE
        return
    value = with_sums(1, 2).replace(b'"summary":2', b'"summary":' + broken)
    check(value, outline[6])
    again = read_outline(value, outline[6])
    assert again is None or again[6] != outline[6]


@pytest.mark.parametrize(("levels", "is_refused"), [(29, False), (30, True)])
def test_a_sum_in_known_words_may_be_nested_as_deep_as_any(levels: int, is_refused: bool) -> None:
    known = with_sums(1, 2)
    deep = known.replace(b'"summary":2', b'"summary":' + b"[" * levels + b"]" * levels)
    first = read_outline(known, None)
    words = None if first is None else first[6]
    for told_before in (None, words):
        assert (read_outline(deep, told_before) is None) == (is_refused or DECODES_WHOLE)


@pytest.mark.parametrize("times", range(1, 6))
def test_sums_that_come_more_than_once_change_nothing(times: int) -> None:
    customer = b'{"id":"cust_1",%s}' % b",".join(b'"summary":%d' % number for number in range(times))
    value = orjson.dumps(EVENT).replace(orjson.dumps(CUSTOMER), customer)
    check(value)
    outline = read_outline(value, None)
    assert (outline is not None) == (times <= len(COUNTED_HERE) and not DECODES_WHOLE)
    check(value, None if outline is None else outline[6])


@pytest.mark.parametrize("words", [b"", orjson.dumps({"id": "cust_1"}), orjson.dumps({**CUSTOMER, "surplus": 1})])
def test_a_customer_in_other_words_is_looked_at(words: bytes) -> None:
    found = read_event(b"cust_1", orjson.dumps(EVENT), words)
    assert isinstance(found, Event)
    assert (found.customer_id, found.customer) == ("cust_1", CUSTOMER)


@pytest.mark.parametrize("behind", [b"", b"x", b"{}", b'"', b"}}", b",}"])
def test_what_stands_behind_known_words_is_looked_at(behind: bytes) -> None:
    words = orjson.dumps(CUSTOMER)
    check(orjson.dumps(EVENT).replace(words, words + behind), words)
    check(orjson.dumps(EVENT).replace(words, words[:-1] + behind), words)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(orjson.dumps(EVENT), id="of an order"),
        pytest.param(orjson.dumps(EVENT, option=orjson.OPT_INDENT_2), id="with blanks"),
        pytest.param(orjson.dumps(EVENT, option=orjson.OPT_INDENT_2).replace(b"\n", b"\r\n\t"), id="with all blanks"),
        pytest.param(orjson.dumps({**EVENT, "data": {"customer": CUSTOMER}}), id="of a customer only"),
        pytest.param(
            orjson.dumps({**EVENT, "data": {"order": {"items": LINES}, "customer": CUSTOMER}}), id="turned round"
        ),
        pytest.param(orjson.dumps({"i": 1, "": 2, "ids": 3, **EVENT}), id="with names that begin like others"),
        pytest.param(
            orjson.dumps({**EVENT, "data": {"order": 3, "customer": CUSTOMER}}), id="with an order that is none"
        ),
    ],
)
def test_a_plain_event_has_an_outline(event: bytes) -> None:
    assert in_full(event) is None if DECODES_WHOLE else repr(in_full(event)) == told(read_whole(event))


def naive_outline(value: bytes) -> tuple[bytes, bytes] | None:
    """The naive way: a customer is what stands between its name and the bracket that closes what it opens."""
    found = re.search(rb'"customer":\{', value)
    if found is None:
        return None
    start = end = found.end() - 1
    depth = 0
    while end < len(value):
        depth += {b"{": 1, b"}": -1}.get(value[end : end + 1], 0)
        end += 1
        if depth == 0:
            return value[:start] + b"null" + value[end:], value[start:end]
    return None


FAULTS = [
    *(pytest.param(b'"%b"' % text, id=f"not UTF-8: {text.hex()}") for text in NO_UTF_8),
    pytest.param(b"1e400", id="a number beyond floats"),
    pytest.param(b"1" * 400, id="a number beyond floats, without an exponent"),
    pytest.param(b'"a\nb"', id="a control character"),
    pytest.param(b'"\x1f"', id="the last control character"),
    pytest.param(b'"' + b"\x1f" * 20 + b'"', id="many of it"),
    pytest.param(b"\x0c1", id="what is no blank"),
    pytest.param(b'"\\x"', id="no escape"),
    pytest.param(b'"\\ud800"', id="a lone surrogate"),
    pytest.param(b"01", id="a leading zero"),
    pytest.param(b"1,", id="a comma too much"),
    pytest.param(b"nul", id="no word"),
    pytest.param(b"[1,]", id="a comma too much in an array"),
    pytest.param(b"{1:2}", id="a name that is none"),
    pytest.param(b"\x00", id="a zero"),
    pytest.param(b"", id="nothing"),
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", ["surplus", "customer", "lines", "last"])
def test_what_cannot_be_decoded_has_no_outline(place: str, fault: bytes) -> None:
    """Wherever it stands: in what is skipped, in what is decoded later, or at the end, where bytes are read singly."""
    value = orjson.dumps(EVENT | {"last": 1})
    marks = {"surplus": b'"session":7', "customer": b'"since":2019.5', "lines": b'"quantity":-1', "last": b'"last":1'}
    name = marks[place].split(b":")[0]
    value = value.replace(marks[place], name + b":" + fault)
    assert read_whole(value) is None
    assert read_outline(value, None) is None
    assert naive_outline(value) is not None  # the control: it would let an event pass that is none


def test_without_each_of_its_colons_an_event_has_no_outline() -> None:
    value = orjson.dumps(EVENT)
    for found in re.finditer(rb'":', value):
        assert read_outline(value[: found.start() + 1] + b"=" + value[found.end() :], None) is None


@pytest.mark.parametrize("name", ["id", "type", "created_at", "data", "customer", "customer_id"])
@pytest.mark.parametrize("value", [b"7", b"null", b"[]", b"{}", None])
def test_an_event_without_what_every_event_has_has_no_outline(name: str, value: bytes | None) -> None:
    places = {"customer": f'"customer":{orjson.dumps(CUSTOMER).decode()}', "customer_id": '"id":"cust_1"'}
    places["data"] = f'"data":{orjson.dumps(EVENT["data"]).decode()}'
    place = places.get(name, f'"{name}":"{EVENT.get(name)}"').encode()
    own_name = place.split(b":")[0] if value is not None else b'"surplus"'
    event = orjson.dumps(EVENT)
    assert event.count(place) == 1
    assert read_outline(event.replace(place, own_name + b":" + (value or b"7")), None) is None


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("surplus", [b'"surplus":', b'"data":{"customer":{"id":"c","more":'])
def test_what_is_nested_too_deep_has_no_outline_and_harms_nobody(opening: bytes, surplus: bytes) -> None:
    value = b'{"id":"e","type":"t","created_at":"n",' + surplus + opening * 150_000
    assert read_outline(value, None) is None
    assert isinstance(read_event(b"c", value), Parked)


def test_a_plain_event_that_is_too_large_is_not_read() -> None:
    found = read_event(b"cust_1", orjson.dumps(EVENT | {"surplus": "x" * INPUT_LIMIT}))
    assert isinstance(found, Parked)
    assert found.reason == "too_large"


@pytest.mark.parametrize("more", [b" x", b"\x00", b"{}", b",", b"]"])
def test_nothing_stands_behind_an_event(more: bytes) -> None:
    assert read_outline(orjson.dumps(EVENT) + more, None) is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'"customer":%b,"customer":{"id":"other"}', id="a customer twice"),
        pytest.param(b'"customer":%b,"customer":null', id="a customer, then none"),
        pytest.param(b'"customer":%b,"cust\\u006fmer":{"id":"other"}', id="a customer twice, in disguise"),
        pytest.param(b'"cart":{"customer":%b},"customer":{"id":"other"}', id="of something else"),
        pytest.param(b'"cart":{"customer":%b}', id="of something else only"),
        pytest.param(b'"customer":{"id":"a","id":"b","inner":%b}', id="an id twice"),
        pytest.param(b'"customer":{"inner":%b,"id":3}', id="an id that is a number"),
        pytest.param(
            b'"customer":%b,"order":{"items":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16],"items":3}', id="lines twice"
        ),
        pytest.param(b'"customer":%b,"order":{"items":3},"order":{"items":[]}', id="an order twice"),
        pytest.param(b'"customer":[%b]', id="no object"),
    ],
)
def test_what_is_not_the_customer_or_the_lines_is_not_taken_for_them(data: bytes) -> None:
    value = b'{"id":"e","type":"t","created_at":"now","data":{%b}}' % (data % orjson.dumps(CUSTOMER))
    assert isinstance(read_whole(value), dict)
    check(value)


@pytest.mark.parametrize("name", ["id", "type", "created_at", "data"])
def test_of_what_every_event_has_the_last_counts(name: str) -> None:
    again = orjson.dumps({name: {"customer": CUSTOMER} if name == "data" else "again"})[1:]
    value = orjson.dumps(EVENT)[:-1] + b"," + again
    assert read_outline(value, None) is None
    assert read_whole(value)[name] != EVENT[name]


def test_names_that_differ_in_one_letter_are_told_apart() -> None:
    names = [
        before + letter + "m" * (length - 1 - len(before))
        for length in range(1, 61)
        for before in ("m" * place for place in range(length))
        for letter in "nx"
    ]
    for _ in range(2):  # the second time they are remembered, those that have not taken each other's place
        for name in names:
            data = {"customer": CUSTOMER, "order": {name: 1, "items": LINES}}
            event = read_event(b"cust_1", orjson.dumps({**EVENT, "data": data}))
            assert isinstance(event, Event)
            assert list(event.outline["order"]) == [name, "items"]


def test_a_bracket_in_a_text_is_not_the_end_of_the_customer() -> None:
    value = orjson.dumps(EVENT).replace(b"Ann Cr", b"Ann}Cr")
    check(value)
    rest, _ = naive_outline(value) or (b"", b"")
    assert read_whole(rest) is None  # the control


def test_the_customer_and_the_lines_of_a_plain_order_are_decoded_when_asked_for() -> None:
    event = read_event(b"cust_1", orjson.dumps(EVENT))
    assert isinstance(event, Event)
    if not DECODES_WHOLE:
        assert (event.lines, event.outline["order"]["items"]) == (orjson.dumps(LINES), None)
        assert (event.customer_json, event.outline["customer"]) == (orjson.dumps(CUSTOMER), None)
    assert event.customer == CUSTOMER
    assert event.customer is event.customer
    assert event.data == EVENT["data"]
    assert list(event.data) == list(EVENT["data"])
    assert event.lines is None


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"id": ""}, "id is not a text, or empty"),
        ({"type": ""}, "type is not a text, or empty"),
        ({"created_at": "yesterday"}, "created_at is not an RFC 3339 date-time with an offset"),
        ({"data": {"customer": {"id": ""}}}, "data.customer.id is not a text, or empty"),
    ],
)
def test_a_fault_is_told_in_the_same_words_with_and_without_an_outline(changes: dict[str, Any], refused: str) -> None:
    plain, escaped = ({**EVENT, **changes, "surplus": surplus} for surplus in ("plain", "esc\\aped"))
    assert read_event(b"cust_1", orjson.dumps(plain)) == read_event(b"cust_1", orjson.dumps(escaped))
    found = read_event(b"cust_1", orjson.dumps(plain))
    assert isinstance(found, Parked)
    assert found.detail == refused
