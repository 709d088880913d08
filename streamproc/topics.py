"""The logical topics, as data: names, keys, writers, partitions, clean-up and retention."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

CHANNELS = (
    "email", "sms", "webhook", "braze", "klaviyo", "mailchimp", "activecampaign", "batch", "intercom", "shopify",
)  # fmt: skip


class Topic(StrEnum):
    """Logical names; the physical name is the prefix followed by this."""

    CUSTOMER_EVENTS = "customer-events"
    CUSTOMERS = "customers"
    DISTRIBUTIONS = "distributions"
    VALIDATION_RULES = "validation-rules"
    SEGMENTS = "segments"
    CAMPAIGNS = "campaigns"
    DEFINITIONS = "definitions"
    PARTITION_COMMANDS = "partition-commands"
    CODE_REQUESTS = "code-requests"
    CUSTOMER_STATE = "customer-state"
    TASK_STATE = "task-state"
    CODE_STATE = "code-state"
    DISTRIBUTION_HOLDS = "distribution-holds"
    CONTROL_STATE = "control-state"
    PARTITION_REPORTS = "partition-reports"
    SEGMENT_CHANGES = "segment-changes"
    DECISIONS = "decisions"
    PUBLICATIONS = "publications"
    DEAD_LETTERS = "dead-letters"
    CONFIG_VERDICTS = "config-verdicts"
    DISTRIBUTION_STATUS = "distribution-status"
    DISTRIBUTION_LOG = "distribution-log"


CONFIG_TOPICS = (Topic.CAMPAIGNS, Topic.SEGMENTS, Topic.VALIDATION_RULES, Topic.DISTRIBUTIONS)

_MEBIBYTE: Final = 1024 * 1024
_DAY_MILLISECONDS = 24 * 60 * 60 * 1000
#: The largest value, in bytes, that is read of an event, a profile or a configuration record.
INPUT_LIMIT: Final = 1_048_576
# A record over `INPUT_LIMIT` has to arrive to be parked or refused by name; upstream gets no more than this.
_INPUT = {"max.message.bytes": str(2 * _MEBIBYTE)}
# Records that hold another one whole, with something around it.
_WRAPPED_BYTES: Final = 4 * _MEBIBYTE
_WRAPPED = {"max.message.bytes": str(_WRAPPED_BYTES)}
# A command may carry a distribution, its campaign, a tier of that and a customer. All but the first are encoded anew,
# by which numbers such as 1e15 grow to four times their length.
_COMMAND = {"max.message.bytes": str(16 * _MEBIBYTE)}
#: The largest value, in bytes, of a job or a customer's state. Key and headers repeat ids of the input, so they can be
#: as large as an input; the rest is for what is around them in a batch.
OUTPUT_LIMIT: Final = _WRAPPED_BYTES - INPUT_LIMIT - 64 * 1024
# A reader that was away for as long as events are kept still learns of every deletion.
_DELETIONS_KEPT = {"delete.retention.ms": str(7 * _DAY_MILLISECONDS)}
_BROKER_CLOCK = {"message.timestamp.type": "LogAppendTime"}
# Small tables: an object pushed once a month is still compacted within a day.
_SMALL_TABLE = {"segment.ms": str(_DAY_MILLISECONDS)}
# Changelogs are read whole at every takeover: small segments and an early cleaner keep that short. The active
# segment is never compacted, so its size bounds what a restore reads on top of the live records.
_CHANGELOG = {"segment.bytes": str(64 * _MEBIBYTE), "segment.ms": str(_DAY_MILLISECONDS)}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as it has to be. `partitions` "N": as many as all customer topics have."""

    name: str
    key: str
    partitions: Literal["N", 1]
    cleanup: Literal["compact", "delete"]
    writer: str
    retention_days: int | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    def partition_count(self, customer_partitions: int) -> int:
        """How many partitions it has when the customer topics have `customer_partitions`."""
        return customer_partitions if self.partitions == "N" else self.partitions

    def configuration(self) -> dict[str, str]:
        """Everything about it that is not the broker's default, as Kafka names it."""
        configuration = {"cleanup.policy": self.cleanup, **self.extra}
        if self.retention_days is not None:
            configuration["retention.ms"] = str(self.retention_days * _DAY_MILLISECONDS)
        return configuration


def deliveries(channel: str) -> str:
    """Logical name of the topic of one channel's delivery jobs."""
    return f"deliveries.{channel}"


