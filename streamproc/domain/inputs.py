"""Inputs: the value of a record as JSON, or why it is none."""

from typing import Any

import orjson

from streamproc.domain.outcomes import Parked
from streamproc.topics import INPUT_LIMIT


def read_json(value: bytes | None) -> Any:
    """Decode a record's value; a `Parked` says why that could not be done."""
    if value is None:
        return Parked("invalid_json", "the record has no value")
    if len(value) > INPUT_LIMIT:
        return Parked("too_large", f"{len(value)} bytes; at most {INPUT_LIMIT} are read")
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        # The message holds a place and a cause, nothing of the text.
        return Parked("invalid_json", str(error))
