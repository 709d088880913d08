import pytest

from streamproc.topics import CHANNELS, CO_PARTITIONED, CONFIG_TOPICS, TOPICS, Topic, deliveries, physical

_DAY = 24 * 60 * 60 * 1000


def test_every_logical_name_has_its_spec_and_every_spec_a_name() -> None:
    assert set(TOPICS) == {*Topic, *(deliveries(channel) for channel in CHANNELS)}


def test_one_partition_is_for_what_needs_one_order_and_the_rest_follows_the_customers() -> None:
    single = {name for name, spec in TOPICS.items() if spec.partitions == 1}
    assert single == {
        *CONFIG_TOPICS,
        "definitions",
        "distribution-holds",
        "control-state",
        "partition-reports",
        "config-verdicts",
        "distribution-status",
        "distribution-log",
    }
    assert set(CO_PARTITIONED) == set(TOPICS) - single


def test_tables_are_compacted_and_flows_go_after_their_time() -> None:
    compacted = {name for name, spec in TOPICS.items() if spec.cleanup == "compact"}
    assert compacted == {
        *CONFIG_TOPICS,
        "customers",
        "definitions",
        "customer-state",
        "task-state",
        "code-state",
        "distribution-holds",
        "control-state",
        "config-verdicts",
        "distribution-status",
    }
    days = {name: spec.retention_days for name, spec in TOPICS.items()}
    assert {name: kept for name, kept in days.items() if kept != 7 and name not in compacted} == {
        "dead-letters": 30,
        "distribution-log": 90,
    }
    assert {name for name, kept in days.items() if kept is None} == compacted


@pytest.mark.parametrize("topic", CONFIG_TOPICS)
def test_the_brokers_clock_dates_what_is_pushed(topic: Topic) -> None:
    assert TOPICS[topic].configuration()["message.timestamp.type"] == "LogAppendTime"


def test_a_too_large_record_can_arrive_and_be_parked_whole() -> None:
    inputs = [*CONFIG_TOPICS, Topic.CUSTOMER_EVENTS, Topic.CUSTOMERS]
    limits = {TOPICS[topic].configuration()["max.message.bytes"] for topic in inputs}
    assert limits == {"2097152"}
    assert TOPICS[Topic.DEAD_LETTERS].configuration()["max.message.bytes"] == "4194304"


def test_a_spec_tells_its_partitions_and_its_settings_in_kafkas_words() -> None:
    spec = TOPICS[deliveries("email")]
    assert (spec.partition_count(12), TOPICS[Topic.DEFINITIONS].partition_count(12)) == (12, 1)
    assert spec.configuration() == {
        "cleanup.policy": "delete",
        "retention.ms": str(7 * _DAY),
        "max.message.bytes": "4194304",
    }


def test_a_physical_name_is_the_prefix_and_the_logical_name() -> None:
    assert physical("acme.", Topic.CUSTOMER_EVENTS) == "acme.customer-events"
