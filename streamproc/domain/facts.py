"""Facts: what rules, templates and jobs read about one event and its customer."""

from typing import Any, Final

from mypy_extensions import mypyc_attr

from streamproc.domain.events import Event
from streamproc.domain.lines import Line, read_lines
from streamproc.domain.loyalty import NO_TIERS, ByCampaign, loyalty_tier
from streamproc.domain.profiles import Profile

_NOTHING: Final[dict[str, Any]] = {}


@mypyc_attr(acyclic=True, free_list_len=1)
class Facts:
    """One event and its customer, as they are after the event's own changes to the state.

    `profile` is the customer's profile with the event's `data.customer` merged in, None for a customer without
    state. `segments` are the ids of the segments it belongs to, `tiers` its loyalty tiers by campaign. "Now" is the
    event's `created_at`. Nothing given here may change afterwards.
    """

    __slots__ = (
        "_custom_event_metadata",
        "_customer_metadata",
        "_lines",
        "_order",
        "_order_metadata",
        "event",
        "now",
        "profile",
        "segments",
        "tiers",
    )

    def __init__(
        self, event: Event, profile: Profile | None, segments: list[str], tiers: ByCampaign = NO_TIERS
    ) -> None:
        self.event = event
        self.now = event.created_at
        self.profile = profile
        self.segments = segments
        self.tiers = tiers
        self._lines: list[Line] | None = None
        # Read when first asked for, and then asked for by one rule after the other.
        self._customer_metadata: dict[str, Any] | None = None
        self._order: dict[str, Any] | None = None
        self._order_metadata: dict[str, Any] | None = None
        self._custom_event_metadata: dict[str, Any] | None = None

    @property
    def customer_metadata(self) -> dict[str, Any]:
        """The customer's metadata, empty where it has none."""
        found = self._customer_metadata
        if found is None:
            found = self._customer_metadata = _object_in(self.profile, "metadata")
        return found

    @property
    def told_metadata(self) -> dict[str, Any]:
        """The metadata that the event itself tells of its customer, empty where it tells none."""
        event = self.event
        return _object_in(event.outline.get("customer") if event.customer_json is None else event.customer, "metadata")

    @property
    def order(self) -> dict[str, Any]:
        """The order of the event, empty where it has none; its lines are read by `items` and `lines`."""
        found = self._order
        if found is None:
            found = self._order = _object_in(self.event.outline, "order")
        return found

    @property
    def order_metadata(self) -> dict[str, Any]:
        """The metadata of the order, empty where it has none."""
        found = self._order_metadata
        if found is None:
            found = self._order_metadata = _object_in(self.order, "metadata")
        return found

    @property
    def custom_event_metadata(self) -> dict[str, Any]:
        """The metadata of the custom event, empty where it has none."""
        found = self._custom_event_metadata
        if found is None:
            found = self._custom_event_metadata = _object_in(self.event.outline.get("event"), "metadata")
        return found

    @property
    def items(self) -> Any:
        """What stands in the order for its lines, None where nothing does."""
        return self.event.items

    @property
    def loyalty_tier(self) -> str | list[str] | None:
        """The customer's loyalty tier, a list where it has several, None where it has none."""
        return loyalty_tier(self.tiers)

    @property
    def lines(self) -> list[Line]:
        """The lines of the order, read when a rule first asks for them."""
        lines = self._lines
        if lines is None:
            lines = self._lines = read_lines(self.items)
        return lines

    def payload(self) -> dict[str, Any]:
        """Return the objects that placeholders read: the event's, its customer completed from the state."""
        data = self.event.data
        customer = data.get("customer")
        given = customer if type(customer) is dict else {}
        known = {key: value for key, value in given.items() if value is not None}
        return {**data, "customer": {**known, **(self.profile or {})}}


def _object_in(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if type(value) is dict else None
    return found if type(found) is dict else _NOTHING
