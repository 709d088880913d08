"""What is compiled is looked at before a worker starts."""

import os
import re
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from platform import machine

import pytest

import streamproc
from streamproc.runtime.compiled import event_path_is_compiled, require_compiled_parts, stale_modules


def checkout(root: Path, *, source_at: int, compiled_at: int, source: str = "one.py") -> Path:
    """Make a package with one module, and where it was compiled."""
    package = root / "package"
    package.mkdir()
    for name, at in ((source, source_at), (f"one{EXTENSION_SUFFIXES[0]}", compiled_at), ("two.py", 900)):
        (package / name).touch()
        os.utime(package / name, (at, at))
    return package


def test_whatever_is_compiled_is_compiled_again_when_it_changes() -> None:
    root = Path(streamproc.__file__).parents[1]
    rule = re.search(r"^\$\(COMPILED\):(.*)$", (root / "Makefile").read_text(), re.MULTILINE)
    assert rule is not None
    places = re.findall(r"streamproc/\S+", rule[1])
    compiled = re.findall(r'^    "(streamproc/\S+\.py)",$', (root / "setup.py").read_text(), re.MULTILINE)
    assert len(compiled) > len(places)
    assert [name for name in compiled if not name.startswith(tuple(places))] == []


@pytest.mark.parametrize("source", ["one.py", "one.c"])
def test_a_compiled_module_that_is_older_than_its_source_is_stale(tmp_path: Path, source: str) -> None:
    package = checkout(tmp_path, source_at=200, compiled_at=100, source=source)
    (tmp_path / "setup.py").touch()
    assert [file.name for file in stale_modules(package)] == [f"one{EXTENSION_SUFFIXES[0]}"]


def test_a_compiled_module_of_which_a_header_has_changed_is_stale(tmp_path: Path) -> None:
    package = checkout(tmp_path, source_at=100, compiled_at=200, source="one.c")
    (tmp_path / "setup.py").touch()
    assert stale_modules(package) == []
    (package / "shared.h").touch()
    assert [file.name for file in stale_modules(package)] == [f"one{EXTENSION_SUFFIXES[0]}"]


def test_a_compiled_module_that_is_younger_than_its_source_is_not_stale(tmp_path: Path) -> None:
    package = checkout(tmp_path, source_at=100, compiled_at=200)
    (tmp_path / "setup.py").touch()
    assert stale_modules(package) == []


def test_an_installed_package_is_never_stale_whatever_the_order_of_unpacking(tmp_path: Path) -> None:
    assert stale_modules(checkout(tmp_path, source_at=200, compiled_at=100)) == []


def test_what_is_installed_here_may_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.runtime.compiled.stale_modules", list)
    require_compiled_parts()


def test_where_the_event_path_is_compiled_what_is_written_in_c_is_built_as_well() -> None:
    """Else a source that no compiler takes would be left out silently, and nothing would test it."""
    package = Path(streamproc.__file__).parent
    sources = {source.stem for source in package.rglob("_*.c")}
    built = {file.name.split(".")[0] for file in package.rglob(f"_*{EXTENSION_SUFFIXES[0]}")}
    only_elsewhere = set() if machine() == "x86_64" else {"_batches", "_records"}
    assert sources
    assert sources - only_elsewhere <= built or not event_path_is_compiled()
