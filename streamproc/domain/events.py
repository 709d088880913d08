"""Events: from the bytes of a record to an `Event`, or to the reason why it is none.

The order of the checks decides which fault a record with several is told of. What needs the task's state or the
definitions (duplicate, computed segment) is asked by the processor, with the questions that `Event` answers.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from mypy_extensions import mypyc_attr

from streamproc.domain.catalogue import KNOWN_EVENTS
from streamproc.domain.depth import EVENT_DEPTH, is_too_deep
from streamproc.domain.inputs import read_json
from streamproc.domain.instants import read_plain
from streamproc.domain.outcomes import Ignored, Parked
from streamproc.domain.outline import read_outline
from streamproc.topics import INPUT_LIMIT

CUSTOMER_DELETED: Final = "customer.deleted"
SEGMENT_ENTERED: Final = "customer.segment.entered"
SEGMENT_LEFT: Final = "customer.segment.left"
PUBLICATION_SUCCEEDED: Final = "customer.publication.succeeded"

# Compiled code looks up a name from a module that is not compiled whenever it uses it; those of its own it has at hand.
_KNOWN_EVENTS: Final = KNOWN_EVENTS
_read_outline: Final = read_outline
_read_plain: Final = read_plain

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:)(\d\d)(\.\d+)?(?:[Zz]|([+-](?:[01]\d|2[0-3]):[0-5]\d))", re.ASCII
)
_OWN_PUBLICATION = re.compile(r"pub_[0-9a-f]{32}", re.ASCII)
# Beyond these a shift into a time zone, or by a day, would leave the calendar that Python has.
FIRST_YEAR: Final = 2
LAST_YEAR: Final = 9998
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@mypyc_attr(acyclic=True, free_list_len=1)
@dataclass(slots=True, init=False)  # the `__init__` that a dataclass makes is not compiled
class Event:
    """A decoded fact about a customer. Nothing of what it says changes once it was read.

    `outline` is its `data`; `created_at` keeps the offset that it was sent with, and `created_text` is how it was
    written. `key` is its customer's id in UTF-8. `lines` are those of its order in JSON until they are decoded;
    `customer_json` is its customer in JSON, and stays; `words` is the same without upstream's own sums, as the outline
    tells it. Where they are not decoded, `outline` has null in their places: `data` is for whoever may read them.
    """

    id: str
    type: str
    created_at: datetime
    created_text: str
    customer_id: str
    outline: dict[str, Any]
    customer_json: bytes | None
    words: bytes | None
    lines: bytes | None
    key: bytes

    def __init__(
        self,
        id: str,  # noqa: A002  (as events name it)
        type: str,  # noqa: A002
        created_at: datetime,
        created_text: str,
        customer_id: str,
        outline: dict[str, Any],
        customer_json: bytes | None = None,
        words: bytes | None = None,
        lines: bytes | None = None,
        key: bytes | None = None,
    ) -> None:
        self.id = id
        self.type = type
        self.created_at = created_at
        self.created_text = created_text
        self.customer_id = customer_id
        self.outline = outline
        self.customer_json = customer_json
        self.words = customer_json if words is None else words
        self.lines = lines
        self.key = customer_id.encode() if key is None else key

    @property
    def customer(self) -> dict[str, Any]:
        """The customer as the event tells of it."""
        if self.customer_json is not None and self.outline["customer"] is None:
            self.outline["customer"] = orjson.loads(self.customer_json)
        customer: dict[str, Any] = self.outline["customer"]
        return customer

    @property
    def items(self) -> Any:
        """What stands in the order for its lines, None where nothing does."""
        order = self.outline.get("order")
        if type(order) is not dict:
            return None
        if self.lines is not None:
            order["items"] = orjson.loads(self.lines)
            self.lines = None
        return order.get("items")

    @property
    def data(self) -> dict[str, Any]:
        """The event's `data`, with all that it holds."""
        if self.lines is not None:
            _ = self.items  # decodes them
        if self.customer_json is not None:
            _ = self.customer
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


