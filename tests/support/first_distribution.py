"""The pages "Write your first (manual) distribution": their commands, and what they say these print."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "schemas" / "FIRST_DISTRIBUTION.md"
MANUAL_PAGE = PAGE.with_name("FIRST_MANUAL_DISTRIBUTION.md")
LIVE = "## Put it in force"

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z|(?<=due in )\d:\d\d")
_BLOCK = re.compile(r"^```(?P<kind>sh|text|json)\n(?P<text>.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_LIMIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Step:
    """Commands that are typed together, and what comes of them where the page says so."""

    commands: str
    output: str | None


def steps(text: str) -> Iterator[Step]:
    """Yield the steps of a part of the page."""
    blocks = [(found["kind"], found["text"]) for found in _BLOCK.finditer(text)]
    for place, (kind, commands) in enumerate(blocks):
        if kind == "sh":
            follows, output = blocks[place + 1] if place + 1 < len(blocks) else ("sh", "")
            yield Step(commands, None if follows == "sh" else output)


def run(step: Step, folder: Path, settings: Mapping[str, str]) -> str:
    """Type a step into a shell, in a folder, without any settings but these; return what it printed.

    Blanks at the ends of lines are not told.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STREAMPROC_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail", "-c", step.commands],
        cwd=folder, env={**environment, **settings}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=_LIMIT_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{step.commands}{done.stdout}"
    return re.sub(r" +$", "", done.stdout, flags=re.MULTILINE)


def timeless(printed: str) -> str:
    """Return what was printed without the times that are others with each run."""
    return _TIME.sub("<time>", printed)
