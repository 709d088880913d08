"""Lines out of a stream: each whole, whatever its length and wherever the stream was cut."""

from io import BytesIO

import pytest

from streamproc.cli.json_lines import is_blank, read_lines
from streamproc.topics import INPUT_LIMIT


class Pieces:
    """A stream that gives one piece after the other, as a pipe does."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    def read1(self, _size: int, /) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


def all_lines(stream: BytesIO | Pieces) -> list[bytes]:
    return [line for lines in read_lines(stream) for line in lines]


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"a\n\n b \n", [b"a", b"", b" b "]),
        (b"a\rb\n\r", [b"a\rb", b""]),
    ],
)
def test_lines_are_told_apart_and_the_last_one_needs_no_end(content: bytes, lines: list[bytes]) -> None:
    assert all_lines(BytesIO(content)) == lines


def test_a_line_that_is_there_is_handed_on_before_the_next_piece_is_asked_for() -> None:
    stream = Pieces(b"a\nb", b"c\n")
    lines = read_lines(stream)
    assert next(lines) == [b"a"]
    assert stream.read1(1) == b"c\n"


def test_of_a_line_that_is_too_large_only_the_size_remains() -> None:
    stream = Pieces(*[b"x" * 100_000] * 30, b"\n{}\n")
    (large, small) = all_lines(stream)
    assert (INPUT_LIMIT < len(large) < INPUT_LIMIT + 100_010, small) == (True, b"{}")


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(("size", "is_kept"), [(INPUT_LIMIT, True), (INPUT_LIMIT + 1, False)])
def test_a_line_end_does_not_count_to_the_size(end: bytes, size: int, is_kept: bool) -> None:
    value = b"x" * size
    (line,) = all_lines(Pieces(value, *(bytes([byte]) for byte in end)))
    assert (line == value, len(line) <= INPUT_LIMIT) == (True, is_kept)


def test_blank_is_what_holds_nothing_but_not_what_is_too_large() -> None:
    values = [b"", b" \t", b" " * INPUT_LIMIT, b" " * (INPUT_LIMIT + 1), b"{}"]
    assert [is_blank(value) for value in values] == [True, True, True, False, False]
