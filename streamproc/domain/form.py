"""The form of configuration objects: how a model's findings become problems with a JSON path.

The models themselves stand in `distributions`, `validation_rules`, `segments` and `campaigns`; each is the only
definition of the form of its kind, and the JSON Schemas are generated from it.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from streamproc.domain.problems import Problem

# Ids are parts of record keys and, joined by U+001F, of derived ids: a control character would make those ambiguous.
# They stand in every verdict, job and status, so they are short.
ID_LENGTH = 256  # characters
_ID = r"^[^\x00-\x1f\x7f]+$"
Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_LENGTH, pattern=_ID)]
Text = Annotated[str, StringConstraints(min_length=1)]
# http or https, somebody's host, an optional port, no blanks.
_URL = r"^https?://([^\s/?#@]*@)?(\[[0-9A-Fa-f:.]+\]|[^\s/?#:@\[\]]+)(:[0-9]{1,5})?([/?#]\S*)?$"
Url = Annotated[str, StringConstraints(pattern=_URL)]

# What may stand in a code, and in a pattern of codes.
CODE_TEXT = r'^[^\x00-\x1f\x7f"\\]+$'
CODE_PATTERN = r'^[^\x00-\x1f\x7f"\\]*#[^\x00-\x1f\x7f"\\]*$'

_PATTERNS = {
    _ID: "must hold no control characters",
    _URL: "must be an address that begins with http:// or https://",
    CODE_TEXT: "must not be empty, and hold no quotes, backslashes or control characters",
    CODE_PATTERN: "needs a # for each character to be chosen, and no quotes, backslashes or control characters",
}
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_$-]+\Z")
_SHOWN = 60  # characters of a wrong value that a message repeats


class Form(BaseModel):
    """Base of the configuration models: JSON types are not converted, unknown fields are kept.

    `tagged` says at which place of an error's location a union's tag stands, by the first name of that location.
    """

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, protected_namespaces=())

    tagged: ClassVar[Mapping[str, int]] = {}


def json_path(base: str, *parts: str | int) -> str:
    """Extend a JSON path: list places in brackets, unusual names quoted."""
    path = base
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif _PLAIN_NAME.match(part):
            path += f".{part}"
        else:
            quoted = part.replace("\\", "\\\\").replace('"', '\\"')
            path += f'["{quoted}"]'
    return path


def check_form(model: type[Form], record: object) -> list[Problem]:
    """Return everything that is wrong with the form of a record, in the order of the model's fields."""
    try:
        model.model_validate(record)
    except ValidationError as error:
        findings = error.errors(include_url=False, include_context=True, include_input=True)
        return [_problem(model, finding) for finding in findings]
    return []


def allowed(values: Sequence[str]) -> str:
    """Return the end of a message that lists what is allowed."""
    return f"allowed: {', '.join(values)}" if values else "nothing is allowed here"


def shown(value: object) -> str:
    """Return a wrong value as a message may repeat it: as JSON, short."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _problem(model: type[Form], finding: ErrorDetails) -> Problem:
    location = list(finding["loc"])
    place = model.tagged.get(str(location[0])) if location else None
    if place is not None and len(location) > place:
        del location[place]
    kind, context = finding["type"], finding.get("ctx", {})
    if kind in {"union_tag_not_found", "union_tag_invalid"}:
        location.append("type")
    message = _MESSAGES.get(kind)
    told = message(context, finding["input"]) if message is not None else finding["msg"]
    return Problem(json_path("$", *location), "schema", told)


def _expected(context: Mapping[str, Any]) -> str:
    """Pydantic names the values as `'a', 'b' or 'c'`."""
    listed = str(context.get("expected", context.get("expected_tags", "")))
    return listed.replace(" or ", ", ").replace("'", "").replace("False", "false")


_MESSAGES: dict[str, Callable[[Mapping[str, Any], object], str]] = {
    "missing": lambda _context, _value: "this field is required",
    "union_tag_not_found": lambda _context, _value: "this field is required",
    "union_tag_invalid": lambda context, _: (
        f"{shown(context['tag'])} is not allowed here; allowed: {_expected(context)}"
    ),
    "literal_error": lambda context, value: f"{shown(value)} is not allowed here; allowed: {_expected(context)}",
    "string_type": lambda _context, value: f"must be a text, not {_json_type(value)}",
    "bool_type": lambda _context, value: f"must be true or false, not {_json_type(value)}",
    "int_type": lambda _context, value: f"must be a whole number, not {_json_type(value)}",
    "list_type": lambda _context, value: f"must be a list, not {_json_type(value)}",
    "dict_type": lambda _context, value: f"must be an object, not {_json_type(value)}",
    "model_type": lambda _context, value: f"must be an object, not {_json_type(value)}",
    "model_attributes_type": lambda _context, value: f"must be an object, not {_json_type(value)}",
    "string_too_long": lambda context, _value: f"must have at most {context['max_length']} characters",
    "string_pattern_mismatch": lambda context, _value: _PATTERNS[context["pattern"]],
    "string_too_short": lambda _context, _value: "must not be empty",
    "too_short": lambda _context, _value: "must not be empty",
    "greater_than_equal": lambda context, _value: f"must be at least {context['ge']}",
    "less_than_equal": lambda context, _value: f"must be at most {context['le']}",
}


def _json_type(value: object) -> str:
    names = {
        str: "a text",
        bool: "a truth value",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "null")