def read_event(key: bytes | None, value: bytes | None, known: bytes | None = None) -> Event | Ignored | Parked:
    """Check the bytes of a record of `customer-events` and decode them.

    `known` is the words in which an event with this key has told of its customer before, which the caller has to answer
    for: in the same words it is not looked at again. Of two equal keys in one JSON object the last one counts. Unknown
    fields are kept.
    """
    if value is not None and len(value) <= INPUT_LIMIT:
        found = _read_outline(value, known)
        if found is not None:
            own_key = None
            own_id, kind, created_text, told_id, outline, customer_json, words, lines = found
            if told_id is None and key is not None:
                # In the known words it is the customer of this key.
                told_id, own_key = key.decode(), key
            return _checked(key, own_id, kind, created_text, told_id, own_key, outline, customer_json, words, lines)
    body = read_json(value)
    if type(body) is not dict:
        return body if isinstance(body, Parked) else Parked("invalid_event", "not an object")
    event_id, event_type, created_at, data = body.get("id"), body.get("type"), body.get("created_at"), body.get("data")
    if not (type(event_id) is type(event_type) is type(created_at) is str and type(data) is dict):
        return Parked("invalid_event", _form_problem(event_id, event_type, created_at))
    # An outline is not that deep.
    if value is not None and value.count(b"[") + value.count(b"{") > EVENT_DEPTH and is_too_deep(data, EVENT_DEPTH):
        return Parked("invalid_event", f"data is nested deeper than {EVENT_DEPTH} levels")
    customer: Any = data.get("customer")
    customer_id = customer.get("id") if type(customer) is dict else None
    return _checked(key, event_id, event_type, created_at, customer_id, None, data, None, None, None)


def _checked(
    key: bytes | None,
    event_id: str,
    event_type: str,
    created_at: str,
    customer_id: object,
    customer_key: bytes | None,
    data: dict[str, Any],
    customer_json: bytes | None,
    words: bytes | None,
    lines: bytes | None,
) -> Event | Ignored | Parked:
    instant = parse_instant(created_at)
    if not event_id or not event_type or instant is None:
        return Parked("invalid_event", _form_problem(event_id, event_type, created_at))
    if event_type not in _KNOWN_EVENTS:
        return Ignored("unknown_type")
    if type(customer_id) is not str or not customer_id:
        return Parked("invalid_event", "data.customer.id is not a text, or empty", type=event_type)
    own_key = customer_id.encode() if customer_key is None else customer_key
    if key != own_key:
        return Parked("wrong_key", "the record's key is not data.customer.id", type=event_type)
    return Event(event_id, event_type, instant, created_at, customer_id, data, customer_json, words, lines, own_key)


def text_in(value: Any, name: str) -> str | None:
    """Return the text under a name in what may be an object; None where it is none, or empty."""
    found = value.get(name) if type(value) is dict else None
    return found if type(found) is str and found else None


def parse_instant(text: str) -> datetime | None:
    """Read an RFC 3339 date-time with its offset, at which something can have happened; None if it is not one.

    The years 1 and 9999 are refused: no time zone could show them all.
    """
    instant = parse_date_time(text)
    # A year in the middle is told by how it is written, which takes less time than to ask the instant.
    if instant is None or text[0] == "2" or FIRST_YEAR <= instant.year <= LAST_YEAR:
        return instant
    return None


def parse_date_time(text: str) -> datetime | None:
    """Read an RFC 3339 date-time with its offset; None if it is not one.

    A leap second is read as the second after :59. Digits beyond microseconds are cut.
    """
    plain = _read_plain(text)
    return parse_any_form(text) if plain is None else plain


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


def parse_any_form(text: str) -> datetime | None:
    """Read an RFC 3339 date-time in whatever form; None if it is not one."""
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


def _form_problem(event_id: object, event_type: object, created_at: object) -> str:
    if type(event_id) is not str or not event_id:
        return "id is not a text, or empty"
    if type(event_type) is not str or not event_type:
        return "type is not a text, or empty"
    if type(created_at) is not str or parse_instant(created_at) is None:
        return "created_at is not an RFC 3339 date-time with an offset"
    return "data is not an object"
