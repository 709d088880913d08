"""`schemas/asyncapi.json`: made from the topics and the schemas, whole, and true of what the worker writes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from streamproc.cli.asyncapi import asyncapi, asyncapi_file, asyncapi_text, main
from streamproc.cli.schemas import FOLDER, RECORDS, schema_file
from streamproc.domain.customers import CustomerState, encode_customer
from streamproc.topics import CHANNELS, TOPICS
from tests.support.configuration import segment
from tests.support.control import ControlTask

DOCUMENT = asyncapi()


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def payload_schema(message: str) -> Draft202012Validator:
    return Draft202012Validator(DOCUMENT["components"]["messages"][message]["payload"]["schema"])


def test_the_document_says_what_the_topics_and_schemas_say() -> None:
    assert asyncapi_file().read_text(encoding="utf-8") == asyncapi_text(), "run: make schemas"


def test_generating_writes_the_document(tmp_path: Path) -> None:
    main([str(tmp_path / "schemas")])
    assert asyncapi_file(tmp_path / "schemas").read_text(encoding="utf-8") == asyncapi_text()


def test_every_topic_is_a_channel_at_its_address() -> None:
    addresses = {name: channel["address"] for name, channel in DOCUMENT["channels"].items()}
    assert addresses == {name: f"{{prefix}}{name}" for name in TOPICS}


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_has_a_message_and_is_written_or_read(topic: str) -> None:
    assert DOCUMENT["channels"][topic]["messages"]
    assert topic in {one["channel"]["$ref"].removeprefix("#/channels/") for one in DOCUMENT["operations"].values()}


@pytest.mark.parametrize("reference", sorted(set(references(DOCUMENT))))
def test_what_is_referred_to_exists(reference: str) -> None:
    if not reference.startswith("#/"):
        assert (FOLDER / reference).is_file()
        return
    found: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    assert found


def test_every_schema_is_the_form_of_some_message() -> None:
    files = set(references(DOCUMENT["components"]["messages"]))
    assert files == {f"./{schema_file(topic).name}" for topic in RECORDS}


def test_the_directions_are_those_of_streamproc() -> None:
    received = {name.removeprefix("receive.") for name in DOCUMENT["operations"] if name.startswith("receive.")}
    configuration = {"distributions", "validation-rules", "segments", "campaigns"}
    own = {
        "definitions",
        "customer-state",
        "task-state",
        "control-state",
        "distribution-holds",
        "partition-commands",
        "partition-reports",
        "code-requests",
        "code-state",
    }
    assert received == {"customer-events", "customers"} | configuration | own
    sent = {name.removeprefix("send.") for name in DOCUMENT["operations"] if name.startswith("send.")}
    outputs = {"decisions", "dead-letters", "segment-changes", "config-verdicts", "publications"}
    outputs |= {"distribution-status", "distribution-log"}
    assert sent == {f"deliveries.{channel}" for channel in CHANNELS} | outputs | own


def test_the_forms_of_internal_records_are_those_that_are_written() -> None:
    at = "2026-11-24T10:00:00Z"
    orders = ["ord_1", "5", "1500000", at, 1, 0, 0]
    counts = (orders, {"cart": [1, at]}, {"camp_1": [5, None]}, {"camp_1": ["ltr_1", "Name"]})
    state = CustomerState({"name": "Ann"}, ["seg_1"], *counts, datetime(2026, 11, 24, tzinfo=UTC))
    payload_schema("customer-state").validate(orjson.loads(encode_customer(state)))
    control = ControlTask()
    control.push("segments", segment())
    control.push("segments", segment(id="seg_2", type="static", customers=[]))
    for topic in ("definitions", "control-state"):
        written = [orjson.loads(value) for _, value in control.stores[topic].items()]
        assert written
        for one in written:
            payload_schema(topic).validate(one)


def test_a_record_of_another_form_is_refused() -> None:
    assert not payload_schema("definitions").is_valid({"kind": "segments", "id": "seg_1", "version": 7})
    assert payload_schema("definitions").is_valid(None)
