"""Reads a configuration directory: which records it holds, in which order, with which versions.

    DIR/{distributions,validation-rules,segments,campaigns}/*.json     one object a file
    DIR/{distributions,validation-rules,segments,campaigns}/*.jsonl    one object a line

Kinds come in the order of applying (campaigns, segments, validation rules, distributions), files by name, lines in
order. A record's version is its place among the records of its kind, from 0, as its offset would be in an empty
topic. Files whose names begin with a dot are passed over, and so are blank lines.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streamproc.domain.configuration import KINDS, Configuration, InForce
from streamproc.domain.judge import Verdict, judge
from streamproc.errors import StreamprocError


class NoConfigurationError(StreamprocError):
    """The path does not lead to configuration records."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One record of a configuration directory; `line` is counted from 1."""

    kind: str
    file: Path
    line: int
    version: int
    value: bytes

    @property
    def name(self) -> str:
        """The file's name as text, also when the file system holds one that is no UTF-8."""
        return str(self.file).encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class ConfigurationPath:
    """Where a path leads: the directory that holds the folders of the kinds, and what of it was asked for."""

    directory: Path
    asked: Path

    def holds(self, file: Path) -> bool:
        """Tell whether this file is among what was asked for."""
        return self.asked in (self.directory, file, file.parent)


def find_configuration(path: Path) -> ConfigurationPath:
    """Find the configuration directory for a directory, a kind's folder in it, or one file in such a folder.

    Raises `NoConfigurationError` when there is nothing to read.
    """
    if path.is_file():
        folder = _named(path.parent)
        if folder.name not in KINDS or not _is_configuration(path):
            raise NoConfigurationError(f"{path}: a file must be *.json or *.jsonl in a folder {_folders()}")
        return ConfigurationPath(folder.parent, folder / path.name)
    if not path.is_dir():
        raise NoConfigurationError(f"{path}: no such file or directory")
    found = ConfigurationPath(path, path)
    folder = _named(path)
    if folder.name in KINDS and not any((path / kind).is_dir() for kind in KINDS):
        found = ConfigurationPath(folder.parent, folder)
    if not any(found.holds(file) for kind in KINDS for file in _files(found.directory, kind)):
        raise NoConfigurationError(f"{path}: no *.json or *.jsonl in any folder {_folders()}")
    return found


def read_configuration(directory: Path) -> Iterator[FileRecord]:
    """Read all records of a configuration directory, one at a time. Raises `OSError` for what cannot be read."""
    for kind in KINDS:
        version = 0
        for file in _files(directory, kind):
            for line, value in _values(file):
                yield FileRecord(kind, file, line, version, value)
                version += 1


def judge_configuration(directory: Path, configuration: Configuration) -> Iterator[tuple[FileRecord, Verdict]]:
    """Judge all records of a directory and apply the good ones; of two with one id the later wins if it is good.

    What blocks a distribution is what blocks it after everything has been read: distributions come last, and
    nothing about one depends on another.
    """
    for record in read_configuration(directory):
        verdict = judge(record.kind, None, record.value, record.version, None, configuration)
        if verdict.accepted and verdict.id is not None and verdict.record is not None:
            in_force = InForce(record.kind, verdict.id, record.version, verdict.record)
            configuration.apply(record.kind, verdict.id, in_force)
        yield record, verdict


def _named(folder: Path) -> Path:
    """Return the folder as it was given, unless it has no name so: the name tells the kind of what is in it."""
    if folder.name not in {"", ".."}:
        return folder
    return Path(os.path.abspath(folder))  # noqa: PTH100 (resolve would follow links away from the folder's name)


def _files(directory: Path, kind: str) -> list[Path]:
    folder = directory / kind
    if not folder.is_dir():
        return []
    return sorted((file for file in folder.iterdir() if _is_configuration(file)), key=lambda file: file.name)


def _is_configuration(file: Path) -> bool:
    return file.suffix in {".json", ".jsonl"} and not file.name.startswith(".") and not file.is_dir()


def _values(file: Path) -> Iterator[tuple[int, bytes]]:
    if file.suffix == ".json":
        yield 1, file.read_bytes()
        return
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            value = line.rstrip(b"\r\n")
            if value.strip():
                yield number, value


def _folders() -> str:
    return f"{{{','.join(KINDS)}}}"
