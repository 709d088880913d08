"""The records other than configuration, as models: what `schemas/` says about them is generated from here.

Nothing is decided with these. Events and customers are read on a path that has no time for models, and what
streamproc writes is put together from bytes; tests hold both against these models.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from streamproc.domain.form import Id, Text
from streamproc.domain.outcomes import DeadLetterReason
from streamproc.domain.problems import RefusalCode
from streamproc.domain.receipts import ReceiptKind
from streamproc.processing.statuses import State

Channel = Literal[
    "email", "sms", "webhook", "braze", "klaviyo", "mailchimp", "activecampaign", "batch", "intercom", "shopify"
]
_RFC_3339 = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
Moment = Annotated[str, Field(pattern=_RFC_3339, json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]


class Open(BaseModel):
    """A record whose unknown fields are ignored and kept."""

    model_config = ConfigDict(extra="allow", strict=True)


class EventCustomer(Open):
    """The customer of an event; fields that are present overwrite the profile."""

    id: Annotated[Text, Field(description="equal to the record's key")]


class EventData(Open):
    """The objects of an event: which ones, is for its type."""

    customer: EventCustomer


class Event(Open):
    """Customer activity, on `customer-events`; key: the customer's id."""

    id: Annotated[Text, Field(description="the same id again within its partition's window is a duplicate")]
    type: Annotated[Text, Field(description="lower-case event name; unknown ones are ignored")]
    created_at: Moment
    group_id: str | None = None
    data: EventData


class Customer(Open):
    """A customer's profile, on `customers`; key: the customer's id; null deletes. Replaces the profile."""

    id: Text
    source_id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    birthdate: str | None = None
    address: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    created_at: Moment | None = None
    unsubscribed: Annotated[
        list[str] | bool | None, Field(description="channels that must stay silent; true: all of them")
    ] = None


class Caused(Open):
    """What followed from a cause, when that is nearer."""

    via: Annotated[Text | None, Field(description="entered:<segment>, left:<segment> or published:<publication>")] = (
        None
    )


class EventCause(Caused):
    """An event of upstream."""

    event_id: Text
    type: Text
    created_at: Moment


class RecordCause(Caused):
    """A profile that has changed a membership."""

    record: Annotated[str, Field(pattern="^customers:[0-9]+:[0-9]+$", description="topic, partition and offset")]


class TickCause(Caused):
    """The beginning of a day."""

    tick: Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class ReleaseCause(Caused):
    """The release of a manual distribution."""

    release: Id


class BackfillCause(Caused):
    """The look at those who were members when a distribution was first in force."""

    backfill: Id


Cause = EventCause | RecordCause | TickCause | ReleaseCause | BackfillCause


class JobDistribution(Open):
    """The distribution that a job belongs to; `version` is its offset in its configuration topic."""

    id: Id
    name: Text
    version: Count


class JobCustomer(Open):
    """Whom a job addresses, with the contact field that its channel needs.

    `name` is what was told of the customer, which nobody has checked: mostly a text.
    """

    id: Text
    name: Any = None
    email: str | None = None
    phone: str | None = None
    source_id: str | None = None


class Voucher(Open):
    """A code of a campaign."""

    code: Text


class PublicationOfJob(Open):
    """The publication by which a code became the customer's."""

    id: Annotated[str, Field(pattern="^pub_[0-9a-f]{32}$", description="derived, as a job's id is")]


class JobAction(Open):
    """What the customer gets; a promotion carries its tier, codes carry their campaign and the customer's voucher."""

    type: Literal["promotion", "codes", "message"]
    promotion_tier: dict[str, Any] | None = None
    campaign: dict[str, Any] | None = None
    voucher: Voucher | None = None


class DeliveryJob(Open):
    """One action to one customer on one channel for one cause, on `deliveries.<channel>`; key: the customer's id.

    Headers: job-id, distribution-id, distribution-version, cause-id.
    """

    id: Annotated[str, Field(pattern="^job_[0-9a-f]{32}$", description="derived: the same cause gives the same id")]
    distribution: JobDistribution
    channel: Channel
    channel_index: Annotated[Count, Field(description="the channel's place in the distribution's list")]
    customer: JobCustomer
    action: JobAction
    publication: PublicationOfJob | None = None
    cause: Cause
    settings: Annotated[dict[str, Any], Field(description="the channel's settings, its fields rendered")]
    payload: Annotated[Any, Field(description="the rendered body; webhook only")] = None
    created_at: Moment


