"""What goes out of a customer task: jobs, requests for codes, decisions and changes of membership, as they come."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from streamproc.domain.commands import Report
from streamproc.domain.messages import Message
from streamproc.processing.processor import Output, OutputRecord
from streamproc.topics import Topic, deliveries

#: How much there was at some moment, to go back to.
Mark = tuple[int, int, int]


class Outgoing:
    """The messages of one chunk so far, each kind in its order.

    `jobs` are (channel, message); a request for a code stands among them, under the name of its topic. `decisions` are
    (reason, message), `changes` are (entered or left, message).
    """

    __slots__ = ("changes", "decisions", "jobs")

    def __init__(self) -> None:
        self.jobs: list[tuple[str, Message]] = []
        self.decisions: list[tuple[str, Message]] = []
        self.changes: list[tuple[str, Message]] = []

    def mark(self) -> Mark:
        """Return how much there is by now."""
        return len(self.jobs), len(self.decisions), len(self.changes)

    def cut(self, mark: Mark) -> None:
        """Take back what has come since."""
        jobs, decisions, changes = mark
        del self.jobs[jobs:], self.decisions[decisions:], self.changes[changes:]

    def write(self, output: Output, partition: int) -> None:
        """Put everything into its topics, and count it."""
        counts = output.counts
        lanes = _by_name(self.jobs)
        requests = lanes.pop(Topic.CODE_REQUESTS, None)
        if requests is not None:
            output.lane(Topic.CODE_REQUESTS, partition).extend(requests)
            counts[("code_requests",)] = len(requests)
        for channel, records in lanes.items():
            output.lane(deliveries(channel), partition).extend(records)
            counts["jobs", channel] = len(records)
        for topic, metric, named in (
            (Topic.DECISIONS, "decisions", _as_objects(self.decisions)),
            (Topic.SEGMENT_CHANGES, "segment_changes", _as_objects(self.changes)),
        ):
            if named:
                output.lane(topic, partition).extend([entry[1] for entry in named])
                for name, count in Counter([entry[0] for entry in named]).items():
                    counts[metric, name] = count


def _by_name(named: list[tuple[str, Message]]) -> dict[str, list[OutputRecord]]:
    lanes: dict[str, list[OutputRecord]] = {}
    for entry in _as_objects(named):
        try:
            lanes[entry[0]].append(entry[1])
        except KeyError:
            lanes[entry[0]] = [entry[1]]
    return lanes


def _as_objects(named: list[tuple[str, Message]]) -> list[tuple[Any, ...]]:
    """Return the same list; compiled, tuples whose types are known are taken apart and made anew when they are read."""
    return cast("list[tuple[Any, ...]]", named)


def write_reports(output: Output, reports: Sequence[Report]) -> None:
    """Put what is reported to the control task into its topic."""
    if reports:
        lane = output.lane(Topic.PARTITION_REPORTS, 0)
        lane.extend([(report.command_id.encode(), report.encode(), []) for report in reports])
