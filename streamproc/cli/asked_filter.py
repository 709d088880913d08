"""Reads the filter that a person asks about: JSON as it was typed, or a file with a filter or a whole segment."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from streamproc.cli.input_file import CLOSED, STANDARD_INPUT
from streamproc.domain.depth import MAX_DEPTH, is_too_deep
from streamproc.domain.problems import Problem
from streamproc.domain.rules import check_filter
from streamproc.errors import StreamprocError


class FilterRefusedError(StreamprocError):
    """The filter is one that no segment could have; `problems` are all that is wrong with it."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.problems = problems
        lines = [f"{source}: rejected: {one.code} at {one.path}: {one.message}" for one in problems]
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True)
class AskedFilter:
    """A filter that has passed the checks, and what they remark."""

    filter: dict[str, Any]
    warnings: list[Problem]


def read_asked_filter(asked: str) -> AskedFilter:
    """Read and check a filter. Raises `FilterRefusedError`, or `OSError` when the file cannot be read."""
    is_typed = asked.lstrip().startswith(("{", "["))
    source = "--filter" if is_typed or asked == STANDARD_INPUT else asked
    value = asked.encode() if is_typed else _read(asked)
    try:
        given = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise FilterRefusedError(source, [Problem("$", "schema", f"not JSON: {error}")]) from None
    if isinstance(given, dict) and is_too_deep(given):
        raise FilterRefusedError(source, [Problem("$", "schema", f"nested deeper than {MAX_DEPTH} levels")])
    given, path = _of_segment(given)
    findings = check_filter(given, path)
    if findings.errors:
        raise FilterRefusedError(source, findings.errors)
    return AskedFilter(given, findings.warnings)


def _read(file: str) -> bytes:
    if file != STANDARD_INPUT:
        return Path(file).read_bytes()
    if sys.stdin is None:
        raise OSError(CLOSED)
    return sys.stdin.buffer.read()


def _of_segment(given: Any) -> tuple[Any, str]:
    """Return the filter of a segment as it would be pushed, else what was given; and its JSON path."""
    if isinstance(given, dict) and "type" in given and "filter" in given:
        return given["filter"], "$.filter"
    return given, "$"
