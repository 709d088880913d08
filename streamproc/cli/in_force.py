"""Reads what is in force of one kind, as `streamproc get` shows it and `streamproc delete` looks for it."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from streamproc.cli.reading import read_to_end
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic

# These two say again what the definition says.
_NOT_STATE = frozenset({"distribution_id", "version"})


@dataclass(slots=True)
class ObjectsInForce:
    """The latest records about one kind, undecoded, by the objects' ids; only a distribution has a status."""

    kind: str
    definitions: dict[str, bytes] = field(default_factory=dict)
    statuses: dict[str, bytes] = field(default_factory=dict)

    def take(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Take a record of a logical topic."""
        told = (key or b"").decode()
        if topic == Topic.DISTRIBUTION_STATUS:
            _put(self.statuses, told, value)
        elif told.startswith(f"{self.kind}/"):
            _put(self.definitions, told.removeprefix(f"{self.kind}/"), value)

    def ids(self) -> list[str]:
        """Return the ids of all objects in force, sorted."""
        return sorted(self.definitions)

    def row(self, object_id: str) -> dict[str, Any] | None:
        """Return kind, id, version, for a distribution what its status tells, and the object; None if not in force."""
        definition = self.definitions.get(object_id)
        if definition is None:
            return None
        record = orjson.loads(definition)
        told = {name: record[name] for name in ("kind", "id", "version")}
        return {**told, **self.status(object_id), "object": record["object"]}

    def status(self, object_id: str) -> dict[str, Any]:
        """Return state, problem and whatever else the status tells; also of a distribution not in force (rejected)."""
        status = self.statuses.get(object_id)
        told = {} if status is None else orjson.loads(status)
        return {name: value for name, value in told.items() if name not in _NOT_STATE}


async def read_in_force(kafka: Kafka, kind: str) -> ObjectsInForce:
    """Read all that stands in the topics now."""
    found = ObjectsInForce(kind)
    topics = [Topic.DEFINITIONS, *([Topic.DISTRIBUTION_STATUS] if kind == Topic.DISTRIBUTIONS else [])]
    async for record in read_to_end(kafka, topics):
        found.take(kafka.logical(record.topic), record.key, record.value)
    return found


def _put(where: dict[str, bytes], key: str, value: bytes | None) -> None:
    if value is None:
        where.pop(key, None)
    else:
        where[key] = value
