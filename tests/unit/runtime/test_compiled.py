"""What is compiled is looked at before a worker starts."""

import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from streamproc.runtime.compiled import require_compiled_parts, stale_modules


def checkout(root: Path, *, source_at: int, compiled_at: int, source: str = "one.py") -> Path:
    """Make a package with one module, and where it was compiled."""
    package = root / "package"
    package.mkdir()
    for name, at in ((source, source_at), (f"one{EXTENSION_SUFFIXES[0]}", compiled_at), ("two.py", 900)):
        (package / name).touch()
        os.utime(package / name, (at, at))
    return package


@pytest.mark.parametrize("source", ["one.py", "one.c"])
def test_a_compiled_module_that_is_older_than_its_source_is_stale(tmp_path: Path, source: str) -> None:
    package = checkout(tmp_path, source_at=200, compiled_at=100, source=source)
    (tmp_path / "setup.py").touch()
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