class SegmentChange(Open):
    """A customer entered or left a segment whose members are found here, on `segment-changes`; key: the customer's id.

    `version` is the segment's; `cause` is what has led to the change, `created_at` its time.
    """

    customer_id: Text
    segment_id: Id
    version: Count
    change: Literal["entered", "left"]
    cause: Cause
    created_at: Moment


class Decision(Open):
    """A matched distribution whose channel could not go, on `decisions`; key: the customer's id."""

    distribution_id: Id
    version: Count
    channel: Channel
    channel_index: Count
    reason: Literal["unsubscribed", "missing_contact", "unknown_customer"]
    cause: Cause


class NamedCampaign(Open):
    """A campaign as it was in force."""

    id: Id


class Publication(Open):
    """A code that became a customer's, on `publications`; key: the customer's id.

    `customer`, `campaign`, `publication` and `voucher` are the objects of the event "successfully published".
    """

    distribution: JobDistribution
    customer: EventCustomer
    campaign: NamedCampaign
    voucher: Voucher
    publication: PublicationOfJob
    cause: Cause
    created_at: Moment


class Finding(Open):
    """An error or a warning: where, what, and what is allowed."""

    path: Annotated[str, Field(description="JSON path")]
    message: str


class Error(Finding):
    """A reason why a record is rejected."""

    code: RefusalCode


class Warning_(Finding):  # noqa: N801 (Warning is Python's own)
    """Something that does not keep a record from being accepted."""

    code: str


class Verdict(Open):
    """What became of a pushed configuration record, on `config-verdicts`; key: `<kind>/<id>`."""

    kind: Literal["distributions", "validation-rules", "segments", "campaigns"]
    id: str | None
    version: Annotated[Count, Field(description="the record's offset")]
    accepted: bool
    errors: Annotated[list[Error], Field(max_length=100)]
    warnings: Annotated[list[Warning_], Field(max_length=100)]
    blocked: Annotated[list[str], Field(max_length=100, description="<cause> <kind> <id>")]
    in_force_version: Count | None


class Sync(Open):
    """How far the look at all customers for a segment has come."""

    segment_id: str
    scanned: Count
    total: Count
    partitions_done: Count
    partitions: Count


class Progress(Open):
    """How far the sending has come."""

    emitted: Count
    undeliverable: Count
    partitions_done: Count
    partitions: Count


class DistributionStatus(Open):
    """What a distribution is doing, on `distribution-status`; key: the distribution's id."""

    distribution_id: Id
    version: Count
    state: State
    due_at: Annotated[Moment | None, Field(description="when a held one is released")] = None
    sync: Annotated[Sync | None, Field(description="what a manual one waits for")] = None
    progress: Annotated[Progress | None, Field(description="of a release, or of reaching the present members")] = None
    released_at: Annotated[Moment | None, Field(description="its one release; stays for ever")] = None
    problem: str | None = None


class DistributionLogEntry(Open):
    """A change of a distribution's state, or the receipt for a change of a manual one; on `distribution-log`.

    Key: the distribution's id. `version` is that of the pushed record which is answered; of `released` and `done`,
    that of the jobs.
    """

    distribution_id: Id
    version: Count
    state: Annotated[State | None, Field(description="its state afterwards; null: it is no more")]
    at: Moment
    receipt: ReceiptKind | None = None
    emitted: Annotated[Count | None, Field(description="jobs since the release")] = None
    undeliverable: Annotated[Count | None, Field(description="channels that could not go")] = None
    remaining: Annotated[Count | None, Field(description="of what was stopped: customers not reached")] = None
    warning: Annotated[
        str | None, Field(description="of `released`: there may not be enough codes, or nobody could count them")
    ] = None
    due_at: Moment | None = None
    problem: str | None = None


class DeadLetterHeaders(BaseModel):
    """Headers of a dead letter, on `dead-letters`; key, value and earlier headers are the original's.

    Header values are texts in UTF-8.
    """

    model_config = ConfigDict(extra="allow", strict=True, alias_generator=lambda name: name.replace("_", "-"))

    reason: DeadLetterReason
    detail: Annotated[str, Field(description="what was wrong, without customer data")]
    source_topic: Text
    source_partition: Annotated[str, Field(pattern="^[0-9]+$")]
    source_offset: Annotated[
        str, Field(pattern="^(-1|[0-9]+)$", description="-1: the command for one customer for whom a walk failed")
    ]
    parked_at: Moment
    step: Text
