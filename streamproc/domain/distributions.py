"""Distributions: their form, and whether trigger or audience, selectors, action and channels go together.

What is checked here concerns one record by itself. Whether the objects that it names exist is for
`domain.configuration`.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from streamproc.domain.catalogue import ACTIONS, MANUAL, SELECTORS, TRIGGERS, TriggerSpec
from streamproc.domain.channels import Channel, check_channel
from streamproc.domain.events import SEGMENT_ENTERED
from streamproc.domain.form import Form, Id, Text, allowed, shown
from streamproc.domain.problems import Problem


class Trigger(Form):
    """What starts an automatic distribution, and the selectors that narrow it."""

    event: Text
    segment_id: Id | None = None
    validation_rule_id: Id | None = None
    campaign_id: Id | None = None
    custom_event: Text | None = None
    loyalty_tier_id: Id | None = None
    include_current_members: bool | None = None


class AudienceCustomer(Form):
    """The one customer whom a manual distribution addresses; more than the id creates or updates it."""

    id: Text


class Audience(Form):
    """Whom a manual distribution addresses: one customer, or the members of a segment."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"properties": {name: {"not": {"type": "null"}}}, "required": [name]}
                for name in ("customer", "segment_id")
            ]
        }
    )

    customer: AudienceCustomer | None = None
    segment_id: Id | None = None


class PromotionAction(Form):
    """Tells customers about one promotion tier."""

    type: Literal["promotion"]
    promotion_tier_id: Id


class CodesAction(Form):
    """Gives each customer a code of the campaign."""

    type: Literal["codes"]
    campaign_id: Id


class MessageAction(Form):
    """Sends a message with nothing attached."""

    type: Literal["message"]


class Distribution(Form):
    """When this happens (or once, to these people), give them that, through these channels."""

    tagged: ClassVar[Mapping[str, int]] = {"action": 1, "channels": 2}
    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {
                    "if": {"properties": {"kind": {"const": "automatic"}}},
                    "then": {
                        "required": ["trigger"],
                        "properties": {"trigger": {"type": "object"}, "audience": {"type": "null"}},
                    },
                },
                {
                    "if": {"properties": {"kind": {"const": "manual"}}},
                    "then": {
                        "required": ["audience"],
                        "properties": {"trigger": {"type": "null"}, "audience": {"type": "object"}},
                    },
                },
            ]
        }
    )

    id: Id
    name: Text
    status: Literal["draft", "live", "paused"]
    kind: Literal["automatic", "manual"]
    trigger: Trigger | None = None
    audience: Audience | None = None
    action: Annotated[PromotionAction | CodesAction | MessageAction, Field(discriminator="type")]
    channels: Annotated[list[Channel], Field(min_length=1)]


def check_distribution(record: dict[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with a distribution beyond its form; parts without a form are passed over."""
    if record.get("kind") == "automatic":
        yield from _check_automatic(record)
    elif record.get("kind") == "manual":
        yield from _check_manual(record)


def _check_automatic(record: dict[str, Any]) -> Iterator[Problem]:
    if record.get("audience") is not None:
        yield Problem("$.audience", "schema", "an automatic distribution has a trigger and no audience")
    trigger = record.get("trigger")
    if trigger is None:
        yield Problem("$.trigger", "schema", "an automatic distribution needs a trigger")
    if not isinstance(trigger, dict) or not isinstance(trigger.get("event"), str):
        return
    spec = TRIGGERS.get(trigger["event"])
    if spec is None:
        told = f"{shown(trigger['event'])} is not a trigger; {allowed(tuple(TRIGGERS))}"
        yield Problem("$.trigger.event", "unknown_trigger", told)
        return
    yield from _check_selectors(trigger, spec)
    yield from _check_action_and_channels(record, spec)


def _check_manual(record: dict[str, Any]) -> Iterator[Problem]:
    if record.get("trigger") is not None:
        yield Problem("$.trigger", "schema", "a manual distribution has an audience and no trigger")
    audience = record.get("audience")
    if audience is None:
        yield Problem("$.audience", "schema", "a manual distribution needs an audience")
    elif isinstance(audience, dict) and (audience.get("customer") is None) == (audience.get("segment_id") is None):
        yield Problem("$.audience", "schema", "an audience has exactly one of customer and segment_id")
    yield from _check_action_and_channels(record, MANUAL)


def _check_selectors(trigger: dict[str, Any], spec: TriggerSpec) -> Iterator[Problem]:
    for selector in SELECTORS:
        given = trigger.get(selector) is not None
        if not given and selector in spec.required:
            yield Problem(f"$.trigger.{selector}", "selector_required", f"{spec.event} needs {selector}")
        elif given and selector not in spec.selectors:
            yield Problem(f"$.trigger.{selector}", *_surplus_selector(selector, spec))
    if trigger.get("include_current_members") is not None and spec.event != SEGMENT_ENTERED:
        told = f"only {SEGMENT_ENTERED} takes include_current_members"
        yield Problem("$.trigger.include_current_members", "schema", told)


def _surplus_selector(selector: str, spec: TriggerSpec) -> tuple[str, str]:
    if selector == "validation_rule_id":
        taking = tuple(event for event, other in TRIGGERS.items() if selector in other.selectors)
        return "rule_not_available", f"{spec.event} takes no validation rule; {allowed(taking)}"
    return "selector_not_allowed", f"{spec.event} does not take {selector}; {allowed(spec.selectors)}"


def _check_action_and_channels(record: dict[str, Any], spec: TriggerSpec) -> Iterator[Problem]:
    action = _action_type(record)
    if action is not None and action not in spec.actions:
        told = f"{spec.event} does not go with {shown(action)}; {allowed(spec.actions)}"
        yield Problem("$.action.type", "action_not_allowed", told)
    channels = record.get("channels")
    if not isinstance(channels, list):
        return
    for index, channel in enumerate(channels):
        if isinstance(channel, dict):
            yield from check_channel(channel, f"$.channels[{index}]", spec, action)


def _action_type(record: dict[str, Any]) -> str | None:
    action = record.get("action")
    kind = action.get("type") if isinstance(action, dict) else None
    return kind if isinstance(kind, str) and kind in ACTIONS else None
