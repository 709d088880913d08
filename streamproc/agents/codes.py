"""The agent of the code tasks: `code-requests`."""

from faust.types import AppT

from streamproc.agents.handover import add_agent
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.tasks import Tasks
from streamproc.topics import Topic

SOURCES = (Topic.CODE_REQUESTS,)


def add_codes_agent(app: AppT, kafka: Kafka, tasks: Tasks) -> None:
    """Attach the agent to the application."""
    add_agent(app, "codes", [kafka.physical(topic) for topic in SOURCES], tasks)
