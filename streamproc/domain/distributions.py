"""Distributions: their form, and whether trigger, selectors, action and channels go together.

What is checked here concerns one record by itself. Whether the objects that it names exist is for
`domain.configuration`.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from streamproc.domain.catalogue import ACTIONS, SELECTORS, TRIGGERS, TriggerSpec
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
    # Reaching those who are members already needs a walk over all customers, which no task does yet.
    include_current_members: Literal[False] | None = None


class PromotionAction(Form):
    """Tells customers about one promotion tier."""

    type: Literal["promotion"]
    promotion_tier_id: Id


class MessageAction(Form):
    """Sends a message with nothing attached."""

    type: Literal["message"]


class Distribution(Form):
    """When this happens, give them that, through these channels."""

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
                }
            ]
        }
    )

    id: Id
    name: Text
    status: Literal["draft", "live", "paused"]
    kind: Literal["automatic"]
    trigger: Trigger | None = None
    action: Annotated[PromotionAction | MessageAction, Field(discriminator="type")]
    channels: Annotated[list[Channel], Field(min_length=1)]


def check_distribution(record: dict[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with a distribution beyond its form; parts without a form are passed over."""
    if record.get("kind") != "automatic":
        return
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
