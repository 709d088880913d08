"""Generates `schemas/asyncapi.json`: all topics as an AsyncAPI 3 document, from `streamproc.topics` and the schemas.

`python -m streamproc.cli.asyncapi [FOLDER]`, or `make schemas`; a test fails when the file says something else. What
the document calls sending and receiving is seen from streamproc.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from streamproc.cli.schemas import FOLDER, RECORDS, schema_file
from streamproc.cli.topic_meanings import MEANINGS, Json, Meaning, object_schema
from streamproc.domain.judge import EXPECTED_VERSION
from streamproc.settings import ENVIRONMENT_PREFIX, Settings
from streamproc.topics import CONFIG_TOPICS, TOPICS, Topic, TopicSpec

_JSON_SCHEMA = "application/schema+json;version=draft-2020-12"
_BINDING = "0.5.0"
_DELIVERIES = "deliveries"
# Of a topic's configuration, what the Kafka binding knows.
_BINDING_NUMBERS = ("retention.ms", "delete.retention.ms", "max.message.bytes")

_JOB_HEADERS = ("job-id", "distribution-id", "distribution-version", "cause-id")


def asyncapi() -> Json:
    """Return the document."""
    messages = {name: _message(name) for name in (*MEANINGS, _DELIVERIES)}
    prefix = Settings.model_fields["prefix"]
    described = f"{ENVIRONMENT_PREFIX}PREFIX: {prefix.description}"
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "streamproc",
            "version": version("streamproc"),
            "description": "Turns customer activity into delivery jobs. All topics of one installation; read them "
            "with isolation.level=read_committed.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{brokers}",
                "protocol": "kafka",
                "variables": {"brokers": {"description": f"{ENVIRONMENT_PREFIX}KAFKA: host:port[,host:port...]"}},
            }
        },
        "channels": {spec.name: _channel(spec) for spec in TOPICS.values()},
        "operations": {
            f"{action}.{spec.name}": {
                "action": action,
                "channel": {"$ref": f"#/channels/{spec.name}"},
                "summary": _meaning(spec.name).text,
            }
            for spec in TOPICS.values()
            for action in _actions(spec)
        },
        "components": {
            "messages": messages,
            "parameters": {"prefix": {"default": prefix.default, "description": described}},
        },
    }


def asyncapi_text() -> str:
    """Return the text of the file."""
    return json.dumps(asyncapi(), indent=2, ensure_ascii=False) + "\n"


def asyncapi_file(folder: Path = FOLDER) -> Path:
    """Return where the document stands."""
    return folder / "asyncapi.json"


def _meaning(topic: str) -> Meaning:
    kind, _, channel = topic.partition(".")
    return Meaning(f"Delivery jobs for the channel {channel}.") if kind == _DELIVERIES else MEANINGS[topic]


def _message_name(topic: str) -> str:
    return topic.partition(".")[0]


def _actions(spec: TopicSpec) -> tuple[str, ...]:
    """Return what streamproc does with a topic: its own tables it writes and reads."""
    if spec.writer in {"upstream", "config pushers"}:
        return ("receive",)
    return ("send", "receive") if _meaning(spec.name).is_internal else ("send",)


def _channel(spec: TopicSpec) -> Json:
    meaning = _meaning(spec.name)
    described = [meaning.text]
    if meaning.is_internal:
        described.append("Internal: its form may change with any release.")
    partitions = "One partition." if spec.partitions == 1 else "As many partitions as all customer topics have."
    described += [f"Key: {spec.key}. Written by: {spec.writer}.", partitions]
    name = _message_name(spec.name)
    return {
        "address": f"{{prefix}}{spec.name}",
        "title": spec.name,
        "description": " ".join(described),
        "parameters": {"prefix": {"$ref": "#/components/parameters/prefix"}},
        "bindings": {"kafka": _channel_binding(spec)},
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
    }


def _channel_binding(spec: TopicSpec) -> Json:
    configuration = spec.configuration()
    told: Json = {"cleanup.policy": [spec.cleanup]}
    told |= {name: int(configuration[name]) for name in _BINDING_NUMBERS if name in configuration}
    binding: Json = {"topicConfiguration": told, "bindingVersion": _BINDING}
    return binding if spec.partitions == "N" else {"partitions": spec.partitions, **binding}


def _message(name: str) -> Json:
    """Return the message of a topic, or of all topics of deliveries."""
    meaning = MEANINGS.get(name) or Meaning("A delivery job.")
    key = "customer id" if name == _DELIVERIES else TOPICS[name].key
    message: Json = {
        "name": name,
        "summary": meaning.text,
        "contentType": meaning.content_type,
        "payload": _payload(name, meaning),
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": _BINDING}},
    }
    headers = _headers(name)
    return message if headers is None else {**message, "headers": headers}


def _payload(name: str, meaning: Meaning) -> Json:
    if name == Topic.DEAD_LETTERS:  # whatever could not be processed
        return {"schemaFormat": _JSON_SCHEMA, "schema": {}}
    body = meaning.payload if meaning.payload is not None else _reference(name)
    schema = {"oneOf": [body, {"type": "null"}]} if meaning.is_nullable else body
    return {"schemaFormat": _JSON_SCHEMA, "schema": schema}


def _headers(name: str) -> Json | None:
    text = {"type": "string"}
    headers: Json
    if name == Topic.DEAD_LETTERS:
        headers = _reference(name)
    elif name == _DELIVERIES:
        headers = object_schema(**dict.fromkeys(_JOB_HEADERS, text))
    elif name in CONFIG_TOPICS:
        described = "refuse the record unless this version is in force"
        headers = {"type": "object", "properties": {EXPECTED_VERSION: {**text, "description": described}}}
    else:
        return None
    return {"schemaFormat": _JSON_SCHEMA, "schema": headers}


def _reference(name: str) -> Json:
    assert name in RECORDS
    return {"$ref": f"./{schema_file(name).name}"}


def main(arguments: list[str]) -> None:
    """Write the document into the folder."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    asyncapi_file(folder).write_text(asyncapi_text(), encoding="utf-8")
    print(f"{len(TOPICS)} topics in {asyncapi_file(folder)}")


if __name__ == "__main__":
    main(sys.argv[1:])
