"""What each topic is for, in words, and the form of the records that only streamproc itself reads."""

from dataclasses import dataclass
from typing import Any

from streamproc.topics import CONFIG_TOPICS, Topic

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a topic is for. `payload` is its records' schema where no file holds it."""

    text: str
    is_internal: bool = False
    payload: Json | None = None
    content_type: str = "application/json"
    is_nullable: bool = False


def object_schema(**properties: Json) -> Json:
    """Return the JSON Schema of an object that has to have these properties."""
    return {"type": "object", "properties": properties, "required": list(properties)}


_INTEGER: Json = {"type": "integer", "minimum": 0}
_DEFINITION = object_schema(
    kind={"enum": [*CONFIG_TOPICS]}, id={"type": "string"}, version=_INTEGER, object={"type": "object"}
)
_OBJECT: Json = {"type": "object"}
_STATE = object_schema(v=_INTEGER, profile=_OBJECT, now={"type": ["string", "null"], "format": "date-time"})
_STATE["properties"] |= {
    "memberships": {"type": "array", "items": {"type": "string"}},
    "orders": {
        "description": "those remembered, in four columns with commas between the fields: id (`%25` and `%2C` for what "
        "parts them), amount, when made in microseconds since the epoch, when counted; then how many they are; number "
        "and sum of older ones",
        "type": "array",
        "prefixItems": [*([{"type": "string"}] * 4), _INTEGER, _INTEGER, {"type": "number"}],
    },
    "events": {"description": "by name: how often, and when last", "type": "object"},
    "points": {"description": "by campaign: points, and the campaign's name", "type": "object"},
    "tiers": {"description": "by campaign: the tier's id, and the campaign's name", "type": "object"},
    "told": {
        "description": "XXH3 hash of 64 bits of what the latest event that changed the state told of its customer, in "
        "its bytes, with a byte 01 in the place of the values of `summary`, `loyalty` and `referrals`",
        "type": "string",
        "pattern": "^[0-9a-f]{16}$",
    },
}
_CODE_REQUEST = object_schema(
    id={"type": "string", "pattern": "^pub_[0-9a-f]{32}$"},
    cause_id={"type": "string"},
    jobs={"type": "array", "items": {"type": "object"}, "minItems": 1},
    publication={"type": "object"},
)

_DEFINITION["properties"]["halted"] = {"const": "out_of_codes", "description": "why it is paused, whatever it says"}

MEANINGS: dict[str, Meaning] = {
    Topic.CUSTOMER_EVENTS: Meaning("Customer activity, as upstream tells it. The partition is murmur2 of the key."),
    Topic.CUSTOMERS: Meaning(
        "Customers' profiles; null forgets a customer. The partition is murmur2 of the key.", is_nullable=True
    ),
    Topic.CAMPAIGNS: Meaning("Campaigns as pushed; null deletes.", is_nullable=True),
    Topic.SEGMENTS: Meaning("Segments as pushed; null deletes.", is_nullable=True),
    Topic.VALIDATION_RULES: Meaning("Validation rules as pushed; null deletes.", is_nullable=True),
    Topic.DISTRIBUTIONS: Meaning("Distributions as pushed; null deletes.", is_nullable=True),
    Topic.DEFINITIONS: Meaning(
        "What is in force, as every worker reads it; null: no longer.",
        is_internal=True,
        payload=_DEFINITION,
        is_nullable=True,
    ),
    Topic.CUSTOMER_STATE: Meaning(
        "Changelog of what is known of each customer; null: forgotten.",
        is_internal=True,
        payload=_STATE,
        is_nullable=True,
    ),
    Topic.TASK_STATE: Meaning(
        "Changelog of each customer task, by the first part of the key: the event ids of its window (ids/, hashes of 8 "
        "bytes behind a number of 8 bytes) and, as JSON, segments (segments/), syncs and days under way (updates, and "
        "whom they pass by: kept/), releases and backfills (sends/, carried/) and counts (counts/).",
        is_internal=True,
        payload={"type": "string", "contentEncoding": "binary"},
        content_type="application/octet-stream",
        is_nullable=True,
    ),
    Topic.PARTITION_COMMANDS: Meaning("What the control task asks of the customer tasks.", is_internal=True),
    Topic.PARTITION_REPORTS: Meaning("How far the customer tasks have come.", is_internal=True),
    Topic.DISTRIBUTION_HOLDS: Meaning(
        "Manual distributions that wait for their time; null: no longer.", is_internal=True, is_nullable=True
    ),
    Topic.CONTROL_STATE: Meaning(
        "Changelog of the control task, by the first part of the key: how far syncs, counts, releases and backfills "
        "have come (sync/, count/, release/, backfill/), which segments wait for a sync (pending/), since when they "
        "are known and how many members they had (since/, size/), and up to where the configuration was read (read/).",
        is_internal=True,
        payload={"type": ["object", "array", "integer"]},
        is_nullable=True,
    ),
    Topic.DISTRIBUTION_LOG: Meaning("What became of each distribution: changes of state, and receipts."),
    Topic.SEGMENT_CHANGES: Meaning("Memberships of static and dynamic segments that have changed, and why."),
    Topic.CODE_REQUESTS: Meaning(
        "Deliveries that need a code, finished but for the code; the jobs and the publication that follow.",
        is_internal=True,
        payload=_CODE_REQUEST,
    ),
    Topic.CODE_STATE: Meaning(
        "Changelog of each code task: requests that wait for a code, as they came, and those given up; null: gone.",
        is_internal=True,
        payload={"type": "object"},
        is_nullable=True,
    ),
    Topic.PUBLICATIONS: Meaning("Codes that have been given to customers."),
    Topic.DECISIONS: Meaning("What matched and was not sent, with the reason."),
    Topic.DEAD_LETTERS: Meaning("Inputs that could not be processed: key, value and headers as they came, and why."),
    Topic.CONFIG_VERDICTS: Meaning("What became of each pushed configuration record."),
    Topic.DISTRIBUTION_STATUS: Meaning("What each distribution is doing; null: it is no more.", is_nullable=True),
}
