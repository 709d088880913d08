"""Refuses to start without the compiled parts of Faust and aiokafka.

Without them aiokafka is about a hundred times slower, and Faust's pure Python stream acknowledges messages of an old
generation that it skips.
"""

import importlib

from streamproc.errors import SettingsError

COMPILED_MODULES = (
    "faust._cython.streams",
    "faust.transport._cython.conductor",
    "aiokafka.record._crecords.default_records",
    "aiokafka.record._crecords.memory_records",
)


def require_compiled_parts() -> None:
    """Raise `SettingsError` naming each compiled module that cannot be imported."""
    missing = [name for name in COMPILED_MODULES if not _importable(name)]
    if missing:
        raise SettingsError(
            [f"the compiled module {name} is missing: install the binary wheel of its package" for name in missing]
        )


def _importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
