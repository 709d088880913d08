"""Channels: the form of their settings, and whether a channel fits its trigger and action."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from streamproc.domain.catalogue import CHANNELS, TriggerSpec, channels_offered
from streamproc.domain.form import Form, Text, Url, allowed, json_path, shown
from streamproc.domain.problems import Problem
from streamproc.domain.templates import check_template, check_text

_HEADER_NAME = re.compile(r"[a-z0-9-]+\Z")
# A line break in a header would let its text start another header.
_HEADER_TEXT = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*\Z")

_FEW = 16  # header names for which a search each is cheaper than decoding a second time


class TemplateChannel(Form):
    """A message from a template that the sender knows."""

    type: Literal["email", "sms"]
    template_id: Text | None = None


class WebhookChannel(Form):
    """A request to somebody's server; `payload` is a text holding JSON with placeholders."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"raw": {"const": True}}, "required": ["raw"]},
            "then": {"properties": {"payload": {"type": "string"}}, "required": ["payload"]},
        }
    )

    type: Literal["webhook"]
    url: Url
    event_name: Text
    headers: dict[str, str] | None = None
    payload: Text | None = None
    raw: bool | None = None


class FieldsChannel(Form):
    """Target fields of somebody's customer profile, each with a text that may hold placeholders."""

    type: Literal["braze", "klaviyo", "mailchimp", "activecampaign", "batch", "intercom", "shopify"]
    fields: dict[str, str] | None = None


Channel = Annotated[TemplateChannel | WebhookChannel | FieldsChannel, Field(discriminator="type")]


def check_channel(channel: dict[str, Any], path: str, trigger: TriggerSpec, action: str | None) -> Iterator[Problem]:
    """Yield what is wrong with one channel beyond its form.

    `action` is None when the record names none that exists; what depends on it is then left out.
    """
    kind = channel.get("type")
    if not isinstance(kind, str) or kind not in CHANNELS:
        return
    if action is not None and not CHANNELS[kind].offered(trigger.event, action):
        told = f"{shown(kind)} does not go with {trigger.event} and {action}; "
        yield Problem(f"{path}.type", "channel_not_allowed", told + allowed(channels_offered(trigger.event, action)))
    if kind == "webhook":
        yield from _check_headers(channel.get("headers"), f"{path}.headers")
        if channel.get("raw") is True and channel.get("payload") is None:
            yield Problem(f"{path}.payload", "schema", "raw sends the payload alone, so it is required")
    if action is not None:
        yield from _check_templates(channel, path, set(trigger.offered(action)))


def _check_headers(headers: object, path: str) -> Iterator[Problem]:
    if not isinstance(headers, dict):
        return
    for name, text in headers.items():
        if not _HEADER_NAME.match(name):
            told = f"header name {shown(name)} may hold only lower-case letters, digits and dashes"
            yield Problem(json_path(path, name), "bad_header", told)
        if isinstance(text, str) and not _HEADER_TEXT.match(text):
            yield Problem(json_path(path, name), "bad_header", "a header's text may hold no line breaks or controls")


def check_repeated_headers(value: bytes, record: dict[str, Any]) -> Iterator[Problem]:
    """Yield header names that stand twice in the text of a distribution; once it is decoded nobody can tell.

    `record` is what `value` decodes to.
    """
    if not _may_repeat([name for headers in _headers(record) for name in headers or ()], value):
        return
    try:
        read = json.loads(value, object_pairs_hook=_Pairs, parse_int=str)
    except RecursionError:  # some surplus field is nested so deeply; its reader will have to do without this check
        return
    for index, headers in enumerate(_headers(read)):
        for name in headers.repeated if isinstance(headers, _Pairs) else ():
            path = json_path(f"$.channels[{index}].headers", name)
            yield Problem(path, "bad_header", f"header name {shown(name)} stands more than once; names are unique")


class _Pairs(dict[str, Any]):
    """A decoded object that knows which of its names were given more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = Counter(name for name, _ in pairs) if len(self) < len(pairs) else {}
        self.repeated = [name for name, times in names.items() if times > 1]


def _may_repeat(names: list[str], value: bytes) -> bool:
    """Tell cheaply, and rightly in saying no: a name is written plainly or with escapes, each search reads it all."""
    if not names:
        return False
    return len(names) > _FEW or b"\\u" in value or any(value.count(f'"{name}"'.encode()) > 1 for name in names)


def _headers(record: dict[str, Any]) -> list[dict[str, Any] | None]:
    """Return the headers of each channel that is a webhook and has any, None for the other channels."""
    channels = record.get("channels")
    return [
        channel["headers"]
        if isinstance(channel, dict) and channel.get("type") == "webhook" and isinstance(channel.get("headers"), dict)
        else None
        for channel in (channels if isinstance(channels, list) else ())
    ]


def _check_templates(channel: dict[str, Any], path: str, offered: set[str]) -> Iterator[Problem]:
    settings = CHANNELS[channel["type"]].templates
    if "payload" in settings and isinstance(channel.get("payload"), str):
        yield from check_template(channel["payload"], offered, f"{path}.payload")
    fields = channel.get("fields")
    if "fields" in settings and isinstance(fields, dict):
        for name, text in fields.items():
            if isinstance(text, str):
                yield from check_text(text, offered, json_path(path, "fields", name))
