"""`streamproc codes`: files in, pools filled; and what is in them."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.cli import codes as command
from streamproc.cli import main
from streamproc.codes.memory import MemoryLedger


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> MemoryLedger:
    """A ledger in memory in the place of the database."""
    memory = MemoryLedger()
    monkeypatch.setattr(command, "PostgresLedger", lambda _address: memory)
    monkeypatch.setenv("STREAMPROC_POSTGRES", "postgresql://here/db")
    monkeypatch.delenv("STREAMPROC_KAFKA", raising=False)
    return memory


def run(*arguments: object, given: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["codes", *map(str, arguments)], input=given, catch_exceptions=False)


def import_codes(content: bytes, *arguments: str) -> Result:
    return run("import", "camp_1", "-", "--unchecked", *arguments, given=content)


def pool() -> dict[str, tuple[int, int]]:
    shown = [orjson.loads(line) for line in run("status", "--json").stdout_bytes.splitlines()]
    return {one["campaign"]: (one["free"], one["given"]) for one in shown}


@pytest.mark.usefixtures("ledger")
def test_each_line_is_a_code_but_for_empty_ones_and_what_is_there_already(tmp_path: Path) -> None:
    (tmp_path / "codes.txt").write_bytes("\ufeffA-1\r\n\n  A-2 \nA-1\n\t\nü 3".encode())
    result = run("import", "camp_1", tmp_path / "codes.txt", "--unchecked", "--json")
    assert result.exit_code == 0
    assert orjson.loads(result.stdout) == {"campaign": "camp_1", "new": 3, "duplicates": 1, "wrong": 0}
    assert result.stderr == "line 4: already there\n"
    assert pool() == {"camp_1": (3, 0)}
    again = import_codes(b"A-1\nA-2\nA-9\n")
    assert again.stdout == "camp_1: 1 new, 2 already there, 0 no codes\n"
    assert pool() == {"camp_1": (4, 0)}


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    "line", [b'a"b', b"a\\b", b"a\x00b", b"\xff", b"x" * 129, b"x" * 1_000_000, b"a\tb", b"a\rb", "a\u200bb".encode()]
)
def test_a_line_that_is_no_code_is_told_and_the_others_are_taken(line: bytes) -> None:
    result = import_codes(b"one\n" + line + b"\ntwo\n")
    assert result.exit_code == 1
    assert result.stdout == "camp_1: 2 new, 0 already there, 1 no codes\n"
    assert result.stderr.startswith("line 2: no code: 1 to 128 characters")


@pytest.mark.usefixtures("ledger")
def test_blanks_of_any_alphabet_around_a_code_are_no_part_of_it() -> None:
    result = import_codes("A\n\u00a0A\u00a0\n\u3000\n\u00a0 \n\ufeffB\n".encode())
    assert (result.exit_code, result.stdout) == (0, "camp_1: 2 new, 1 already there, 0 no codes\n")


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("campaign", ["", "a\nb", "x" * 257, "\udcff"])
def test_what_can_be_no_campaign_is_refused(campaign: str) -> None:
    result = run("import", campaign, "-", "--unchecked", given=b"a\n")
    assert result.exit_code == 2
    assert "an id has 1 to 256 characters" in result.stderr
    assert pool() == {}


@pytest.mark.usefixtures("ledger")
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for name, told in ((tmp_path, "Is a directory"), (tmp_path / "none", "No such file or directory")):
        result = run("import", "camp_1", name, "--unchecked")
        assert result.exit_code == 2
        assert f"'{name}': {told}" in result.stderr


@pytest.mark.usefixtures("ledger")
def test_of_a_file_that_breaks_off_it_is_told_what_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_: object) -> Iterator[list[bytes]]:
        yield [b"a", b"b", b"c"]
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(command, "_AT_ONCE", 2)
    monkeypatch.setattr(command, "read_lines", breaks)
    result = import_codes(b"")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "Error: [Errno 5] Input/output error",
        "camp_1: broken off; 2 codes are there, 2 of them new; import the file again",
    ]
    assert pool() == {"camp_1": (2, 0)}


@pytest.mark.usefixtures("ledger")
def test_of_many_lines_only_the_first_are_named() -> None:
    import_codes(b"a\n")
    result = import_codes(b"a\n" * 1000)
    assert result.stderr.splitlines()[9:] == ["line 10: already there", "more lines: already there"]
    assert result.stdout == "camp_1: 0 new, 1,000 already there, 0 no codes\n"


@pytest.mark.usefixtures("ledger")
def test_a_large_file_comes_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_AT_ONCE", 7)
    assert import_codes(b"".join(b"%d\n" % number for number in range(100))).exit_code == 0
    assert pool() == {"camp_1": (100, 0)}


@pytest.mark.usefixtures("ledger")
def test_status_shows_all_pools_or_one() -> None:
    import_codes(b"a\nb\n")
    assert [line.split() for line in run("status").stdout.splitlines()] == [
        ["campaign", "free", "given"],
        ["camp_1", "2", "0"],
    ]
    assert run("status", "camp_1").exit_code == 0
    missing = run("status", "camp_2")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert missing.stderr.startswith("Error: no codes of camp_2; import some")


@pytest.mark.usefixtures("ledger")
def test_whether_the_campaign_is_in_force_is_asked_of_the_brokers_unless_told_otherwise() -> None:
    result = run("import", "camp_1", "-", given=b"a\n")
    assert result.exit_code == 2
    assert "STREAMPROC_KAFKA; or give --unchecked" in result.stderr


def test_without_a_database_it_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STREAMPROC_POSTGRES", raising=False)
    result = run("status")
    assert (result.exit_code, result.stderr) == (2, "Error: no database; give --postgres or set STREAMPROC_POSTGRES\n")


def test_what_is_no_address_of_a_database_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "postgresql://shop:secret/more@db/codes"
    given = run("status", "--postgres", wrong)
    monkeypatch.setenv("STREAMPROC_POSTGRES", wrong)
    named = run("status")
    assert (given.exit_code, named.exit_code) == (2, 2)
    assert given.stderr.startswith("Error: --postgres: not an address")
    assert named.stderr.startswith("Error: STREAMPROC_POSTGRES: not an address")
    assert "secret" not in given.stderr + named.stderr


def test_a_database_that_does_not_answer_is_an_error_that_says_so() -> None:
    result = run("status", "--postgres", "postgresql://postgres@127.0.0.1:1/none")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: PostgreSQL: ")
