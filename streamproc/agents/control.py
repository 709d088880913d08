"""The agent of the control task: the four configuration topics, and what the customer tasks report."""

from faust.types import AppT

from streamproc.agents.handover import add_agent
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.tasks import Tasks
from streamproc.topics import CONFIG_TOPICS, Topic

SOURCES = (*CONFIG_TOPICS, Topic.PARTITION_REPORTS)


def add_control_agent(app: AppT, kafka: Kafka, tasks: Tasks) -> None:
    """Attach the agent to the application."""
    add_agent(app, "control", [kafka.physical(topic) for topic in SOURCES], tasks)
