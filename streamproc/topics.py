"""The logical topics: names, partitions, clean-up and retention (section 3 of the design, as data)."""

from enum import StrEnum

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
    DISTRIBUTION_HOLDS = "distribution-holds"
    PARTITION_REPORTS = "partition-reports"
    SEGMENT_CHANGES = "segment-changes"
    DECISIONS = "decisions"
    PUBLICATIONS = "publications"
    DEAD_LETTERS = "dead-letters"
    CONFIG_VERDICTS = "config-verdicts"
    DISTRIBUTION_STATUS = "distribution-status"
    DISTRIBUTION_LOG = "distribution-log"


CONFIG_TOPICS = (Topic.CAMPAIGNS, Topic.SEGMENTS, Topic.VALIDATION_RULES, Topic.DISTRIBUTIONS)


def deliveries(channel: str) -> str:
    """Logical name of the topic of one channel's delivery jobs."""
    return f"deliveries.{channel}"
