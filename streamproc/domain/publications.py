"""Publications: a code that became a customer's, read back as the event "successfully published"."""

import orjson

from streamproc.domain.events import PUBLICATION_SUCCEEDED, Event, parse_instant
from streamproc.domain.jobs import Cause

_OBJECTS = ("customer", "campaign", "publication", "voucher")


def read_publication(value: bytes) -> tuple[Event, Cause]:
    """Read a record of `publications`, which streamproc itself has written, and the cause of what follows from it.

    Its time is that of the cause.
    """
    record = orjson.loads(value)
    data = {name: record[name] for name in _OBJECTS}
    created_at = record["created_at"]
    instant = parse_instant(created_at)
    if instant is None:
        raise ValueError("created_at is no date-time")
    cause = Cause.following(record["cause"], f"published:{record['publication']['id']}", created_at)
    return Event(cause.id, PUBLICATION_SUCCEEDED, instant, created_at, data["customer"]["id"], data), cause
