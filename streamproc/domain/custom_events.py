"""Custom events: the name of one, and how often and when last a customer had those of each name."""

from collections.abc import Mapping
from typing import Any, Final

from streamproc.domain.events import Event, parse_instant, text_in

CUSTOM_EVENT: Final = "customer.custom_event"

#: By name: how often, and the time of the latest as its event wrote it. A list and no class, because it stands in the
#: state's JSON.
Occurrences = dict[str, list[Any]]


def custom_event_name(data: Mapping[str, Any]) -> str | None:
    """Return the name of a custom event: that of its schema, else its own type; None where it has neither."""
    name = text_in(data.get("event_schema"), "name")
    return text_in(data.get("event"), "type") if name is None else name


def occurrences_after(occurrences: Occurrences, event: Event) -> Occurrences:
    """Return the occurrences after a custom event; the same object when it has no name.

    A late event counts, and leaves the latest time as it is.
    """
    name = custom_event_name(event.outline)
    if name is None:
        return occurrences
    written = event.created_text
    known = occurrences.get(name)
    if known is None:
        return {**occurrences, name: [1, written]}
    count, last = known
    before = parse_instant(last)
    return {**occurrences, name: [count + 1, last if before is not None and before > event.created_at else written]}
