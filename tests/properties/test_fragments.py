"""Fragments of jobs that are made in C are, to the byte, those of the encoder."""

from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamproc.domain.fragments import cause_of_event, encode_cause, encode_end, end_of_job

ESCAPED = '\x00\x01\x1f\n"\\'
#: Of lengths around the eight that are looked at at once, with what is escaped at any place.
TEXTS = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.text(st.sampled_from('ab !#\x7f[]{}/é߿ࠀ\uffff\U0001f381\U0010ffff"\\\n'), max_size=20)
    | st.builds(lambda before, one, behind: "a" * before + one + "b" * behind,
                st.integers(0, 18), st.sampled_from(list(ESCAPED + " !#[]\x7fé")), st.integers(0, 18))
)  # fmt: skip
#: Without a compiler.
IS_PYTHON = find_spec("streamproc.domain._fragments") is None
CAUSE = b'{"event_id":"evt_1"}'


def is_escaped(*texts: object) -> bool:
    return any(character < " " or character in '"\\' for text in texts if isinstance(text, str) for character in text)


@given(event_id=TEXTS, kind=TEXTS, created_at=TEXTS)
@example("evt_1", "customer.order.paid", "2026-11-24T10:00:00.123Z")
def test_a_cause_is_that_of_the_encoder(event_id: str, kind: str, created_at: str) -> None:
    told = (event_id, kind, created_at)
    made, expected = cause_of_event(*told), encode_cause(*told)
    assert made in (None, expected)
    assert made is not None or is_escaped(*told)
    assert orjson.loads(expected) == {"event_id": event_id, "type": kind, "created_at": created_at}


@given(customer_id=TEXTS, contact=st.sampled_from([None, "email", "phone"]), address=TEXTS, name=st.none() | TEXTS)
@example("cust_1", "email", "zoë@shop.example", "Zoë")
def test_an_end_is_that_of_the_encoder(customer_id: str, contact: str | None, address: str, name: str | None) -> None:
    told = (customer_id, contact, address, name, CAUSE, "2026-11-24T10:00:00Z")
    made, expected = end_of_job(*told), encode_end(*told)
    assert made in (None, expected)
    assert made is not None or is_escaped(customer_id, address, name)
    customer: dict[str, Any] = {"id": customer_id, "name": name} | ({contact: address} if contact else {})
    assert orjson.loads(b"{" + expected) == {
        "customer": customer, "cause": {"event_id": "evt_1"}, "created_at": "2026-11-24T10:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize("letter", ["a", "é", "\U0001f381"])
@pytest.mark.parametrize("length", [*range(440, 520), *range(1880, 2060, 3), 100_000])
def test_a_fragment_may_have_any_length(length: int, letter: str) -> None:
    # Around the most that is put into a buffer of its own first, with one, two and four bytes for each letter.
    told = (letter * length, "email", "ann@shop.example", letter, CAUSE, "2026-11-24T10:00:00Z")
    assert end_of_job(*told) == encode_end(*told)
    assert cause_of_event("evt_1", letter * length, letter) == encode_cause("evt_1", letter * length, letter)
    assert end_of_job(*(letter * length + '"', *told[1:])) in (None, encode_end(letter * length + '"', *told[1:]))


@pytest.mark.parametrize("name", [7, True, ["Ann"], {"first": "Ann"}])
def test_a_name_that_is_no_text_is_the_encoders(name: object) -> None:
    told = ("cust_1", None, None, name, CAUSE, "2026-11-24T10:00:00Z")
    assert end_of_job(*told) in (None, encode_end(*told))
    assert orjson.loads(b"{" + encode_end(*told))["customer"]["name"] == name


def test_what_has_no_utf_8_is_refused_by_the_encoder() -> None:
    told = ("cust_1", None, None, "\ud800", CAUSE, "2026-11-24T10:00:00Z")
    with pytest.raises(TypeError):
        encode_end(*told)
    with suppress(TypeError):  # without a compiler it is the encoder
        assert end_of_job(*told) is None


@pytest.mark.skipif(IS_PYTHON, reason="nothing is made in C here")
@pytest.mark.parametrize("given", [(), ("evt_1", "type"), ("evt_1", "type", b"now"), (b"evt_1", "type", "now")])
def test_a_cause_of_anything_but_texts_is_refused(given: Any) -> None:
    with pytest.raises(TypeError):
        cause_of_event(*given)


@pytest.mark.skipif(IS_PYTHON, reason="nothing is made in C here")
@pytest.mark.parametrize(
    "given", [("c", None, None, None, CAUSE, None), ("c", "email", None, "Ann", CAUSE, "now"), ("c", None, None, None)]
)
def test_an_end_of_anything_but_texts_is_refused(given: Any) -> None:
    with pytest.raises(TypeError):
        end_of_job(*given)
