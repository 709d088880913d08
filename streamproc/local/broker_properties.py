"""The settings of a development broker: one KRaft node, broker and controller in one, quick to start and take over."""

from collections.abc import Mapping
from pathlib import Path

from streamproc.local.addresses import LOOPBACK

DEVELOPMENT = {
    # One node: nothing is copied, and the internal topics have few partitions to open and load.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Topics are made by `streamproc topics create`, with their settings; a misspelt name must not make one.
    "auto.create.topics.enable": "false",
    # Groups form at once, and tests may use sessions of a second.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # Transactions that nobody ends are looked for every second instead of every ten.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # A killed broker is let in again only when the session of its predecessor is over: 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # Roomy: the limits that count are those of the topics.
    "message.max.bytes": str(8 * 1024 * 1024),
    # The default, 128 MB, is a quarter of the heap.
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    "log.cleaner.backoff.ms": "1000",
    "log.segment.delete.delay.ms": "1000",
    "num.network.threads": "2",
    "num.io.threads": "4",
}


def server_properties(data: Path, ports: tuple[int, int], properties: Mapping[str, str]) -> str:
    """Text of `server.properties`; `ports` are the broker's and the controller's, `properties` win over ours."""
    broker, controller = ports
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"BROKER://{LOOPBACK}:{broker},CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": f"BROKER://{LOOPBACK}:{broker}",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
        "log.dirs": str(data),
        **DEVELOPMENT,
        **properties,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
