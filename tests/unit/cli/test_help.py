"""The help of every command ends with examples that can be typed."""

import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from streamproc.cli import COMMANDS, main
from streamproc.settings import Settings


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from walk(inner, (*path, name))


ALL = dict(walk(main, ()))


def help_of(path: tuple[str, ...]) -> str:
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    return result.stdout


def examples(text: str) -> list[str]:
    _, found, rest = text.rpartition("\n  Example")
    assert found, text
    return [line.strip() for line in rest.splitlines()[1:] if line.strip()]


def arguments(example: str) -> list[str]:
    """Return what stands behind `streamproc`."""
    words = shlex.split(example.replace('"$(', "").replace(')"', ""))
    return words[words.index("streamproc") + 1 :]


def test_every_command_is_listed_with_what_it_does() -> None:
    assert set(COMMANDS) == {path[0] for path in ALL if len(path) == 1}
    assert all(f"  {name} " in help_of(()) for name in COMMANDS)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_the_help_of_a_command_ends_with_examples_of_it(path: tuple[str, ...]) -> None:
    shown = examples(help_of(path))
    assert shown
    assert all(f"streamproc {' '.join(path)}".strip() in example for example in shown)


@pytest.mark.parametrize("path", [path for path, command in ALL.items() if not isinstance(command, click.Group)])
def test_the_options_in_examples_exist(path: tuple[str, ...]) -> None:
    names = {name for parameter in ALL[path].params for name in parameter.opts} | {"--help"}
    for example in examples(help_of(path)):
        assert {word for word in arguments(example) if word.startswith("--")} <= names
        assert tuple(arguments(example)[: len(path)]) == path


def test_each_flag_of_the_worker_tells_the_variable_and_the_default_of_its_setting() -> None:
    told = " ".join(help_of(("worker",)).split())
    flags = [parameter.name for parameter in ALL[("worker",)].params]
    assert flags
    for name in flags:
        field = Settings.model_fields[name or ""]
        default = "" if field.is_required() else f", default {field.default}"
        assert f"[STREAMPROC_{str(name).upper()}{default}]" in told


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_fits_into_80_columns(path: tuple[str, ...]) -> None:
    assert [line for line in help_of(path).splitlines() if len(line) > 80 and "streamproc" not in line] == []
