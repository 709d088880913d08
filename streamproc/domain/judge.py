"""The judge: what is wrong with a pushed configuration record, and whether it is in force from now on.

One pure function for the control task and for `streamproc validate`. A record that is wrong by itself is rejected:
nothing changes, the last good version stays in force. A record that lacks something else is accepted, and a
distribution then tells what blocks it (`domain.configuration`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from streamproc.domain.campaigns import Campaign, check_campaign
from streamproc.domain.channels import check_repeated_headers
from streamproc.domain.configuration import Configuration
from streamproc.domain.depth import MAX_DEPTH, is_too_deep
from streamproc.domain.distributions import Distribution, check_distribution
from streamproc.domain.form import ID_LENGTH, Form, check_form, shown
from streamproc.domain.problems import Problem
from streamproc.domain.rules import check_rules
from streamproc.domain.segments import Segment, check_segment
from streamproc.domain.validation_rules import ValidationRule
from streamproc.topics import INPUT_LIMIT

EXPECTED_VERSION = "expected-version"  # the header that names the version a pusher has seen

MODELS: dict[str, type[Form]] = {
    "distributions": Distribution,
    "validation-rules": ValidationRule,
    "segments": Segment,
    "campaigns": Campaign,
}

# A verdict must fit into a record itself, whatever it is about.
_FINDINGS_LIMIT = 100
_TEXT_LIMIT = 300  # characters
_MESSAGE_LIMIT = 2_000  # characters; the longest list of what is allowed has under 1,000

_VERSION = re.compile(rb"[0-9]{1,19}\Z")  # an offset has at most 19 digits


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one pushed record.

    `record` is the accepted object as pushed; None for a deletion and for a rejected record. `id` is the record's
    key, or without one the object's own id; None when there is neither. `in_force_version` is that after this
    record, None when nothing of that id is in force.
    """

    kind: str
    id: str | None
    version: int
    accepted: bool
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    in_force_version: int | None = None
    record: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as it is written: at most 100 findings of a sort, overlong texts cut."""
        return {
            "kind": self.kind,
            "id": None if self.id is None else _cut(self.id, ID_LENGTH),
            "version": self.version,
            "accepted": self.accepted,
            "errors": _listed(self.errors),
            "warnings": _listed(self.warnings),
            "blocked": [_cut(cause) for cause in self.blocked[:_FINDINGS_LIMIT]],
            "in_force_version": self.in_force_version,
        }


# Says why a distribution, by its id and record, may not be set live after its release; None if it may.
SentBefore = Callable[[str, dict[str, Any]], str | None]


def judge(
    kind: str,
    key: bytes | None,
    value: bytes | None,
    version: int,
    expected_version: bytes | None,
    configuration: Configuration,
    sent_before: SentBefore | None = None,
) -> Verdict:
    """Judge one pushed record against what is in force; applying an accepted one is for the caller.

    `version` is the record's offset. No key (records from files) means that the object's own id is the key. A null
    value deletes, also what does not exist. `expected_version` is the text of that header, when there is one.
    `sent_before` is for who knows of releases; files know of none.
    Never raises, whatever the bytes.
    """
    record, errors = _decode(value)
    object_id = _object_id(key, record)
    warnings: list[Problem] = []
    if record is not None:
        found, warnings = _check(kind, record, object_id, configuration)
        errors += [*_check_key(key, record), *found]
        if kind == "distributions" and value is not None:
            errors += check_repeated_headers(value, record)
            if not errors and record["status"] == "live" and sent_before is not None:
                told = sent_before(record["id"], record)
                errors += [] if told is None else [Problem("$.status", "already_sent", told)]
    elif value is None and not object_id:
        errors.append(Problem("$", "schema", "a deletion needs the id of an object as its key"))
    in_force = configuration.get(kind, object_id) if object_id is not None else None
    current = in_force.version if in_force is not None else None
    errors += _check_version(expected_version, current)
    if errors:
        return Verdict(kind, object_id, version, False, errors, warnings, in_force_version=current)
    if record is None:
        return Verdict(kind, object_id, version, True)
    blocked = configuration.causes(record) if kind == "distributions" else []
    return Verdict(kind, object_id, version, True, [], warnings, blocked, version, record)


def _decode(value: bytes | None) -> tuple[dict[str, Any] | None, list[Problem]]:
    """Return the pushed object, or what keeps it from being one; neither for a deletion."""
    if value is None:
        return None, []
    if len(value) > INPUT_LIMIT:
        return None, [Problem("$", "too_large", f"the record has {len(value)} bytes; allowed: {INPUT_LIMIT}")]
    try:
        record = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return None, [Problem("$", "schema", f"not JSON: {error}")]
    if not isinstance(record, dict):
        return None, check_form(Form, record)
    if is_too_deep(record):
        return None, [Problem("$", "schema", f"nested deeper than {MAX_DEPTH} levels")]
    return record, []


def _object_id(key: bytes | None, record: dict[str, Any] | None) -> str | None:
    if key is not None:
        return key.decode("utf-8", "replace")
    object_id = record.get("id") if record is not None else None
    return object_id if isinstance(object_id, str) else None


def _check_key(key: bytes | None, record: dict[str, Any]) -> Iterator[Problem]:
    object_id = record.get("id")
    if key is not None and isinstance(object_id, str) and object_id.encode() != key:
        told = f"must be the record's key, {shown(key.decode('utf-8', 'replace'))}"
        yield Problem("$.id", "schema", told)


def _check(
    kind: str, record: dict[str, Any], object_id: str | None, configuration: Configuration
) -> tuple[list[Problem], list[Problem]]:
    """Return the errors and warnings of an object by itself, and of its name against the other names."""
    errors, warnings = check_form(MODELS[kind], record), []
    if kind == "distributions":
        errors += [*check_distribution(record), *_check_name(record, object_id, configuration)]
    elif kind == "validation-rules" and isinstance(record.get("rules"), dict):
        findings = check_rules(record["rules"], "$.rules")
        errors += findings.errors
        warnings = findings.warnings
    elif kind == "segments":
        found = check_segment(record)
        errors += found.errors
        warnings = found.warnings
    elif kind == "campaigns":
        errors += check_campaign(record)
    return errors, warnings


def _check_name(record: dict[str, Any], object_id: str | None, configuration: Configuration) -> Iterator[Problem]:
    name = record.get("name")
    owner = configuration.named(name) if isinstance(name, str) else None
    if owner is not None and owner != object_id:
        told = f"distribution {shown(owner)} has this name; names are unique among distributions, drafts included"
        yield Problem("$.name", "duplicate_name", told)


def _check_version(expected: bytes | None, current: int | None) -> Iterator[Problem]:
    if expected is None:
        return
    if not _VERSION.match(expected) or int(expected) != current:
        told = "nothing of this id is in force" if current is None else f"version {current} is in force"
        yield Problem(
            "$", "version_conflict", f"expected version {shown(expected.decode('utf-8', 'replace'))}, but {told}"
        )


def _listed(problems: list[Problem]) -> list[dict[str, str]]:
    listed = [
        {"path": _cut(problem.path), "code": problem.code, "message": _cut(problem.message, _MESSAGE_LIMIT)}
        for problem in problems[:_FINDINGS_LIMIT]
    ]
    if len(problems) > _FINDINGS_LIMIT:
        listed[-1] = {
            "path": "$",
            "code": problems[-1].code,
            "message": f"and {len(problems) - _FINDINGS_LIMIT + 1} more",
        }
    return listed


def _cut(text: str, limit: int = _TEXT_LIMIT) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."
