"""One live distribution, compiled: what its channels send, and whether something blocks it."""

from typing import Any

from streamproc.domain.configuration import Configuration, InForce
from streamproc.domain.jobs import ActionObjects, ChannelJobs, Message, Occurrence, compile_channels


class CompiledDistribution:
    """One live distribution. `channels` is empty while it is blocked."""

    __slots__ = ("_in_force", "_promotion", "channels", "checked", "id")

    def __init__(self, in_force: InForce) -> None:
        self.id = in_force.id
        self.channels: tuple[ChannelJobs, ...] = ()
        #: The generation of the definitions in which `channels` was last found to be right.
        self.checked = -1
        self._in_force = in_force
        self._promotion: tuple[InForce, dict[str, Any]] | None = None

    @property
    def version(self) -> int:
        """The version in force."""
        return self._in_force.version

    @property
    def trigger(self) -> dict[str, Any]:
        """What starts it."""
        trigger: dict[str, Any] = self._in_force.record["trigger"]
        return trigger

    def emit(
        self, occurrence: Occurrence, jobs: list[tuple[str, Message]], decisions: list[tuple[str, Message]]
    ) -> None:
        """Append for each channel a job, as (channel, message), or a decision, as (reason, message)."""
        for channel in self.channels:
            channel.emit(occurrence, jobs, decisions)

    def refresh(self, configuration: Configuration, generation: int) -> None:
        """Look again at what blocks it and at what its action sends."""
        self.checked = generation
        if configuration.blocked(self.id):
            self.channels = ()
            return
        action = self._in_force.record["action"]
        promotion = configuration.promotion_tier(action["promotion_tier_id"]) if action["type"] == "promotion" else None
        if self.channels and _same_promotion(promotion, self._promotion):
            return
        self._promotion = promotion
        added: ActionObjects = {}
        if promotion is not None:
            added = {"campaign": promotion[0].record, "promotion_tier": promotion[1]}
        self.channels = compile_channels(self._in_force, added)


def _same_promotion(one: tuple[InForce, dict[str, Any]] | None, other: tuple[InForce, dict[str, Any]] | None) -> bool:
    """Tell whether both come from the same version of the same campaign."""
    return one is other is None or (one is not None and other is not None and one[0] is other[0])
