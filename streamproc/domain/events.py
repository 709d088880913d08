"""Events: from the bytes of a record to an `Event`, or to the reason why it is none.

The order of the checks decides which fault a record with several is told of. What needs the task's state or the
definitions (duplicate, computed segment) is asked by the processor, with the questions that `Event` answers.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from streamproc.domain.catalogue import KNOWN_EVENTS
from streamproc.domain.cut import MARK, cut_lines
from streamproc.domain.outcomes import Ignored, Parked
from streamproc.topics import INPUT_LIMIT

CUSTOMER_DELETED: Final = "customer.deleted"
SEGMENT_ENTERED: Final = "customer.segment.entered"
SEGMENT_LEFT: Final = "customer.segment.left"
PUBLICATION_SUCCEEDED: Final = "customer.publication.succeeded"

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:)(\d\d)(\.\d+)?(?:[Zz]|([+-](?:[01]\d|2[0-3]):[0-5]\d))", re.ASCII
)
_OWN_PUBLICATION = re.compile(r"pub_[0-9a-f]{32}", re.ASCII)
# Beyond these a shift into a time zone, or by a day, would leave the calendar that Python has.
FIRST_YEAR: Final = 2
LAST_YEAR: Final = 9998
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True, init=False)  # the `__init__` that a dataclass makes is not compiled
class Event:
    """A decoded fact about a customer. Nothing of what it says changes once it was read.

    `body` is the whole event, `outline` its `data` and `customer` a part of that; `created_at` keeps the offset that it
    was sent with. While the lines of the order have not been decoded, `lines` is their JSON, and the order has null in
    their place: `data` is for whoever may read them.
    """

    id: str
    type: str
    created_at: datetime
    customer_id: str
    body: dict[str, Any]
    outline: dict[str, Any]
    customer: dict[str, Any]
    lines: bytes | None

    def __init__(
        self,
        id: str,  # noqa: A002  (as events name it)
        type: str,  # noqa: A002
        created_at: datetime,
        customer_id: str,
        body: dict[str, Any],
        outline: dict[str, Any],
        customer: dict[str, Any],
        lines: bytes | None = None,
    ) -> None:
        self.id = id
        self.type = type
        self.created_at = created_at
        self.customer_id = customer_id
        self.body = body
        self.outline = outline
        self.customer = customer
        self.lines = lines

    @property
    def data(self) -> dict[str, Any]:
        """The event's `data`, with all that it holds."""
        lines = self.lines
        if lines is not None:
            self.outline["order"]["items"] = orjson.loads(lines)
            self.lines = None
        return self.outline

    @property
    def segment_id(self) -> str | None:
        """The segment of an entered or left event; None where the event names none."""
        return text_in(self.outline.get("segment"), "id")

    @property
    def is_own_publication(self) -> bool:
        """Whether upstream echoes a publication of which this system made the id."""
        if self.type != PUBLICATION_SUCCEEDED:
            return False
        publication = self.outline.get("publication")
        found = publication.get("id") if type(publication) is dict else None
        return type(found) is str and _OWN_PUBLICATION.fullmatch(found) is not None


def read_event(key: bytes | None, value: bytes | None) -> Event | Ignored | Parked:
    """Check the bytes of a record of `customer-events` and decode them.

    Of two equal keys in one JSON object the last one counts. Unknown fields are kept.
    """
    body, lines = _read_body(value)
    if type(body) is not dict:
        return body if isinstance(body, Parked) else Parked("invalid_event", "not an object")
    event_id = body.get("id")
    event_type = body.get("type")
    created_at = body.get("created_at")
    instant = parse_instant(created_at) if type(created_at) is str else None
    data = body.get("data")
    if not (event_id and event_type and type(event_id) is type(event_type) is str and instant and type(data) is dict):
        return Parked("invalid_event", _form_problem(event_id, event_type, instant))
    if event_type not in KNOWN_EVENTS:
        return Ignored("unknown_type")
    customer: Any = data.get("customer")
    customer_id = customer.get("id") if type(customer) is dict else None
    if type(customer_id) is str and customer_id and key == customer_id.encode():
        return Event(event_id, event_type, instant, customer_id, body, data, customer, lines)
    if type(customer_id) is str and customer_id:
        return Parked("wrong_key", "the record's key is not data.customer.id", type=event_type)
    return Parked("invalid_event", "data.customer.id is not a text, or empty", type=event_type)


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


