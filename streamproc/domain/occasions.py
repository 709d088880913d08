"""Occasions: what sets a distribution off without an event of upstream, told as if there had been one.

Templates, webhooks and rules read such an event like any other. Its objects are those that the product tells of the
occasion.
"""

from datetime import datetime
from typing import Any

from streamproc.domain.events import SEGMENT_ENTERED, SEGMENT_LEFT, Event
from streamproc.domain.jobs import Cause
from streamproc.domain.profiles import Profile


def segment_object(segment_id: str, name: str) -> dict[str, str]:
    """Return a segment as events have one."""
    return {"id": segment_id, "name": name, "object": "segment"}


def customer_object(customer_id: str, profile: Profile | None) -> dict[str, Any]:
    """Return a customer as events have one."""
    return {"id": customer_id, **(profile or {})}


def moved(
    cause: Cause,
    at: datetime,
    customer_id: str,
    profile: Profile | None,
    segment: dict[str, str],
    *,
    has_entered: bool,
) -> Event:
    """Return the event that a customer has entered or left a segment; `segment` is that segment's object."""
    data = {"customer": customer_object(customer_id, profile), "segment": segment}
    kind = SEGMENT_ENTERED if has_entered else SEGMENT_LEFT
    return Event(cause.id, kind, at, customer_id, data, data, data["customer"])
