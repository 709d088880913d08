"""The tables of the README that are made from the code, and the commands that it tells people to type."""

import re
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from streamproc.operations.metrics import Metrics
from streamproc.settings import ENVIRONMENT_PREFIX, Settings

README = Path(__file__).parents[2] / "README.md"


def settings_table() -> str:
    """Name, default and meaning of every setting."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "must be set" if field.is_required() else f"`{field.default}`" if field.default != "" else ""
        rows.append(f"| `{ENVIRONMENT_PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def metrics_table() -> str:
    """Name, type, labels and meaning of every metric."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for metric in vars(Metrics()).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = ", ".join(metric._labelnames)
            rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return "\n".join(rows)


def with_tables(text: str) -> str:
    """Return the README with its tables as the code has them now."""
    return fill(text, {"settings": settings_table(), "metrics": metrics_table()})


def fill(text: str, tables: Mapping[str, str]) -> str:
    """Return a document with these tables between their marks, `<!-- name: ... -->` and `<!-- /name -->`."""
    for name, table in tables.items():
        text = re.sub(
            rf"(<!-- {name}: [^\n]* -->\n).*?(<!-- /{name} -->)",
            lambda found, table=table: f"{found[1]}{table}\n{found[2]}",  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
    return text


def commands() -> str:
    """Return the shell commands of the README, all blocks marked `sh`, as one script."""
    return "\n".join(re.findall(r"^```sh\n(.*?)^```", README.read_text(), flags=re.DOTALL | re.MULTILINE))


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