def _read_body(value: bytes | None) -> tuple[Any, bytes | None]:
    """Decode an event; of an order perhaps without its lines, which are then the second, in JSON."""
    if value is not None and len(value) <= INPUT_LIMIT:
        cut = cut_lines(value)
        if cut is not None:
            rest, lines = cut
            body = _read_rest(rest)
            if body is not None:
                return body, lines
    return read_json(value), None


def _read_rest(rest: bytes) -> Any:
    """Decode an event of which something was cut out; None where that were not the lines of its order."""
    try:
        body = orjson.loads(rest)
    except orjson.JSONDecodeError:
        return None  # of the whole event it is told what is wrong with it, and where
    data = body.get("data") if type(body) is dict else None
    order = data.get("order") if type(data) is dict else None
    if type(order) is not dict or order.get("items") != MARK:
        return None
    order["items"] = None
    return body


def text_in(value: Any, name: str) -> str | None:
    """Return the text under a name in what may be an object; None where it is none, or empty."""
    found = value.get(name) if type(value) is dict else None
    return found if type(found) is str and found else None


def parse_instant(text: str) -> datetime | None:
    """Read an RFC 3339 date-time with its offset, at which something can have happened; None if it is not one.

    The years 1 and 9999 are refused: no time zone could show them all.
    """
    instant = parse_date_time(text)
    return instant if instant is not None and FIRST_YEAR <= instant.year <= LAST_YEAR else None


def parse_date_time(text: str) -> datetime | None:
    """Read an RFC 3339 date-time with its offset; None if it is not one.

    A leap second is read as the second after :59. Digits beyond microseconds are cut.
    """
    length = len(text)
    try:
        # The forms that nearly every producer writes, 2026-11-24T10:00:00Z with or without milliseconds. The standard
        # parser takes more than RFC 3339 does, so the places of all separators are looked at.
        if text[4:17:3] == "--T::" and text[-1] == "Z" and (length == 20 or (length == 24 and text[19] == ".")):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    return _parse_any_form(text)


def instant_of(milliseconds: int) -> datetime:
    """Return the instant that is so many milliseconds after the epoch, in UTC; out of the calendar, the epoch."""
    try:
        instant = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return _EPOCH
    return instant if FIRST_YEAR <= instant.year <= LAST_YEAR else _EPOCH


def format_instant(milliseconds: int) -> str:
    """Write milliseconds since the epoch as RFC 3339 in UTC."""
    return instant_of(milliseconds).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _parse_any_form(text: str) -> datetime | None:
    found = _INSTANT.fullmatch(text)
    if found is None:
        return None
    date, minutes, seconds, fraction, offset = found.groups()
    is_leap = seconds == "60"
    plain = f"{date}T{minutes}{'59' if is_leap else seconds}{(fraction or '')[:7]}{offset or '+00:00'}"
    try:
        instant = datetime.fromisoformat(plain)
        return instant + timedelta(seconds=1) if is_leap else instant
    except (ValueError, OverflowError):
        return None


def _form_problem(event_id: object, event_type: object, instant: datetime | None) -> str:
    if type(event_id) is not str or not event_id:
        return "id is not a text, or empty"
    if type(event_type) is not str or not event_type:
        return "type is not a text, or empty"
    if instant is None:
        return "created_at is not an RFC 3339 date-time with an offset"
    return "data is not an object"
