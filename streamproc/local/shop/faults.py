"""What upstream gets wrong: each fault turns one good record into one that must become a dead letter."""

from collections.abc import Callable
from typing import Any

import orjson

MAX_EVENT_BYTES = 1_048_576

Body = dict[str, Any]
Fault = Callable[[bytes, bytes], tuple[bytes | None, bytes]]


def _edited(change: Callable[[Body], object]) -> Fault:
    def fault(key: bytes, value: bytes) -> tuple[bytes, bytes]:
        body: Body = orjson.loads(value)
        change(body)
        return key, orjson.dumps(body)

    return fault


def truncated(key: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Cut in the middle."""
    return key, value[: len(value) // 2]


def not_utf8(key: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Hold a byte that no UTF-8 text has."""
    return key, value[:-1] + b',"note":"\xff"}'


def empty(key: bytes, value: bytes) -> tuple[bytes, bytes]:  # noqa: ARG001  (one shape for all faults)
    """Be empty."""
    return key, b""


def a_list(key: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Be a list of one event."""
    return key, b"[" + value + b"]"


def other_key(key: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Have the key of another customer."""
    return key + b"0", value


def no_key(key: bytes, value: bytes) -> tuple[None, bytes]:  # noqa: ARG001  (one shape for all faults)
    """Have no key."""
    return None, value


def oversized(key: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Be one byte too large. Brokers refuse it unless the topic's `max.message.bytes` is raised."""
    filler = b"x" * (MAX_EVENT_BYTES + 1 - len(value) - len(b',"note":""'))
    return key, value[:-1] + b',"note":"' + filler + b'"}'


FAULTS: tuple[tuple[str, Fault], ...] = (
    ("invalid_json", truncated),
    ("invalid_json", not_utf8),
    ("invalid_json", empty),
    ("invalid_event", a_list),
    ("invalid_event", _edited(lambda body: body.pop("id"))),
    ("invalid_event", _edited(lambda body: body.update(id=17))),
    ("invalid_event", _edited(lambda body: body.update(type=""))),
    ("invalid_event", _edited(lambda body: body.update(created_at="yesterday"))),
    ("invalid_event", _edited(lambda body: body.pop("data"))),
    ("invalid_event", _edited(lambda body: body.update(data="none"))),
    ("invalid_event", _edited(lambda body: body["data"].pop("customer"))),
    ("invalid_event", _edited(lambda body: body["data"]["customer"].pop("id"))),
    ("wrong_key", other_key),
    ("wrong_key", no_key),
)
"""Every fault but the oversized one, with the reason of the dead letter that it must become."""
