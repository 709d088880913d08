"""Sends: releases and backfills on their way to the customers of one partition, each at its place in its walk.

A send walks the customers in the order of their keys. The membership of each is read when the walk comes to it, so
the place, `cursor`, is all that has to be remembered. A distribution is sent once in its life: what became of its send
stays in `task-state` for ever, and a command that is read again finds it there.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import orjson

from streamproc.domain.commands import CommandKind
from streamproc.domain.configuration import InForce
from streamproc.processing.processor import Store

SendKind = Literal["send", "backfill"]
#: The kinds of commands with which a send begins.
SENDING: frozenset[SendKind] = frozenset({"send", "backfill"})
SendState = Literal["walking", "stopped", "over"]

_PROGRESS = b"sends/"
_CARRIED = b"carried/"


@dataclass(slots=True)
class Send:
    """One send and how far it has come. `at` is the time of its jobs, in milliseconds.

    `segment_id` are those who are meant. `command_id` is the latest command that let it walk, `heard` are all that
    were about it. `scanned` of about `total` customers were looked at, `matched` were meant; `emitted` counts jobs,
    `undeliverable` channels that could not go.
    """

    distribution_id: str
    kind: SendKind
    command_id: str
    segment_id: str
    at: int
    total: int
    heard: list[str] = field(default_factory=list)
    state: SendState = "walking"
    cursor: bytes | None = None
    scanned: int = 0
    matched: int = 0
    emitted: int = 0
    undeliverable: int = 0

    @property
    def answers(self) -> CommandKind:
        """The kind of the command that let it walk."""
        return self.kind if self.command_id == f"{self.kind}:{self.distribution_id}" else "resume"


class Sends:
    """All sends of one partition: those that are not over in memory, the others as records."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[str, Send] = {}
        for key, value in store.items():
            if key.startswith(_PROGRESS):
                send = _decode(value)
                if send.state != "over":
                    self._open[send.distribution_id] = send

    def find(self, distribution_id: str) -> Send | None:
        """Return the one send in the life of a distribution, over or not; None if there was none yet."""
        send = self._open.get(distribution_id)
        if send is not None:
            return send
        value = self._store.get(_PROGRESS + distribution_id.encode())
        return None if value is None else _decode(value)

    @property
    def walking(self) -> list[Send]:
        """Those that go on by themselves."""
        return [send for send in self._open.values() if send.state == "walking"]

    def carry(self, send: Send, told: Mapping[str, Any]) -> None:
        """Remember what a command carries: the version of the distribution, and the objects of its action."""
        carried = {"distribution": told["distribution"], "action": told["action"], "segment_id": send.segment_id}
        self._store.put(_CARRIED + send.distribution_id.encode(), orjson.dumps(carried))

    def carried(self, send: Send) -> dict[str, Any]:
        """Return what is remembered of the commands of a send that is not over."""
        value = self._store.get(_CARRIED + send.distribution_id.encode())
        assert value is not None  # it goes when the send is over
        carried: dict[str, Any] = orjson.loads(value)
        return carried

    def save(self, send: Send) -> None:
        """Write down how far a send has come; of one that is over nothing else is kept."""
        told = asdict(send) | {"cursor": None if send.cursor is None else send.cursor.decode()}
        self._store.put(_PROGRESS + send.distribution_id.encode(), orjson.dumps(told))
        if send.state != "over":
            self._open[send.distribution_id] = send
        elif self._open.pop(send.distribution_id, None) is not None:
            self._store.delete(_CARRIED + send.distribution_id.encode())


def read_carried(told: Mapping[str, Any]) -> tuple[InForce, dict[str, Any]]:
    """Read the version of a distribution and the objects of its action from what a command carries."""
    distribution = told["distribution"]
    in_force = InForce("distributions", distribution["id"], distribution["version"], distribution["object"])
    return in_force, told["action"]


def _decode(value: bytes) -> Send:
    told = orjson.loads(value)
    cursor = told["cursor"]
    return Send(**told | {"cursor": None if cursor is None else cursor.encode()})
