"""One version of a distribution, ready to send: the one place from which jobs, requests for codes and decisions come.

Whatever sets a distribution off (an event, a membership that changed, a publication, a release) makes an `Occurrence`
of it and calls `emit`.
"""

from typing import Protocol

from streamproc.domain.code_requests import CodeRequests
from streamproc.domain.configuration import InForce
from streamproc.domain.jobs import ActionObjects, Attached, ChannelJobs, Occurrence, compile_channels
from streamproc.domain.messages import Message


class Sending(Protocol):
    """What a distribution does about one occurrence."""

    def emit(
        self, occurrence: Occurrence, jobs: list[tuple[str, Message]], decisions: list[tuple[str, Message]]
    ) -> None:
        """Append what goes out, as (channel, message), and decisions, as (reason, message).

        A request for a code stands among the jobs, under the name of its topic. Raises `JobTooLarge`.
        """


class Jobs:
    """Sends a job through each channel that can go."""

    __slots__ = ("_attached", "_channels")

    def __init__(self, channels: tuple[ChannelJobs, ...], attached: Attached) -> None:
        self._channels = channels
        self._attached = attached

    def emit(
        self, occurrence: Occurrence, jobs: list[tuple[str, Message]], decisions: list[tuple[str, Message]]
    ) -> None:
        """Append a job or a decision for each channel."""
        attached = self._attached
        for channel in self._channels:
            channel.emit(occurrence, attached, jobs, decisions)


def compile_sending(distribution: InForce, added: ActionObjects) -> Sending:
    """Prepare a distribution that nothing blocks.

    `added` are the objects that its action names: `campaign` and `promotion_tier` for a promotion, `campaign` for
    codes, else nothing.
    """
    if distribution.record["action"]["type"] == "codes":
        return CodeRequests(distribution, added["campaign"])
    attached = Attached.same_for_all(added)
    return Jobs(compile_channels(distribution, attached), attached)
