"""Reads what is in force of one kind, as `streamproc get` shows it and `streamproc delete` looks for it."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from streamproc.cli.latest import keep_latest
from streamproc.cli.reading import read_to_end
from streamproc.processing.segment_syncs import pending_id
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic

# What is told of a kind elsewhere than in `definitions`.
_BESIDE: dict[str, tuple[str, ...]] = {
    Topic.DISTRIBUTIONS: (Topic.DISTRIBUTION_STATUS,),
    Topic.SEGMENTS: (Topic.CONTROL_STATE,),
}
# These two say again what the definition says.
_NOT_STATE = frozenset({"distribution_id", "version"})


@dataclass(slots=True)
class ObjectsInForce:
    """The latest records about one kind, undecoded, by the objects' ids; only a distribution has a status.

    Of segments `syncing` has those that are not in force yet, or not in their latest version.
    """

    kind: str
    definitions: dict[str, bytes] = field(default_factory=dict)
    statuses: dict[str, bytes] = field(default_factory=dict)
    syncing: dict[str, bytes] = field(default_factory=dict)

    def take(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Take a record of a logical topic."""
        told = (key or b"").decode()
        if topic == Topic.DISTRIBUTION_STATUS:
            keep_latest(self.statuses, told, value)
        elif topic == Topic.CONTROL_STATE:
            segment_id = pending_id(key or b"")
            if segment_id is not None:
                keep_latest(self.syncing, segment_id, value)
        elif told.startswith(f"{self.kind}/"):
            keep_latest(self.definitions, told.removeprefix(f"{self.kind}/"), value)

    def ids(self) -> list[str]:
        """Return the ids of all objects in force, sorted."""
        return sorted(self.definitions)

    def row(self, object_id: str) -> dict[str, Any] | None:
        """Return kind, id, version and object, with what the status of a distribution tells; None if not in force.

        Of a segment that has changed and is being synced, `syncing` is the version that comes next.
        """
        definition = self.definitions.get(object_id)
        if definition is None:
            return None
        record = orjson.loads(definition)
        told = {name: record[name] for name in ("kind", "id", "version")}
        coming = self.syncing_version(object_id)
        return {
            **told,
            **self.status(object_id),
            **({} if coming is None else {"syncing": coming}),
            "object": record["object"],
        }

    def syncing_version(self, object_id: str) -> int | None:
        """Return the version of a segment that is being synced, None if none is."""
        definition = self.syncing.get(object_id)
        if definition is None:
            return None
        version: int = orjson.loads(definition)["version"]
        return version

    def status(self, object_id: str) -> dict[str, Any]:
        """Return state, problem and whatever else the status tells; also of a distribution not in force (rejected)."""
        status = self.statuses.get(object_id)
        told = {} if status is None else orjson.loads(status)
        return {name: value for name, value in told.items() if name not in _NOT_STATE}


async def read_in_force(kafka: Kafka, kind: str) -> ObjectsInForce:
    """Read all that stands in the topics now."""
    found = ObjectsInForce(kind)
    async for record in read_to_end(kafka, [Topic.DEFINITIONS, *_BESIDE.get(kind, ())]):
        found.take(kafka.logical(record.topic), record.key, record.value)
    return found
