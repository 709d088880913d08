"""Templates: texts with `{{path}}` placeholders, checked once and compiled once per version of a distribution.

A payload is a text that holds JSON. Inside its strings a placeholder becomes text, and nothing where its path has no
value; bare it keeps the type of its value, null where there is none. Dots in the keys of the payload's objects
nest. A path's numbers take places of lists; an existing key with dots wins over descending.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson

from streamproc.domain.paths import TOO_LONG, Read, compile_path, is_too_long
from streamproc.domain.problems import Problem

Payload = Mapping[str, Any]
_Piece = bytes | Callable[[Payload], bytes]

_CODE = "bad_placeholder"
_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
# A JSON string, its end left open so that no text is looked through twice, or a placeholder outside of any.
_STRING_OR_BARE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|\{\{[^{}]*\}\}', re.DOTALL)
_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class _Text:
    """A text with placeholders inside: fixed texts and readers, in order."""

    parts: tuple[str | Read, ...]


@dataclass(frozen=True, slots=True)
class _Bare:
    """A placeholder that stands for a JSON value of any type."""

    read: Read


class Template:
    """A compiled text: fixed fragments of JSON, and functions that render what stands between them."""

    __slots__ = ("_pieces", "fixed")

    def __init__(self, pieces: list[_Piece]) -> None:
        self._pieces = pieces
        only = pieces[0]
        #: The whole JSON when there are no placeholders in it.
        self.fixed = only if len(pieces) == 1 and isinstance(only, bytes) else None

    def render(self, payload: Payload) -> bytes:
        """Return the JSON, filled from the objects of this payload."""
        return b"".join([piece if type(piece) is bytes else piece(payload) for piece in self._pieces])  # type: ignore[operator]


class _BadTemplate(ValueError):
    pass


def check_template(text: str, offered: set[str], path: str) -> list[Problem]:
    """Check a payload: every path begins with an offered name, and the text is JSON once it is filled."""
    problems = check_text(text, offered, path)
    if not problems:
        try:
            _parse(text)
        except _BadTemplate as error:
            problems.append(Problem(path, _CODE, str(error)))
    return problems


def check_text(text: str, offered: set[str], path: str) -> list[Problem]:
    """Check a plain text with placeholders: every path begins with an offered name."""
    first: dict[str, str] = {}
    for found in map(str.strip, _PLACEHOLDER.findall(text)):
        first.setdefault(found.split(".", 1)[0], found)
    told = f"this trigger and action offer: {', '.join(sorted(offered))}"
    problems = [
        Problem(path, _CODE, f"{{{{{found}}}}} is not offered; {told}")
        for name, found in first.items()
        if name not in offered
    ]
    if any(map(is_too_long, _PLACEHOLDER.findall(text))):
        problems.append(Problem(path, _CODE, TOO_LONG))
    if "{{" in _PLACEHOLDER.sub("", text):
        problems.append(Problem(path, _CODE, "a placeholder is not closed, or nested; written {{customer.name}}"))
    return problems


def compile_template(text: str) -> Template:
    """Compile a payload that `check_template` has passed; it renders to compact JSON."""
    return _compiled(_parse(text))


def compile_texts(texts: Mapping[str, str]) -> Template:
    """Compile named plain texts with placeholders to one JSON object of texts. Dots in the names do not nest."""
    return _compiled({name: _split(text) for name, text in texts.items()})


def _compiled(value: Any) -> Template:
    pieces: list[_Piece] = []
    _compile(value, pieces)
    return Template(_joined(pieces))


def _split(text: str) -> "str | _Text":
    pieces = _PLACEHOLDER.split(text)
    if len(pieces) == 1:
        return text
    # Every second piece is a path.
    return _Text(tuple(_reader(piece.strip()) if place % 2 else piece for place, piece in enumerate(pieces)))


def _parse(text: str) -> Any:
    """Return the JSON of a payload, with `_Text` and `_Bare` where placeholders stand, keys nested."""
    mark = _unused_mark(text)
    readers: list[Read] = []

    def place_mark(found: re.Match[str]) -> str:
        readers.append(_reader(found[1].strip()))
        return f"{mark}{len(readers) - 1}{mark}"

    def fill(found: re.Match[str]) -> str:
        if found[0].startswith('"'):
            return _PLACEHOLDER.sub(place_mark, found[0])
        # Outside strings a placeholder becomes a string of its own, told apart by a second mark.
        return f'"{mark}{_PLACEHOLDER.sub(place_mark, found[0])}"'

    try:
        value = orjson.loads(_STRING_OR_BARE.sub(fill, text))
    except orjson.JSONDecodeError as error:
        raise _BadTemplate(f"not JSON once placeholders are filled: {error}") from None
    return _marked(value, mark, readers, 0)


def _unused_mark(text: str) -> str:
    """Return a character of the private use area that the text holds neither plain nor escaped."""
    lowered = text.lower()
    return next(chr(code) for code in count(0xE000) if chr(code) not in text and f"\\u{code:04x}" not in lowered)


def _marked(value: Any, mark: str, readers: list[Read], depth: int) -> Any:
    if depth >= _DEEPEST:
        raise _BadTemplate(f"lists and objects stand at most {_DEEPEST} deep")
    if isinstance(value, str):
        return _marked_text(value, mark, readers)
    if isinstance(value, list):
        return [_marked(element, mark, readers, depth + 1) for element in value]
    if isinstance(value, dict):
        nested: dict[Any, Any] = {}
        for key, element in value.items():
            names = _key_path(key, mark, readers)
            _put(nested, names, _marked(element, mark, readers, depth + len(names)))
        return nested
    return value


def _marked_text(text: str, mark: str, readers: list[Read]) -> Any:
    if mark not in text:
        return text
    if text.startswith(mark * 2):
        return _Bare(readers[int(text.strip(mark))])
    pieces = text.split(mark)
    return _Text(tuple(readers[int(piece)] if place % 2 else piece for place, piece in enumerate(pieces)))


def _key_path(key: str, mark: str, readers: list[Read]) -> tuple[Any, ...]:
    """Return the keys that one key stands for.

    A key with a placeholder, or with nothing on one side of a dot, stands for itself.
    """
    if mark in key:
        found = _marked_text(key, mark, readers)
        if isinstance(found, _Bare):
            raise _BadTemplate("a key must be quoted, also when it is a placeholder")
        return (found,)
    names = tuple(key.split("."))
    return names if all(names) else (key,)


def _put(target: dict[Any, Any], keys: tuple[Any, ...], value: Any) -> None:
    *outer, last = keys
    for key in outer:
        inner: Any = target.setdefault(key, {})
        if not isinstance(inner, dict):
            raise _BadTemplate(f"the key {'.'.join(keys)} nests in one that holds something else")
        target = inner
    former = target.get(last)
    if isinstance(former, dict) and isinstance(value, dict):
        for key, element in value.items():
            _put(former, (key,), element)
    elif last in target:
        raise _BadTemplate(f"the key {last} stands here twice")
    else:
        target[last] = value


def _compile(value: Any, pieces: list[_Piece]) -> None:
    if isinstance(value, _Bare):
        read = value.read
        pieces.append(lambda payload: orjson.dumps(read(payload)))
    elif isinstance(value, _Text):
        render = _text_renderer(value)
        pieces.append(lambda payload: orjson.dumps(render(payload)))
    elif isinstance(value, dict):
        _compile_object(value, pieces)
    elif isinstance(value, list):
        pieces.append(b"[")
        for place, element in enumerate(value):
            if place:
                pieces.append(b",")
            _compile(element, pieces)
        pieces.append(b"]")
    else:
        pieces.append(orjson.dumps(value))


def _compile_object(value: dict[Any, Any], pieces: list[_Piece]) -> None:
    pieces.append(b"{")
    for place, (key, element) in enumerate(value.items()):
        if place:
            pieces.append(b",")
        _compile(key, pieces)
        pieces.append(b":")
        _compile(element, pieces)
    pieces.append(b"}")


def _joined(pieces: list[_Piece]) -> list[_Piece]:
    """Join neighbouring fixed fragments."""
    joined: list[_Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if isinstance(piece, bytes) and isinstance(last, bytes):
            joined[-1] = last + piece
        else:
            joined.append(piece)
    return joined


def _reader(path: str) -> Read:
    return compile_path(path, lists=True)


def _text_renderer(text: _Text) -> Callable[[Payload], str]:
    parts = text.parts
    return lambda payload: "".join([part if isinstance(part, str) else _as_text(part(payload)) for part in parts])


def _as_text(value: Any) -> str:
    if type(value) is str:
        return value
    return "" if value is None else orjson.dumps(value).decode()
