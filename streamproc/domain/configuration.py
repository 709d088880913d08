"""The objects in force, and what keeps a distribution from firing.

`Configuration` holds what the topic `definitions` says, with the indexes that make one record cheap to apply
however many there are. A distribution that names something that is missing, or a rule that does not fit its
trigger, is blocked: it is in force, never fires, and starts by itself when the cause is gone. Causes are derived
from what is in force now and from nothing else, so the order in which objects arrived cannot matter.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import orjson

from streamproc.domain.campaigns import tier_ids
from streamproc.domain.catalogue import TRIGGERS
from streamproc.domain.rules import RuleFindings, check_rules

Kind = Literal["distributions", "validation-rules", "segments", "campaigns"]
KINDS: tuple[Kind, ...] = ("campaigns", "segments", "validation-rules", "distributions")  # in the order of applying

_OBJECT = b',"object":'
_PROMOTION_TIERS = "promotion-tiers"
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class InForce:
    """One accepted object: `version` is its offset in its configuration topic, `record` is it as pushed.

    `halted` says why streamproc itself has paused it, until it is pushed again.
    """

    kind: str
    id: str
    version: int
    record: dict[str, Any]
    halted: str | None = None

    @property
    def is_live(self) -> bool:
        """Whether a distribution may fire, as far as it is itself concerned."""
        return self.halted is None and bool(self.record["status"] == "live")


def encode_definition(kind: str, object_id: str, version: int, value: bytes, halted: str | None = None) -> bytes:
    """Return an object's record in `definitions`; `value` is the object as it was pushed, and goes in byte for byte."""
    head: dict[str, Any] = {"kind": kind, "id": object_id, "version": version}
    if halted is not None:
        head["halted"] = halted
    return b'%b,"object":%b}' % (orjson.dumps(head)[:-1], value)


def pushed_value(definition: bytes) -> bytes:
    """Return the object in a record of `definitions` as it was pushed."""
    # Before it stand texts, in which each quotation mark has a backslash in front.
    return definition[definition.index(_OBJECT) + len(_OBJECT) : -1]


def decode_definition(value: bytes) -> InForce:
    """Read a record of `definitions`."""
    told = orjson.loads(value)
    return InForce(told["kind"], told["id"], told["version"], told["object"], told.get("halted"))


