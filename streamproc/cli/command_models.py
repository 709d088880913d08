"""What the control task keeps of holds, asks of the other tasks and is told by them, as models.

As those of `record_models` they are what `schemas/` is generated from, and nothing is decided with them.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel

from streamproc.cli.record_models import Count, JobCustomer, Open
from streamproc.domain.commands import ReportKind
from streamproc.domain.form import Id, Text


class WaitingDistribution(Open):
    """A manual distribution that waits to be released, on `distribution-holds`; key: its id; null: no longer.

    Times in milliseconds since the epoch.
    """

    distribution_id: Id
    version: Annotated[Count, Field(description="what will be sent")]
    saved_at: Annotated[Count, Field(description="the broker's time of the live record that began the hold")]
    due_at: Annotated[Count | None, Field(description="null while it waits for something else")]
    waits_for: Annotated[list[str], Field(description="<cause> <kind> <id>")]


class Carried(Open):
    """A configuration object with its version, as a command carries it whole."""

    id: Id
    version: Count
    object: dict[str, Any]


class OneCustomer(Open):
    """Whom alone a command is for."""

    id: Text


class SyncCommand(Open):
    """Look at every customer for this version of a segment."""

    id: Text
    kind: Literal["sync"]
    segment: Carried


class DropCommand(Open):
    """Forget a deleted segment."""

    id: Text
    kind: Literal["drop"]
    segment_id: Id


class CountCommand(Open):
    """Count the members of a segment."""

    id: Text
    kind: Literal["count"]
    segment_id: Id


class SendCommand(Open):
    """Send a manual distribution to the members of a segment, or to one customer."""

    id: Text
    kind: Literal["send"]
    distribution: Carried
    action: Annotated[dict[str, Any], Field(description="the objects that the action adds")]
    segment_id: Id | None = None
    customer: JobCustomer | None = None


class StopCommand(Open):
    """Stop sending and keep the place, or stop for good."""

    id: Text
    kind: Literal["stop", "end"]
    distribution_id: Id


class ResumeCommand(Open):
    """Go on sending, with this version."""

    id: Text
    kind: Literal["resume"]
    distribution: Carried
    action: dict[str, Any]


class BackfillCommand(Open):
    """Treat the present members of a segment as having entered it, for this distribution."""

    id: Text
    kind: Literal["backfill"]
    distribution: Carried
    action: dict[str, Any]
    segment_id: Id
    customer: Annotated[OneCustomer | None, Field(description="narrowed to the one whom its walk failed for")] = None


class UpdateForOne(Open):
    """A sync, a drop or a new day, narrowed to the one customer whom its walk failed for.

    It is the value of a dead letter, and is obeyed when that is put back.
    """

    id: Text
    kind: Literal["sync", "drop", "tick"]
    subject: Annotated[Text, Field(description="the segment's id, or the day")]
    at: Annotated[int, Field(description="when the update began, in milliseconds since the epoch")]
    customer: OneCustomer


_CommandForAll = Annotated[
    SyncCommand | DropCommand | CountCommand | SendCommand | StopCommand | ResumeCommand | BackfillCommand,
    Field(discriminator="kind"),
]


class PartitionCommand(RootModel[_CommandForAll | UpdateForOne]):
    """What the control task asks of a customer task, on `partition-commands`; key: the command's id."""


class PartitionReport(Open):
    """How far one partition has come with one command, on `partition-reports`; key: the command's id.

    `out_of_codes` answers no command: a distribution has asked for a code and there is none.

    The numbers are sums since the work began; those of a release go on through stops and resumes.
    """

    command_id: Text
    kind: ReportKind
    partition: Count
    scanned: Annotated[Count, Field(description="customers looked at")]
    matched: Annotated[Count, Field(description="customers meant")]
    emitted: Annotated[Count, Field(description="jobs written")]
    undeliverable: Annotated[Count, Field(description="channels that could not go")]
    total: Annotated[Count, Field(description="customers to look at")]
    done: Annotated[bool, Field(description="the last report on this command")]
    remaining: Annotated[Count, Field(description="of a stop or an end: customers not reached")] = 0
