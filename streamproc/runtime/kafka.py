"""Which Kafka, and how to talk to it: one value from which every client of the worker is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient


@dataclass(frozen=True, slots=True)
class Kafka:
    """Brokers, security, and the prefix between logical and physical topic names."""

    bootstrap: str
    prefix: str
    security: Mapping[str, Any] = field(default_factory=dict)

    def physical(self, topic: str) -> str:
        """Name of a topic on the brokers."""
        return self.prefix + topic

    def logical(self, topic: str) -> str:
        """Name of a topic in the code."""
        return topic.removeprefix(self.prefix)

    def reader(self, *, committed: bool = True, **options: Any) -> AIOKafkaConsumer:
        """Make a consumer without a group; the caller assigns and starts it.

        Unless told otherwise it sees committed records only, and the end that it tells is before the first open
        transaction.
        """
        return AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            group_id=None,
            isolation_level="read_committed" if committed else "read_uncommitted",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **self.security,
            **options,
        )

    def admin(self) -> AIOKafkaAdminClient:
        """Make an admin client; the caller starts and closes it."""
        return AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, **self.security)

    def client(self, client_id: str) -> AIOKafkaClient:
        """Make a client that sends single requests; the caller bootstraps and closes it."""
        return AIOKafkaClient(bootstrap_servers=self.bootstrap, client_id=client_id, **self.security)
