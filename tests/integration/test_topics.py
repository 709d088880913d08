"""`topics create` and `topics check` on a real broker."""

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import InvalidReplicationFactorError
from click.testing import CliRunner

from streamproc.cli.topics import topics
from streamproc.operations.topic_admin import Created, Difference, check_topics, create_topics
from streamproc.topics import CO_PARTITIONED, TOPICS, Topic, TopicSpec, deliveries, physical

pytestmark = pytest.mark.broker

_PARTITIONS = 2


async def _make(bootstrap: str, prefix: str, spec: TopicSpec, partitions: int, **changed: str) -> None:
    """Make one topic beforehand, not as it has to be."""
    configuration = {**spec.configuration(), **changed}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(physical(prefix, spec.name), partitions, 1, topic_configs=configuration)])
    finally:
        await admin.close()


async def test_create_makes_every_topic_as_check_wants_it(kafka: str, topic_prefix: str) -> None:
    created = await create_topics(kafka, topic_prefix, _PARTITIONS, 1)
    assert created == Created(created=tuple(physical(topic_prefix, name) for name in TOPICS), existing=())
    assert await check_topics(kafka, topic_prefix, _PARTITIONS) == []
    assert await check_topics(kafka, topic_prefix) == []


async def test_create_again_makes_nothing_and_says_so(kafka: str, topic_prefix: str) -> None:
    await create_topics(kafka, topic_prefix, _PARTITIONS, 1)
    again = await create_topics(kafka, topic_prefix, _PARTITIONS, 1)
    assert again == Created(created=(), existing=tuple(physical(topic_prefix, name) for name in TOPICS))


async def test_create_makes_what_is_missing_and_leaves_the_rest_alone(kafka: str, topic_prefix: str) -> None:
    spec = TOPICS[Topic.DECISIONS]
    await _make(kafka, topic_prefix, spec, _PARTITIONS, **{"retention.ms": "1000"})
    created = await create_topics(kafka, topic_prefix, _PARTITIONS, 1)
    assert created.existing == (physical(topic_prefix, spec.name),)
    assert [(found.topic, found.aspect) for found in await check_topics(kafka, topic_prefix)] == [
        (physical(topic_prefix, spec.name), "retention.ms")
    ]


async def test_a_topic_that_the_brokers_refuse_is_an_error(kafka: str, topic_prefix: str) -> None:
    with pytest.raises(InvalidReplicationFactorError, match=r"customer-events"):
        await create_topics(kafka, topic_prefix, _PARTITIONS, 99)


async def test_without_topics_each_one_is_missing(kafka: str, topic_prefix: str) -> None:
    expected = [
        Difference(physical(topic_prefix, name), "topic", "there", "missing", "make it with `streamproc topics create`")
        for name in TOPICS
    ]
    assert await check_topics(kafka, topic_prefix, _PARTITIONS) == expected


@pytest.mark.parametrize(
    ("topic", "setting", "expected", "actual"),
    [
        (Topic.CUSTOMER_STATE, "cleanup.policy", "compact", "delete"),
        (Topic.CUSTOMER_EVENTS, "cleanup.policy", "delete", "compact,delete"),
        (Topic.DEAD_LETTERS, "retention.ms", str(30 * 24 * 60 * 60 * 1000), "604800000"),
        (Topic.DISTRIBUTIONS, "message.timestamp.type", "LogAppendTime", "CreateTime"),
        (Topic.CUSTOMERS, "max.message.bytes", "2097152", "1048588"),
    ],
)
async def test_check_finds_a_setting_that_is_different(
    kafka: str, topic_prefix: str, topic: Topic, setting: str, expected: str, actual: str
) -> None:
    spec = TOPICS[topic]
    await _make(kafka, topic_prefix, spec, spec.partition_count(_PARTITIONS), **{setting: actual})
    await create_topics(kafka, topic_prefix, _PARTITIONS, 1)
    name = physical(topic_prefix, topic)
    advice = f"kafka-configs.sh --alter --entity-type topics --entity-name {name} --add-config {setting}={expected}"
    assert await check_topics(kafka, topic_prefix, _PARTITIONS) == [Difference(name, setting, expected, actual, advice)]


async def test_check_finds_a_table_of_one_order_that_has_more_partitions(kafka: str, topic_prefix: str) -> None:
    await _make(kafka, topic_prefix, TOPICS[Topic.DEFINITIONS], 3)
    await create_topics(kafka, topic_prefix, _PARTITIONS, 1)
    (found,) = await check_topics(kafka, topic_prefix, _PARTITIONS)
    assert (found.topic, found.aspect, found.expected, found.actual) == (
        physical(topic_prefix, Topic.DEFINITIONS),
        "partitions",
        "1",
        "3",
    )


async def test_check_finds_customer_topics_of_unequal_counts(kafka: str, topic_prefix: str) -> None:
    await _make(kafka, topic_prefix, TOPICS[deliveries("sms")], 3)
    await create_topics(kafka, topic_prefix, _PARTITIONS, 1)
    among_each_other, against_a_count = await check_topics(kafka, topic_prefix, _PARTITIONS)
    others = ", ".join(physical(topic_prefix, name) for name in CO_PARTITIONED if name != deliveries("sms"))
    name = physical(topic_prefix, deliveries("sms"))
    assert (among_each_other.aspect, among_each_other.actual) == ("co-partitioning", f"2: {others}; 3: {name}")
    assert (against_a_count.topic, against_a_count.aspect, against_a_count.actual) == (name, "partitions", "3")
    assert await check_topics(kafka, topic_prefix) == [among_each_other]


def test_the_commands_answer_by_exit_status_and_json(kafka: str, topic_prefix: str) -> None:
    runner = CliRunner(env={"STREAMPROC_KAFKA": kafka, "STREAMPROC_PREFIX": topic_prefix, "STREAMPROC_PARTITIONS": "2"})
    before = runner.invoke(topics, ["check"])
    created = runner.invoke(topics, ["create", "--json"])
    after = runner.invoke(topics, ["check", "--json"])
    other = runner.invoke(topics, ["check", "--partitions", "4", "--json"])
    agreeing = runner.invoke(topics, ["check"], env={"STREAMPROC_PARTITIONS": None})

    assert (before.exit_code, before.stdout.splitlines()[-1]) == (1, f"{len(TOPICS)} differences")
    assert created.exit_code == 0
    assert orjson.loads(created.stdout) == {"created": [topic_prefix + name for name in TOPICS], "existing": []}
    assert (after.exit_code, orjson.loads(after.stdout)) == (0, {"differences": []})
    assert other.exit_code == 1
    assert {found["aspect"] for found in orjson.loads(other.stdout)["differences"]} == {"partitions"}
    assert (agreeing.exit_code, agreeing.stdout) == (0, "all topics are as they have to be\n")


def test_a_broker_that_does_not_answer_is_one_line_and_exit_two() -> None:
    answer = CliRunner().invoke(topics, ["check", "--kafka", "127.0.0.1:1"])
    assert answer.exit_code == 2
    assert answer.output.startswith("Error: brokers at 127.0.0.1:1: ")
    assert len(answer.output.splitlines()) == 1


def test_without_an_address_the_command_says_how_to_give_one() -> None:
    answer = CliRunner(env={"STREAMPROC_KAFKA": None}).invoke(topics, ["check"])
    assert (answer.exit_code, answer.output) == (2, "Error: kafka: not set; give --kafka or set STREAMPROC_KAFKA\n")
