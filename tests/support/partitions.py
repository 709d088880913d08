"""Customer tasks as the control task sees them: each obeys its commands in order, at its own pace, and reports."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from streamproc.domain.commands import CommandKind, Report

Json = dict[str, Any]


@dataclass
class _Sending:
    """A release in one partition: who is left, with which version, and whether it is stopped."""

    command: str
    version: int
    left: list[str]
    stopped: bool = False
    emitted: int = 0


@dataclass
class FakePartition:
    """One partition with its customers, each of whom belongs to every audience."""

    number: int
    customers: list[str]
    #: Jobs by distribution: customer and version, in their order.
    jobs: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    #: Reports that the control task has not read yet.
    reports: deque[Report] = field(default_factory=deque)
    _commands: deque[Json] = field(default_factory=deque)
    _sending: dict[str, _Sending] = field(default_factory=dict)

    def add(self, command: Json) -> None:
        """Take a command to be obeyed in its turn."""
        self._commands.append(command)

    def step(self) -> None:
        """Obey the next command, or reach one more customer."""
        if self._commands:
            self._obey(self._commands.popleft())
            return
        for distribution_id, sending in self._sending.items():
            if sending.left and not sending.stopped:
                self._reach(distribution_id, sending)
                return

    def finish(self) -> None:
        """Do all that there is to do."""
        while self._commands or any(one.left and not one.stopped for one in self._sending.values()):
            self.step()

    def _obey(self, command: Json) -> None:
        kind, command_id = command["kind"], command["id"]
        if kind in {"sync", "drop", "count"}:
            self.reports.append(Report(command_id, kind, self.number, scanned=1, total=1, done=True))
        elif kind == "send":
            identity = command["distribution"]["id"]
            assert identity not in self._sending, "sent twice"
            customer = command.get("customer")
            left = list(self.customers) if customer is None else [customer["id"]]
            self._sending[identity] = _Sending(command_id, command["distribution"]["version"], left)
            self._tell_if_done(self._sending[identity], "send")
        elif kind == "resume":
            sending = self._sending[command["distribution"]["id"]]
            sending.stopped, sending.command = False, command_id
            sending.version = command["distribution"]["version"]
            self._tell_if_done(sending, "resume")
        else:
            sending = self._sending[command["distribution_id"]]
            sending.stopped = True
            remaining = len(sending.left)
            self.reports.append(
                Report(command_id, kind, self.number, emitted=sending.emitted, done=True, remaining=remaining)
            )

    def _reach(self, distribution_id: str, sending: _Sending) -> None:
        self.jobs.setdefault(distribution_id, []).append((sending.left.pop(0), sending.version))
        sending.emitted += 1
        kind: CommandKind = "send" if sending.command.startswith("send:") else "resume"
        if sending.left:
            self.reports.append(Report(sending.command, kind, self.number, emitted=sending.emitted))
        else:
            self._tell_if_done(sending, kind)

    def _tell_if_done(self, sending: _Sending, kind: CommandKind) -> None:
        if not sending.left:
            self.reports.append(Report(sending.command, kind, self.number, emitted=sending.emitted, done=True))