def physical(prefix: str, topic: str) -> str:
    """Name of a logical topic on the brokers."""
    return prefix + topic


def _flow(  # records pass through and go after a time
    name: str, key: str, writer: str, *, partitions: Literal["N", 1] = "N", days: int = 7, extra: Mapping[str, str] = {}
) -> TopicSpec:
    return TopicSpec(name, key, partitions, "delete", writer, days, extra)


def _table(  # the last record of each key stays
    name: str, key: str, writer: str, *, partitions: Literal["N", 1] = 1, extra: Mapping[str, str] = {}
) -> TopicSpec:
    return TopicSpec(name, key, partitions, "compact", writer, None, extra)


def _config_topic(name: str) -> TopicSpec:
    """One partition: the offset is the object's version. The broker's clock: it says when an object was saved."""
    extra = {**_BROKER_CLOCK, **_INPUT, **_DELETIONS_KEPT, **_SMALL_TABLE}
    return _table(name, "object id", "config pushers", extra=extra)


_SPECS = (
    _flow(Topic.CUSTOMER_EVENTS, "customer id", "upstream", extra=_INPUT),
    _table(Topic.CUSTOMERS, "customer id", "upstream", partitions="N", extra={**_INPUT, **_DELETIONS_KEPT}),
    *(_config_topic(topic) for topic in CONFIG_TOPICS),
    _table(Topic.DEFINITIONS, "<kind>/<id>", "control task", extra={**_WRAPPED, **_DELETIONS_KEPT, **_SMALL_TABLE}),
    _flow(Topic.PARTITION_COMMANDS, "command id", "control task", extra=_COMMAND),
    _flow(Topic.CODE_REQUESTS, "customer id", "customer task", extra=_WRAPPED),
    _table(
        Topic.CUSTOMER_STATE,
        "customer id",
        "customer task",
        partitions="N",
        extra={**_WRAPPED, **_CHANGELOG, "min.cleanable.dirty.ratio": "0.3"},
    ),
    _table(
        # A few keys written with every chunk: almost all of the log is old at any time.
        Topic.TASK_STATE,
        "kind of key",
        "customer task",
        partitions="N",
        extra={**_WRAPPED, **_CHANGELOG, "segment.bytes": str(16 * _MEBIBYTE), "min.cleanable.dirty.ratio": "0.1"},
    ),
    # A request that waits for a code is in here whole.
    _table(
        Topic.CODE_STATE,
        "waiting/<distribution id>, its number; returning/<request id>; or read",
        "code task",
        partitions="N",
        extra={**_WRAPPED, **_CHANGELOG, "segment.bytes": str(16 * _MEBIBYTE), "min.cleanable.dirty.ratio": "0.1"},
    ),
    # A segment that is being synced is in here whole.
    _table(Topic.CONTROL_STATE, "what it is, and whose", "control task", extra={**_WRAPPED, **_SMALL_TABLE}),
    _table(Topic.DISTRIBUTION_HOLDS, "distribution id", "control task", extra=_SMALL_TABLE),
    # The broker's clock, as on the configuration topics: holds count from the end of a sync.
    _flow(Topic.PARTITION_REPORTS, "command id", "customer task, code task", partitions=1, extra=_BROKER_CLOCK),
    *(_flow(deliveries(channel), "customer id", "customer task, code task", extra=_WRAPPED) for channel in CHANNELS),
    _flow(Topic.SEGMENT_CHANGES, "customer id", "customer task"),
    # A decision holds the event's id, its key is the customer's: both can be as long as an event.
    _flow(Topic.DECISIONS, "customer id", "customer task", extra=_WRAPPED),
    _flow(Topic.PUBLICATIONS, "customer id", "code task", extra=_WRAPPED),
    _flow(Topic.DEAD_LETTERS, "key of the original", "all", days=30, extra=_WRAPPED),
    _table(Topic.CONFIG_VERDICTS, "<kind>/<id>", "control task", extra={**_WRAPPED, **_SMALL_TABLE}),
    _table(Topic.DISTRIBUTION_STATUS, "distribution id", "control task", extra=_SMALL_TABLE),
    _flow(Topic.DISTRIBUTION_LOG, "distribution id", "control task", partitions=1, days=90),
)

TOPICS: Mapping[str, TopicSpec] = {spec.name: spec for spec in _SPECS}

# Partition p of each of these belongs to the customers of partition p: their counts must be equal.
CO_PARTITIONED = tuple(spec.name for spec in _SPECS if spec.partitions == "N")
