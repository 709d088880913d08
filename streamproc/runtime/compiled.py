"""What is compiled: the parts of Faust and aiokafka that a worker needs, and our own event path (setup.py).

Without the former aiokafka is about a hundred times slower, and Faust's pure Python stream acknowledges messages of an
old generation that it skips. The latter is faster compiled, and decides the same interpreted.
"""

import importlib
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

import streamproc
from streamproc.errors import SettingsError

COMPILED_MODULES = (
    "faust._cython.streams",
    "faust.transport._cython.conductor",
    "aiokafka.record._crecords.default_records",
    "aiokafka.record._crecords.memory_records",
)


def require_compiled_parts() -> None:
    """Raise `SettingsError` naming each compiled module that cannot be imported, or that is older than its source."""
    problems = [
        f"the compiled module {name} is missing: install the binary wheel of its package"
        for name in COMPILED_MODULES
        if not _importable(name)
    ]
    problems += [
        f"{file.name} is older than its source: run `make compile`, or `make pure`" for file in stale_modules()
    ]
    if problems:
        raise SettingsError(problems)


def _importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def event_path_is_compiled() -> bool:
    """Tell whether the event path runs compiled."""
    place = find_spec("streamproc.matching.index")
    return place is not None and str(place.origin).endswith(EXTENSION_SUFFIXES[0])


def stale_modules(root: Path = Path(streamproc.__file__).parent) -> list[Path]:
    """Return the compiled modules of a source checkout of which the source has changed since, as files."""
    if not (root.parent / "setup.py").exists():
        return []
    compiled = sorted(root.rglob(f"*{EXTENSION_SUFFIXES[0]}"))
    return [
        file
        for file in compiled
        if any(source.stat().st_mtime > file.stat().st_mtime for source in _sources(file) if source.exists())
    ]


def _sources(compiled: Path) -> list[Path]:
    name = compiled.name.removesuffix(EXTENSION_SUFFIXES[0])
    written_in_c = compiled.with_name(f"{name}.c")
    headers = compiled.parent.glob("*.h") if written_in_c.exists() else ()
    return [compiled.with_name(f"{name}.py"), written_in_c, *headers]
