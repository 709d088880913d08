import sys

import pytest

from streamproc.cli.progress import Progress


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.cli.progress._PATIENCE_SECONDS", -1.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("total", "shown"), [(None, "\r1,200 events, "), (5_000, "\r1,200 of 5,000 events, ")], ids=["endless", "known"]
)
def test_people_at_a_terminal_are_told_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], total: int | None, shown: str
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = Progress("events", total=total)
    progress.add(1_200)
    progress.end()
    printed = capsys.readouterr().err
    assert (printed.startswith(shown), printed.endswith("/s \n")) == (True, True)


@pytest.mark.usefixtures("impatient")
def test_what_is_said_in_between_stands_in_lines_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("streamproc.cli.progress._SHOWN_EVERY_SECONDS", -1.0)
    progress = Progress("events")
    for _ in range(2):
        progress.add(10)
        progress.end()
        progress.end()
        print("said", file=sys.stderr)
    first, said, second, again = capsys.readouterr().err.replace("\r", "").splitlines()
    assert (first.startswith("10 events"), second.startswith("20 events"), said, again) == (True, True, "said", "said")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("is_terminal", "is_wanted"), [(False, True), (True, False)])
def test_nobody_else_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_terminal: bool, is_wanted: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    progress = Progress("events", is_wanted=is_wanted)
    progress.add(1_200)
    progress.end()
    assert capsys.readouterr().err == ""
