"""Occasions: what sets a distribution off without an event of upstream, told as if there had been one.

Templates, webhooks and rules read such an event like any other. Its objects are those that the product tells of the
occasion.
"""

from datetime import datetime
from typing import Any

import orjson

from streamproc.domain.configuration import InForce
from streamproc.domain.events import SEGMENT_ENTERED, SEGMENT_LEFT, Event, format_instant
from streamproc.domain.jobs import Cause
from streamproc.domain.profiles import Profile

#: The type of the event that a release stands for.
RELEASED = "manual_distribution_schedule"


def segment_object(segment_id: str, name: str) -> dict[str, str]:
    """Return a segment as events have one."""
    return {"id": segment_id, "name": name, "object": "segment"}


def customer_object(customer_id: str, profile: Profile | None) -> dict[str, Any]:
    """Return a customer as events have one."""
    return {"id": customer_id, **(profile or {})}


def release_cause(distribution_id: str, at: int) -> Cause:
    """Return the cause of the jobs of a manual release; `at` is its time in milliseconds, as for the others."""
    return Cause(f"release:{distribution_id}", orjson.dumps({"release": distribution_id}), format_instant(at))


def backfill_cause(distribution_id: str, at: int) -> Cause:
    """Return the cause of the jobs to those who were members already."""
    return Cause(f"backfill:{distribution_id}", orjson.dumps({"backfill": distribution_id}), format_instant(at))


def tick_cause(day: str, at: int) -> Cause:
    """Return the cause of what follows from the beginning of a day."""
    return Cause(f"tick:{day}", orjson.dumps({"tick": day}), format_instant(at))


def distribution_object(distribution: InForce) -> dict[str, Any]:
    """Return what templates and webhooks may know of a distribution: all but how its channels are reached."""
    told = {name: value for name, value in distribution.record.items() if name != "channels"}
    channels = [channel["type"] for channel in distribution.record["channels"]]
    return {**told, "distribution_channels": channels, "object": "distribution"}


def released(
    cause: Cause, at: datetime, customer_id: str, profile: Profile | None, distribution: dict[str, Any]
) -> Event:
    """Return the event that a release is for one customer; `distribution` is that distribution's object."""
    data = {"distribution": distribution, "customer": customer_object(customer_id, profile)}
    return Event(cause.id, RELEASED, at, cause.created_at, customer_id, data)


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
    return Event(cause.id, kind, at, cause.created_at, customer_id, data)
