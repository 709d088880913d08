"""Generates `schemas/*.schema.json` from the models: `python -m streamproc.cli.schemas [FOLDER]`, or `make schemas`.

One file per topic, named after it; a test fails when a file says something else than its model.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from streamproc.cli import command_models, record_models
from streamproc.domain.judge import MODELS

FOLDER = Path(__file__).resolve().parents[2] / "schemas"

# Topic: what its records look like.
RECORDS: dict[str, type[BaseModel]] = {
    **MODELS,
    "config-verdicts": record_models.Verdict,
    "customer-events": record_models.Event,
    "customers": record_models.Customer,
    "deliveries": record_models.DeliveryJob,
    "decisions": record_models.Decision,
    "segment-changes": record_models.SegmentChange,
    "dead-letters": record_models.DeadLetterHeaders,
    "publications": record_models.Publication,
    "distribution-status": record_models.DistributionStatus,
    "distribution-log": record_models.DistributionLogEntry,
    "distribution-holds": command_models.WaitingDistribution,
    "partition-commands": command_models.PartitionCommand,
    "partition-reports": command_models.PartitionReport,
}


def schema(topic: str) -> dict[str, Any]:
    """Return the JSON Schema of a topic's records."""
    body = RECORDS[topic].model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **body}


def schema_file(topic: str, folder: Path = FOLDER) -> Path:
    """Return where the schema of a topic stands."""
    return folder / f"{topic}.schema.json"


def schema_text(topic: str) -> str:
    """Return the text of a schema file."""
    return json.dumps(schema(topic), indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> None:
    """Write all schemas into the folder."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for topic in RECORDS:
        schema_file(topic, folder).write_text(schema_text(topic), encoding="utf-8")
    print(f"{len(RECORDS)} schemas in {folder}")


if __name__ == "__main__":
    main(sys.argv[1:])
