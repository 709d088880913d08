"""What the topics tell of the distributions, and how a person reads it: rows, a table, lines.

Pure: the time of the look comes from outside.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from rich.table import Table

from streamproc.cli.latest import keep_latest
from streamproc.cli.tables import cell, id_table
from streamproc.domain.events import parse_instant
from streamproc.domain.releases import OVER
from streamproc.topics import Topic

Row = dict[str, Any]

SOURCES = (Topic.DISTRIBUTION_STATUS, Topic.DEFINITIONS)

_OF_DISTRIBUTIONS = b"distributions/"
_MOVING = frozenset({"held", "syncing", "sending"})
_STYLES = {"live": "green", "blocked": "red", "rejected": "red", "paused": "yellow", "draft": "dim", "done": "green"}
_STYLES |= dict.fromkeys(_MOVING, "cyan")


@dataclass(slots=True)
class Overview:
    """What the two topics have told so far: the latest status and name of each distribution, by id."""

    statuses: dict[str, Row] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def take(self, topic: str, key: bytes | None, value: bytes | None) -> str | None:
        """Take a record of a logical topic, and return the id of the distribution it was about, if it was."""
        if key is None:
            return None
        if topic == Topic.DISTRIBUTION_STATUS:
            identity = key.decode()
            keep_latest(self.statuses, identity, value and orjson.loads(value))
        elif key.startswith(_OF_DISTRIBUTIONS):
            identity = key.removeprefix(_OF_DISTRIBUTIONS).decode()
            keep_latest(self.names, identity, value and orjson.loads(value)["object"].get("name", ""))
        else:
            return None
        return identity

    def row(self, identity: str) -> Row:
        """Return the status record with the name in it; one that is gone has the state null."""
        status = self.statuses.get(identity, {"state": None})
        return {"distribution_id": identity, "name": self.names.get(identity), **status}

    def rows(self, asked: str | None) -> list[Row]:
        """Return the rows of all distributions, or of the one asked for, by id."""
        return [self.row(identity) for identity in sorted(self.statuses) if asked in {None, identity}]


@dataclass(slots=True)
class Wait:
    """The wait for one distribution to come to one of these states; without any it has no end.

    `problem` is why none of them can be reached any more.
    """

    identity: str
    until: frozenset[str]
    is_known: bool = False
    problem: str | None = None

    def is_over(self, changed: list[Row]) -> bool:
        """Take its row after each change, in their order, and tell whether the wait has come to its end."""
        for row in changed:
            state = row["state"]
            if state in self.until:
                return True
            if self.until and (state in OVER or (state is None and self.is_known)):
                told = "gone" if state is None else state
                self.problem = f"{self.identity} is {told}, and comes to {' or '.join(sorted(self.until))} no more"
                return True
            self.is_known = self.is_known or state is not None
        return False


def most_moving(rows: list[Row], room: int) -> list[Row]:
    """Return as many rows as there is room for, those first in which something is going on."""
    if len(rows) <= room:
        return rows
    return sorted(rows, key=lambda row: row["state"] not in _MOVING)[:room]


def table(rows: list[Row], now: datetime, left_out: int = 0) -> Table:
    """Lay rows out for a person."""
    columns = ("distribution", "name", "version", "state", "progress", "problem")
    shown = id_table([row["distribution_id"] for row in rows], *columns)
    if left_out:
        shown.caption = f"and {left_out:,} more; give an ID to watch one"
    for row in rows:
        state = str(row["state"])
        cells = (row["distribution_id"], row["name"] or "", str(row.get("version", "")))
        told = (progress(row, now), problem(row))
        shown.add_row(*map(cell, cells), cell(state, _STYLES.get(state, "")), *map(cell, told))
    return shown


def line(row: Row) -> str:
    """Tell a change in one line. It is read later too, so it has the due time itself, not what is left until then."""
    if row["state"] is None:
        return f"{row['distribution_id']}: gone"
    standing = f"due at {row['due_at']}" if "due_at" in row else _counted(row)
    told = filter(None, (standing, problem(row)))
    return ": ".join((row["distribution_id"], f"version {row['version']} {row['state']}", *told))


def progress(row: Row, now: datetime) -> str:
    """Tell how far a distribution has come: the time left, the sync of its segment, what has been sent."""
    if "due_at" in row:
        return _time_left(row["due_at"], now)
    return _counted(row)


def problem(row: Row) -> str:
    """Return what is wrong, as a text."""
    told = row.get("problem")
    return told if isinstance(told, str) else "" if told is None else orjson.dumps(told).decode()


def _counted(row: Row) -> str:
    sync = row.get("sync")
    if sync:
        told = f"{sync['scanned']:,} of {sync['total']:,} customers looked at"
        return f"{told}, {_partitions(sync)}"
    sent = row.get("progress")
    if sent:
        lost = f", {sent['undeliverable']:,} undeliverable" if sent["undeliverable"] else ""
        through = "" if sent["partitions_done"] == sent["partitions"] else f", {_partitions(sent)}"
        return f"{sent['emitted']:,} sent{lost}{through}"
    return ""


def _time_left(due_at: str, now: datetime) -> str:
    instant = parse_instant(due_at)
    seconds = 0 if instant is None else -((now - instant) // timedelta(seconds=1))
    if seconds <= 0:
        return "due now"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    clock = f"{hours}:{minutes:02}:{seconds:02}" if hours or days else f"{minutes}:{seconds:02}"
    return f"due in {days} d {clock}" if days else f"due in {clock}"


def _partitions(parts: dict[str, int]) -> str:
    return f"{parts['partitions_done']} of {parts['partitions']} partitions done"
