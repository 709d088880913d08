"""The agent of the customer tasks: `customer-events`, `customers`, `publications` and `partition-commands`."""

from faust.types import AppT

from streamproc.agents.handover import add_agent
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.tasks import Tasks
from streamproc.topics import Topic

SOURCES = (Topic.CUSTOMER_EVENTS, Topic.CUSTOMERS, Topic.PUBLICATIONS, Topic.PARTITION_COMMANDS)


def add_customers_agent(app: AppT, kafka: Kafka, tasks: Tasks) -> None:
    """Attach the agent to the application."""
    add_agent(app, "customers", [kafka.physical(topic) for topic in SOURCES], tasks)
