"""deploy/compose.yaml by its text: no YAML parser is a dependency, and Docker is not needed to keep it true."""

import re
from pathlib import Path

from streamproc.local.broker_properties import DEVELOPMENT, server_properties
from streamproc.local.jars import POM
from streamproc.local.postgres import _programs

_COMPOSE = (POM.parents[1] / "compose.yaml").read_text()
_VARIABLES = dict(re.findall(r'^      (KAFKA_[A-Z_]+): "(.*)"$', _COMPOSE, re.MULTILINE))


def _variable(setting: str) -> str:
    """Spell a setting as the image's start script reads it."""
    return "KAFKA_" + setting.upper().replace(".", "_")


def test_the_compose_file_runs_the_version_that_maven_fetches() -> None:
    version = re.search(r"<artifactId>kafka_2.13</artifactId>\s*<version>(.*)</version>", POM.read_text())
    assert version is not None
    assert f"apache/kafka:{version[1]}" in re.findall(r"image: (.*)", _COMPOSE)


def test_the_compose_file_runs_the_database_that_the_wheel_carries() -> None:
    assert "postgres:18" in re.findall(r"image: (.*)", _COMPOSE)
    assert _programs().parent.name == "pginstall18"


def test_the_compose_file_has_every_setting_of_the_development_broker() -> None:
    expected = {_variable(name): value for name, value in DEVELOPMENT.items()}
    assert {name: _VARIABLES.get(name) for name in expected} == expected


def test_the_compose_file_sets_everything_that_one_node_needs() -> None:
    settings = server_properties(Path("/data"), (9092, 9093), {}).splitlines()
    needed = {_variable(setting.partition("=")[0]) for setting in settings}
    assert needed - _VARIABLES.keys() == set()


def test_every_line_is_indented_by_steps_of_two_and_has_no_tab() -> None:
    lines = [line for line in _COMPOSE.splitlines() if line.strip()]
    assert [line for line in lines if "\t" in line or (len(line) - len(line.lstrip())) % 2] == []
