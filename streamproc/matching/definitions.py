"""Definitions: what is in force, compiled and indexed, kept true record by record.

Whether a distribution is blocked, and what its jobs look like, is looked at before anything is matched (`prepare`), and
again when it next matches after something that is no distribution has changed. So a segment or campaign that thousands
refer to costs no more to change than any other.
"""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Final

from streamproc.domain.catalogue import TRIGGERS, RuleFamily, TriggerSpec
from streamproc.domain.configuration import KINDS, Configuration, InForce, decode_definition
from streamproc.domain.facts import Facts
from streamproc.domain.rules import Condition, RuleCompiler
from streamproc.domain.rules.names import FAMILIES
from streamproc.matching.distributions import CompiledDistribution
from streamproc.matching.groups import Group, merge
from streamproc.matching.index import Bucket
from streamproc.matching.selectors import SelectorKey, compile_select, selector_key

#: They take a millisecond or a few, in which nobody else does anything.
_PREPARED_AT_ONCE: Final = 100


class _Trigger:
    """The distributions that one type of event may start, in buckets by what they select; `select` names an event's."""

    __slots__ = ("buckets", "select")

    def __init__(self, spec: TriggerSpec) -> None:
        self.select = compile_select(spec)
        self.buckets: dict[SelectorKey, Bucket] = {}


class Definitions:
    """The definitions in force of one process; `zone` is the project's time zone."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self.configuration = Configuration()
        self._compiler = RuleCompiler(zone)
        self._triggers = {event: _Trigger(spec) for event, spec in TRIGGERS.items()}
        self._live: dict[str, CompiledDistribution] = {}
        self._conditions: dict[tuple[str, RuleFamily], Condition] = {}
        self._segments = self.configuration.objects("segments")  # at hand: an event asks up to twice
        self._users: dict[str, set[tuple[str, SelectorKey]]] = {}  # a rule's id: the buckets that have it
        self._generation = 0
        self._refreshing = self._refresh  # made once: with each event it would cost as much as a look-up

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take in one record of the topic `definitions`; a null value takes the object out of force."""
        kind, _, object_id = key.decode().partition("/")
        self.put(kind, object_id, None if value is None else decode_definition(value))

    def put(self, kind: str, object_id: str, in_force: InForce | None) -> None:
        """Put an object in force, in the place of its earlier version; None takes it out of force."""
        self.configuration.apply(kind, object_id, in_force)
        if kind == "distributions":
            self._replace(object_id, in_force)
            return
        self._generation += 1
        if kind == "validation-rules":
            self._recompile(object_id)

    def prepare(self) -> Iterator[None]:
        """Look at every live distribution once, a few in a step: an event would else wait for those that it starts."""
        for place, distribution in enumerate(list(self._live.values()), 1):
            # It may have been replaced since the last step.
            if distribution.checked != self._generation and self._live.get(distribution.id) is distribution:
                distribution.refresh(self.configuration, self._generation)
            if place % _PREPARED_AT_ONCE == 0:
                yield None

    def match(self, facts: Facts) -> list[CompiledDistribution]:
        """Return the live distributions that this event starts, by id: trigger, selector and rule fit, none blocked.

        The list is not the caller's to change.
        """
        found: list[CompiledDistribution] = []
        trigger = self._triggers.get(facts.event.type)
        if trigger is None:
            return found
        for key in trigger.select(facts.event.outline):
            bucket = trigger.buckets.get(key)
            if bucket is not None:
                found = merge(found, bucket.match(facts, self._generation, self._refreshing))
        return found

    @property
    def give_codes(self) -> bool:
        """Whether any live distribution gives codes."""
        return any(distribution.gives_codes for distribution in self._live.values())

    def segment_type(self, segment_id: str) -> str | None:
        """Return the type of a segment in force, None for one that is not known."""
        segment = self._segments.get(segment_id)
        return None if segment is None else str(segment.record["type"])

    def counts(self) -> dict[str, int]:
        """Return how many objects of each kind are in force, and how many rules every event of a trigger meets."""
        counts: dict[str, int] = {kind: len(self.configuration.objects(kind)) for kind in KINDS}
        counts["live"] = len(self._live)
        counts["scanned"] = sum(one.scanned for trigger in self._triggers.values() for one in trigger.buckets.values())
        return counts

    def _refresh(self, group: Group) -> None:
        for distribution in group.members:
            if distribution.checked != self._generation:
                distribution.refresh(self.configuration, self._generation)
        group.ready = [distribution for distribution in group.members if distribution.sending is not None]
        group.checked = self._generation

    def _replace(self, distribution_id: str, in_force: InForce | None) -> None:
        former = self._live.pop(distribution_id, None)
        if former is not None:
            self._remove(former)
        # Events start only automatic ones; a manual one is released by the control task.
        if in_force is not None and in_force.is_live and in_force.record["kind"] == "automatic":
            distribution = self._live[distribution_id] = CompiledDistribution(in_force)
            self._add(distribution)

    def _add(self, distribution: CompiledDistribution) -> None:
        trigger = distribution.trigger
        event, key, rule_id = trigger["event"], selector_key(trigger), trigger.get("validation_rule_id")
        bucket = self._triggers[event].buckets.setdefault(key, Bucket())
        if bucket.add(distribution, rule_id) and rule_id is not None:
            self._users.setdefault(rule_id, set()).add((event, key))
            bucket.file(rule_id, self._condition(rule_id, event))

    def _remove(self, distribution: CompiledDistribution) -> None:
        trigger = distribution.trigger
        event, key, rule_id = trigger["event"], selector_key(trigger), trigger.get("validation_rule_id")
        bucket = self._triggers[event].buckets[key]
        if bucket.remove(distribution, rule_id) and rule_id is not None:
            self._users[rule_id].discard((event, key))
            if not self._users[rule_id]:
                del self._users[rule_id]
                self._forget_conditions(rule_id)
        if not bucket:
            del self._triggers[event].buckets[key]

    def _recompile(self, rule_id: str) -> None:
        """Put a changed rule under its new keys, once for each trigger and selector that uses it."""
        self._forget_conditions(rule_id)
        for event, key in self._users.get(rule_id, ()):
            self._triggers[event].buckets[key].file(rule_id, self._condition(rule_id, event))

    def _forget_conditions(self, rule_id: str) -> None:
        for family in FAMILIES:
            self._conditions.pop((rule_id, family), None)

    def _condition(self, rule_id: str, event: str) -> Condition | None:
        """Return the compiled rule, one for all that share it; None when it is missing."""
        rule, family = self.configuration.get("validation-rules", rule_id), TRIGGERS[event].rule_family
        if rule is None or family is None:
            return None
        condition = self._conditions.get((rule_id, family))
        if condition is None:
            condition = self._compiler.compile(rule.record["rules"], family)
            self._conditions[rule_id, family] = condition
        return condition
