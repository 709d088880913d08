"""The archive of a broker's classes is made once, and a broker starts without it as well."""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from streamproc.errors import LocalBrokerError
from streamproc.local.class_archive import archive_options
from streamproc.local.jars import KafkaFiles


@pytest.fixture
def files(tmp_path: Path) -> KafkaFiles:
    java = tmp_path / "java"
    java.write_text("a JVM")
    (tmp_path / "home" / "jars").mkdir(parents=True)
    (tmp_path / "home" / "jars" / "kafka.jar").write_text("classes")
    return KafkaFiles(str(java), tmp_path / "home" / "jars", tmp_path / "home" / "bootstrap.checkpoint")


class Broker:
    """Counts its runs, and writes what a JVM would."""

    def __init__(self, error: Exception | None = None) -> None:
        self.runs = 0
        self._error = error

    def __call__(self, options: Sequence[str]) -> None:
        self.runs += 1
        (option,) = options
        Path(option.removeprefix("-XX:ArchiveClassesAtExit=")).write_text("classes")
        if self._error is not None:
            raise self._error


def test_it_is_made_once(files: KafkaFiles) -> None:
    run = Broker()
    first, second = archive_options(files, run), archive_options(files, run)
    (archive,) = files.jars.parent.glob("*.jsa")
    assert (run.runs, archive.read_text()) == (1, "classes")
    assert first == second == (f"-XX:SharedArchiveFile={archive}",)


def test_each_jvm_has_its_own(files: KafkaFiles) -> None:
    run = Broker()
    first = archive_options(files, run)
    Path(files.java).write_text("another JVM in its place")
    assert archive_options(files, run) != first
    assert run.runs == 2


@pytest.mark.parametrize("error", [LocalBrokerError("no"), OSError("no room")])
def test_after_a_run_that_fails_the_next_start_tries_again(files: KafkaFiles, error: Exception) -> None:
    assert archive_options(files, Broker(error)) == ()
    run = Broker()
    assert archive_options(files, run) != ()
    assert run.runs == 1


def test_two_starts_at_once_make_one(files: KafkaFiles) -> None:
    run = Broker()
    others: list[Future[tuple[str, ...]]] = []
    with ThreadPoolExecutor(1) as thread:

        def run_while_another_starts(options: Sequence[str]) -> None:
            others.append(thread.submit(archive_options, files, run))
            with pytest.raises(TimeoutError):  # it waits for this one
                others[0].result(timeout=0.2)
            run(options)

        one = archive_options(files, run_while_another_starts)
        assert others[0].result() == one
    assert run.runs == 1


def test_it_is_made_anew_where_it_is_cut_off(files: KafkaFiles) -> None:
    (option,) = archive_options(files, Broker())
    archive = Path(option.removeprefix("-XX:SharedArchiveFile="))
    archive.write_text("clas")
    assert archive_options(files, Broker()) == (option,)
    assert archive.read_text() == "classes"


def test_it_is_made_anew_where_the_jars_are_elsewhere(files: KafkaFiles, tmp_path: Path) -> None:
    archive_options(files, Broker())
    files.jars.parent.rename(tmp_path / "moved")
    run = Broker()
    archive_options(replace(files, jars=tmp_path / "moved" / "jars"), run)
    assert run.runs == 1


def test_it_is_made_anew_where_a_jar_was_written_anew(files: KafkaFiles) -> None:
    """A JVM compares the times of the jars, and takes no archive that was made with others."""
    first = archive_options(files, Broker())
    os.utime(files.jars / "kafka.jar", (1, 1))
    run = Broker()
    assert archive_options(files, run) != first
    assert run.runs == 1


def test_what_one_that_was_killed_has_left_is_removed(files: KafkaFiles) -> None:
    (option,) = archive_options(files, Broker())
    archive = Path(option.removeprefix("-XX:SharedArchiveFile="))
    archive.unlink()
    name = archive.stem.rpartition("-")[0]
    (files.jars.parent / f"archiving-{name}-by-one-that-was-killed").mkdir()
    assert archive_options(files, Broker()) == (option,)
    assert {path.suffix for path in files.jars.parent.iterdir() if path != files.jars} == {".jsa", ".lock"}


def test_a_jvm_that_makes_none_is_not_asked_again(files: KafkaFiles) -> None:
    runs: list[Sequence[str]] = []
    assert archive_options(files, runs.append) == archive_options(files, runs.append) == ()
    assert len(runs) == 1


def test_a_cache_that_cannot_be_written_leaves_brokers_without(files: KafkaFiles) -> None:
    run = Broker()
    (lock,) = _locks_made(files)
    lock.unlink()
    lock.mkdir()
    assert archive_options(files, run) == ()
    assert run.runs == 0


def _locks_made(files: KafkaFiles) -> list[Path]:
    """Have an archive made, and remove it."""
    archive_options(files, Broker())
    home = files.jars.parent
    for archive in home.glob("*.jsa"):
        archive.unlink()
    return list(home.glob("*.lock"))
