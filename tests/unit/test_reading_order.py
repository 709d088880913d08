"""A package's docstring leads through all of it."""

import re
from importlib import import_module
from pathlib import Path

import pytest

import streamproc
from streamproc.cli import COMMANDS

ROOT = Path(streamproc.__file__).parent
PACKAGES = sorted(file.parent for file in ROOT.rglob("__init__.py") if file.parent != ROOT)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(ROOT)))
def test_a_package_names_each_of_its_modules(package: Path) -> None:
    told = import_module(".".join(("streamproc", *package.relative_to(ROOT).parts))).__doc__ or ""
    modules = {file.stem for file in package.glob("*.py")} | {
        file.parent.name for file in package.glob("*/__init__.py")
    }
    named = {"__init__", *re.findall(r"`(\w+)`", told), *(COMMANDS if package.name == "cli" else ())}
    assert modules - named == set()
