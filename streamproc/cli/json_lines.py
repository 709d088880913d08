"""Reads JSON lines as they come, in constant memory however long a file or one of its lines is."""

from collections.abc import Iterator
from typing import Protocol

from streamproc.topics import INPUT_LIMIT

_BLOCK_BYTES = 256 * 1024
# What stays of a longer line is still too large without its carriage return, and that is all there is to know of it.
_KEPT_BYTES = INPUT_LIMIT + 2


class Readable(Protocol):
    """What gives the bytes that are there: files, pipes, standard input, bytes in memory."""

    def read1(self, size: int, /) -> bytes: ...  # noqa: D102


def read_lines(stream: Readable) -> Iterator[list[bytes]]:
    r"""Yield the lines that have come, without their line ends (\n or \r\n); the last one needs none.

    From a pipe they are handed on as soon as they are there. Of a line over the size that is read, no more is kept
    than shows that it is. How lines fall into lists means nothing.
    """
    rest = b""
    while block := stream.read1(_BLOCK_BYTES):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()[:_KEPT_BYTES]
        if lines:
            yield [line.removesuffix(b"\r") for line in lines]
    if rest:
        yield [rest.removesuffix(b"\r")]


def is_blank(line: bytes) -> bool:
    """Tell whether a line holds nothing; one that is too large for a record does not count as blank."""
    return len(line) <= INPUT_LIMIT and not line.strip()
