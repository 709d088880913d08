"""Facts: what rules, templates and jobs read about one event and its customer."""

from typing import Any

from streamproc.domain.customers import Profile
from streamproc.domain.events import Event
from streamproc.domain.lines import Line, read_lines

_NOTHING: dict[str, Any] = {}


class Facts:
    """One event and its customer, as they are after the event's own changes to the state.

    `profile` is the customer's profile with the event's `data.customer` merged in, None for a customer without
    state. `segments` are the ids of the segments it belongs to; `loyalty_tier` its tier (a list where it has several,
    None where it has none). "Now" is the event's `created_at`. Nothing given here may change afterwards.
    """

    __slots__ = (
        "_lines",
        "data",
        "event",
        "loyalty_tier",
        "now",
        "profile",
        "segments",
    )

    def __init__(self, event: Event, profile: Profile | None, segments: list[str], loyalty_tier: object = None) -> None:
        self.event = event
        self.now = event.created_at
        self.data = event.data
        self.profile = profile
        self.segments = segments
        self.loyalty_tier = loyalty_tier
        self._lines: list[Line] | None = None

    @property
    def customer_metadata(self) -> dict[str, Any]:
        """The customer's metadata, empty where it has none."""
        profile = self.profile
        metadata = None if profile is None else profile.get("metadata")
        return metadata if type(metadata) is dict else _NOTHING

    @property
    def order(self) -> dict[str, Any]:
        """The order of the event, empty where it has none."""
        order = self.data.get("order")
        return order if type(order) is dict else _NOTHING

    @property
    def order_metadata(self) -> dict[str, Any]:
        """The metadata of the order, empty where it has none."""
        metadata = self.order.get("metadata")
        return metadata if type(metadata) is dict else _NOTHING

    @property
    def custom_event_metadata(self) -> dict[str, Any]:
        """The metadata of the custom event, empty where it has none."""
        event = self.data.get("event")
        metadata = event.get("metadata") if type(event) is dict else None
        return metadata if type(metadata) is dict else _NOTHING

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
