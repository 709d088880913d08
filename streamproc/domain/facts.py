"""Facts: what rules, templates and jobs read about one event and its customer."""

from collections.abc import Mapping
from typing import Any

from streamproc.domain.customers import Profile
from streamproc.domain.events import Event
from streamproc.domain.lines import Line, read_lines

_NOTHING: Mapping[str, Any] = {}


class Facts:
    """One event and its customer, as they are after the event's own changes to the state.

    `profile` is the customer's profile with the event's `data.customer` merged in, None for a customer without
    state. `segments` are the ids of the segments it belongs to; `loyalty_tier` its tier (a list where it has several,
    None where it has none). "Now" is the event's `created_at`. Nothing given here may change afterwards.
    """

    __slots__ = (
        "_lines",
        "custom_event_metadata",
        "customer_metadata",
        "data",
        "event",
        "loyalty_tier",
        "now",
        "order",
        "order_metadata",
        "profile",
        "segments",
    )

    def __init__(self, event: Event, profile: Profile | None, segments: list[str], loyalty_tier: object = None) -> None:
        self.event = event
        self.now = event.created_at
        self.data = data = event.data
        self.profile = profile
        self.segments = segments
        self.loyalty_tier = loyalty_tier
        self._lines: list[Line] | None = None
        # In line, because this is done for every event.
        metadata = profile.get("metadata") if profile is not None else None
        self.customer_metadata: Mapping[str, Any] = metadata if type(metadata) is dict else _NOTHING
        self.order = self.order_metadata = self.custom_event_metadata = _NOTHING
        order = data.get("order")
        if type(order) is dict:
            self.order = order
            metadata = order.get("metadata")
            if type(metadata) is dict:
                self.order_metadata = metadata
        event_object = data.get("event")
        if type(event_object) is dict:
            metadata = event_object.get("metadata")
            if type(metadata) is dict:
                self.custom_event_metadata = metadata

    @property
    def lines(self) -> list[Line]:
        """The lines of the order, read when a rule first asks for them."""
        lines = self._lines
        if lines is None:
            lines = self._lines = read_lines(self.order)
        return lines

    def payload(self) -> dict[str, Any]:
        """Return the objects that placeholders read: the event's, its customer completed from the state."""
        customer = self.data.get("customer")
        given = customer if type(customer) is dict else {}
        known = {key: value for key, value in given.items() if value is not None}
        return {**self.data, "customer": {**known, **(self.profile or {})}}