class Configuration:
    """Everything in force, by kind and id. Accepts only records that the judge has accepted.

    `syncing` holds the ids of accepted segments whose look at all customers is under way. It is kept by whoever runs
    those looks, and stays empty elsewhere: a segment without an earlier version that is in force is then `syncing`
    instead of missing or unknown.
    """

    def __init__(self) -> None:
        self.syncing: set[str] = set()
        self._objects: dict[str, dict[str, InForce]] = {kind: {} for kind in KINDS}
        self._names: dict[str, str] = {}  # a distribution's name: its id
        self._rules: dict[str, RuleFindings] = {}
        self._rules_naming: dict[str, set[str]] = {}  # a segment's id: ids of the rules that name it
        self._campaigns_of_tier: dict[str, set[str]] = {}  # a promotion tier's id: ids of campaigns that have it
        self._removed_tiers: dict[str, list[str]] = {}  # a campaign's id: tiers that its last change took away
        self._referring: dict[tuple[str, str], set[str]] = {}  # kind and id: ids of distributions that name it

    def get(self, kind: str, object_id: str) -> InForce | None:
        """Return an object in force."""
        return self._objects[kind].get(object_id)

    def objects(self, kind: str) -> Mapping[str, InForce]:
        """Return all objects of a kind in force, by id."""
        return self._objects[kind]

    def named(self, name: str) -> str | None:
        """Return the id of the distribution in force that has this name."""
        return self._names.get(name)

    def promotion_tier(self, tier_id: str) -> tuple[InForce, dict[str, Any]] | None:
        """Return a promotion tier with its campaign; of several campaigns that have it, the first by id."""
        campaigns = self._campaigns_of_tier.get(tier_id)
        if not campaigns:
            return None
        campaign = self._objects["campaigns"][min(campaigns)]
        return campaign, next(tier for tier in campaign.record["promotion_tiers"] if tier["id"] == tier_id)

    def apply(self, kind: str, object_id: str, in_force: InForce | None) -> None:
        """Put an object in force, in the place of its earlier version; None takes it out of force."""
        former = self._objects[kind].pop(object_id, None)
        if former is not None:
            self._forget(former)
        if kind == "campaigns":
            self._note_removed_tiers(object_id, former, in_force)
        if in_force is not None:
            self._objects[kind][object_id] = in_force
            self._remember(in_force)

    def blocked(self, distribution_id: str) -> list[str]:
        """Return why a distribution in force does not fire, each cause as `<cause> <kind> <id>`; empty if it may."""
        distribution = self._objects["distributions"].get(distribution_id)
        return [] if distribution is None else self.causes(distribution.record)

    def causes(self, record: dict[str, Any]) -> list[str]:
        """Return what would block this distribution, whether it is in force or not."""
        return list(self._causes(record))

    def dependents(self, kind: str, object_id: str) -> set[str]:
        """Return the distributions to look at again when this object changes: what blocks them, or what they send.

        May be asked before or after the change is applied: tiers that the last change of a campaign took away count.
        """
        if kind == "distributions":
            return {object_id}
        found = set(self._referring.get((kind, object_id), ()))
        if kind == "segments":
            for rule_id in self._rules_naming.get(object_id, ()):
                found |= self._referring.get(("validation-rules", rule_id), set())
        elif kind == "campaigns":
            campaign = self._objects[kind].get(object_id)
            tiers = tier_ids(campaign.record, "promotion_tiers") if campaign is not None else []
            for tier in (*tiers, *self._removed_tiers.get(object_id, ())):
                found |= self._referring.get((_PROMOTION_TIERS, tier), set())
        return found

    def _causes(self, record: dict[str, Any]) -> Iterator[str]:
        for kind, object_id in _references(record):
            if kind == "segments":
                yield from self._segment_causes(object_id, "missing")
            elif object_id not in (self._campaigns_of_tier if kind == _PROMOTION_TIERS else self._objects[kind]):
                yield f"missing {kind} {object_id}"
        trigger = record.get("trigger")
        if trigger is not None:
            yield from self._tier_causes(trigger)
            yield from self._rule_causes(trigger)

    def _segment_causes(self, segment_id: str, otherwise: str) -> Iterator[str]:
        if segment_id not in self._objects["segments"]:
            yield f"{'syncing' if segment_id in self.syncing else otherwise} segments {segment_id}"

    def _tier_causes(self, trigger: dict[str, Any]) -> Iterator[str]:
        """A tier is looked for in the trigger's campaign; while that is missing, it alone is the cause."""
        campaign = self._objects["campaigns"].get(trigger.get("campaign_id") or "")
        tier = trigger.get("loyalty_tier_id")
        if campaign is not None and tier is not None and tier not in tier_ids(campaign.record, "loyalty_tiers"):
            yield f"missing loyalty-tiers {tier}"

    def _rule_causes(self, trigger: dict[str, Any]) -> Iterator[str]:
        rule_id = trigger.get("validation_rule_id")
        findings = self._rules.get(rule_id or "")
        if findings is None:
            return
        if findings.families and TRIGGERS[trigger["event"]].rule_family not in findings.families:
            yield f"rule_not_available validation-rules {rule_id}"
        for segment_id in sorted(set(findings.segments)):
            yield from self._segment_causes(segment_id, "unknown")

    def _remember(self, in_force: InForce) -> None:
        kind, object_id, record = in_force.kind, in_force.id, in_force.record
        if kind == "distributions":
            self._names[record["name"]] = object_id
            for reference in _references(record):
                self._referring.setdefault(reference, set()).add(object_id)
        elif kind == "validation-rules":
            findings = check_rules(record["rules"], "$.rules")
            self._rules[object_id] = findings
            for segment in findings.segments:
                self._rules_naming.setdefault(segment, set()).add(object_id)
        elif kind == "campaigns":
            for tier in tier_ids(record, "promotion_tiers"):
                self._campaigns_of_tier.setdefault(tier, set()).add(object_id)

    def _forget(self, in_force: InForce) -> None:
        kind, object_id, record = in_force.kind, in_force.id, in_force.record
        if kind == "distributions":
            if self._names.get(record["name"]) == object_id:
                del self._names[record["name"]]
            for reference in _references(record):
                _discard(self._referring, reference, object_id)
        elif kind == "validation-rules":
            for segment in set(self._rules.pop(object_id).segments):
                _discard(self._rules_naming, segment, object_id)
        elif kind == "campaigns":
            for tier in set(tier_ids(record, "promotion_tiers")):
                _discard(self._campaigns_of_tier, tier, object_id)

    def _note_removed_tiers(self, campaign_id: str, former: InForce | None, now: InForce | None) -> None:
        before = tier_ids(former.record, "promotion_tiers") if former is not None else []
        after = set(tier_ids(now.record, "promotion_tiers")) if now is not None else set()
        removed = [tier for tier in before if tier not in after]
        if removed:
            self._removed_tiers[campaign_id] = removed
        else:
            self._removed_tiers.pop(campaign_id, None)


def _references(record: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a distribution names, by kind and id, in the order of its fields. Loyalty tiers are not in here."""
    trigger, audience, action = record.get("trigger") or {}, record.get("audience") or {}, record["action"]
    named = [
        ("segments", trigger.get("segment_id") or audience.get("segment_id")),
        ("validation-rules", trigger.get("validation_rule_id")),
        ("campaigns", trigger.get("campaign_id")),
        ("campaigns", action.get("campaign_id") if action["type"] == "codes" else None),
        (_PROMOTION_TIERS, action.get("promotion_tier_id") if action["type"] == "promotion" else None),
    ]
    return [(kind, object_id) for kind, object_id in named if object_id is not None]


def _discard(index: dict[_Key, set[str]], key: _Key, member: str) -> None:
    members = index[key]
    members.discard(member)
    if not members:
        del index[key]
