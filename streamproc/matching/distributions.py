"""One live distribution, compiled: what it sends, and whether something blocks it."""

from typing import Any

from streamproc.domain.configuration import Configuration, InForce
from streamproc.domain.jobs import ActionObjects, Occurrence
from streamproc.domain.messages import Message
from streamproc.domain.sending import Sending, compile_sending


class CompiledDistribution:
    """One live distribution. `sending` is None while it is blocked."""

    __slots__ = ("_attached", "_in_force", "checked", "id", "sending")

    def __init__(self, in_force: InForce) -> None:
        self.id = in_force.id
        self.sending: Sending | None = None
        #: The generation of the definitions in which `sending` was last found to be right.
        self.checked = -1
        self._in_force = in_force
        self._attached: InForce | None = None

    @property
    def version(self) -> int:
        """The version in force."""
        return self._in_force.version

    @property
    def trigger(self) -> dict[str, Any]:
        """What starts it."""
        trigger: dict[str, Any] = self._in_force.record["trigger"]
        return trigger

    @property
    def gives_codes(self) -> bool:
        """Whether its action is to give codes."""
        return bool(self._in_force.record["action"]["type"] == "codes")

    def emit(
        self, occurrence: Occurrence, jobs: list[tuple[str, Message]], decisions: list[tuple[str, Message]]
    ) -> None:
        """Append what it sends and what it decides (`Sending.emit`); one that is blocked sends nothing."""
        if self.sending is not None:
            self.sending.emit(occurrence, jobs, decisions)

    def refresh(self, configuration: Configuration, generation: int) -> None:
        """Look again at what blocks it and at what its action sends."""
        self.checked = generation
        if configuration.blocked(self.id):
            self.sending = None
            return
        campaign, added = attached_objects(self._in_force.record["action"], configuration)
        if self.sending is None or campaign is not self._attached:
            self._attached = campaign
            self.sending = compile_sending(self._in_force, added)


def attached_objects(action: dict[str, Any], configuration: Configuration) -> tuple[InForce | None, ActionObjects]:
    """Return the objects that an action that nothing blocks adds to the jobs, and the campaign that they come from."""
    if action["type"] == "promotion":
        promotion = configuration.promotion_tier(action["promotion_tier_id"])
        assert promotion is not None
        campaign, tier = promotion
        return campaign, {"campaign": campaign.record, "promotion_tier": tier}
    if action["type"] == "codes":
        found = configuration.get("campaigns", action["campaign_id"])
        assert found is not None
        return found, {"campaign": found.record}
    return None, {}
