"""Ids that are derived in C are those of the library's digest, and messages hold what they are given."""

from hashlib import blake2b
from importlib.util import find_spec
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamproc.domain.messages import derived_id, job_message

#: Of lengths around the blocks of 128 bytes that are taken at once.
TEXTS = st.binary(max_size=40) | st.integers(0, 400).map(lambda length: (bytes(range(200)) * 2)[:length])
IS_PYTHON = find_spec("streamproc.domain._messages") is None
HEADERS = (("distribution-id", b"distr_1"), ("distribution-version", b"7"))
CAUSE = ("cause-id", b"evt_1")


@given(texts=st.lists(TEXTS, max_size=4))
@example([])
@example([b"a" * 128])
@example([b"a" * 126, b"b"])
@example([b"a" * 127, b"b"])
@example([b"a" * 128, b""])
@example([b"a" * 128, b"b" * 127])
@example([b"a" * 128, b"b" * 128])
def test_an_id_is_the_digest_of_the_texts(texts: list[bytes]) -> None:
    digest = blake2b(b"\x1f".join(texts), digest_size=16).hexdigest()
    assert derived_id(b"job_", *texts) == b"job_" + digest.encode()


def test_a_message_holds_the_pieces_in_their_order() -> None:
    key, value, headers = job_message(b"cust_1", b"job_1", b'","a":1,', b'"b":2,', b'"c":3}', HEADERS, CAUSE)
    assert (key, orjson.loads(value)) == (b"cust_1", {"id": "job_1", "a": 1, "b": 2, "c": 3})
    assert headers == [("job-id", b"job_1"), *HEADERS, CAUSE]


@pytest.mark.skipif(IS_PYTHON, reason="nothing is made in C here")
@pytest.mark.parametrize("given", [(), (b"job_", b"a", "b"), ("job_", b"a", b"b"), (b"job_", None)])
def test_an_id_of_anything_but_bytes_is_refused(given: Any) -> None:
    with pytest.raises(TypeError):
        derived_id(*given)


@pytest.mark.skipif(IS_PYTHON, reason="nothing is made in C here")
@pytest.mark.parametrize(
    "given",
    [
        (b"k", b"i", b"f", b"r", b"e", HEADERS),
        (b"k", b"i", b"f", b"r", "e", HEADERS, CAUSE),
        (None, b"i", b"f", b"r", b"e", HEADERS, CAUSE),
        (b"k", b"i", b"f", b"r", b"e", list(HEADERS), CAUSE),
        (b"k", b"i", b"f", b"r", b"e", HEADERS[:1], CAUSE),
        (b"k", b"i", b"f", b"r", b"e", HEADERS, list(CAUSE)),
    ],
)
def test_a_message_of_anything_else_is_refused(given: Any) -> None:
    with pytest.raises(TypeError):
        job_message(*given)
