"""The fragments of jobs that differ from event to event: causes, and the ends of jobs with their customers.

They are made in C (`_fragments.c`); without a compiler, or where something in them is escaped, by the encoder. Both
make the same bytes.
"""

from typing import Any

import orjson


def encode_cause(event_id: str, kind: str, created_at: str) -> bytes:
    """Return the cause that an event is, in JSON, by the encoder."""
    return orjson.dumps({"event_id": event_id, "type": kind, "created_at": created_at})


def encode_end(
    customer_id: str, contact: str | None, address: str | None, name: object, cause: bytes, created_at: str
) -> bytes:
    """Return the end of a job by the encoder: its customer, with its address for this contact, its cause, its time.

    `cause` is in JSON.
    """
    customer: dict[str, Any] = {"id": customer_id}
    if contact is not None:
        customer[contact] = address
    customer["name"] = name
    return b'"customer":%b,"cause":%b,"created_at":%b}' % (orjson.dumps(customer), cause, orjson.dumps(created_at))


try:
    from streamproc.domain._fragments import cause_of_event, end_of_job
except ImportError:  # pragma: no cover  (depends on the installation)

    def cause_of_event(event_id: str, kind: str, created_at: str, /) -> bytes | None:
        """Return what `encode_cause` does."""
        return encode_cause(event_id, kind, created_at)

    def end_of_job(
        customer_id: str, contact: str | None, address: str | None, name: object, cause: bytes, created_at: str, /
    ) -> bytes | None:
        """Return what `encode_end` does."""
        return encode_end(customer_id, contact, address, name, cause, created_at)


__all__ = ["cause_of_event", "encode_cause", "encode_end", "end_of_job"]
