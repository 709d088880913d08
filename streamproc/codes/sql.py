"""The statements and migrations, read from the `.sql` files beside this one. Python holds no SQL."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)
_MIGRATION = re.compile(r"(\d+)_\w+\.sql")
_WORKS_WITH = re.compile(r"-- works with releases from: (\d+)\n")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema. `works_with` is the oldest step whose release can work with the schema after this one."""

    number: int
    works_with: int
    text: str


@cache
def query(name: str) -> str:
    """Return a statement of `queries.sql`."""
    _, *parts = _NAME.split((_FOLDER / "queries.sql").read_text(encoding="utf-8"))
    return dict(zip(parts[::2], parts[1::2], strict=True))[name]


@cache
def migrations() -> tuple[Migration, ...]:
    """Return all migrations, the first one first."""
    return tuple(_migration(file) for file in sorted((_FOLDER / "migrations").glob("*.sql")))


def _migration(file: Path) -> Migration:
    name, text = _MIGRATION.fullmatch(file.name), file.read_text(encoding="utf-8")
    head = _WORKS_WITH.match(text)
    assert name is not None, f"{file} has no number"
    assert head is not None, f"{file} does not say with what it works"
    return Migration(int(name[1]), int(head[1]), text)
