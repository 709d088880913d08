"""`codes import` as people run it: against what is in force, and of any size.

IMPORTED_CODES sets how many codes the large file has: 10,000,000 for the whole proof, fewer for every day.
"""

import asyncio
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.cli import main
from streamproc.codes.ledger import Pool
from streamproc.codes.postgres import PostgresLedger
from streamproc.domain.configuration import encode_definition
from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic
from tests.support.configuration import campaign
from tests.support.streams import send

IMPORTED_CODES = int(os.environ.get("IMPORTED_CODES") or 200_000)
MOST_MEBIBYTES = 150
# Runs the command, and tells at the end how much memory it has had at most. What the system counts for a process by
# `getrusage` begins with that of the process that has started it.
MEASURED = """
import pathlib, sys
from streamproc.cli import main
try:
    main(sys.argv[1:])
finally:
    status = pathlib.Path("/proc/self/status").read_text()
    print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


def pools(database: str) -> list[Pool]:
    async def counted() -> list[Pool]:
        ledger = PostgresLedger(database)
        try:
            return list(await ledger.pools())
        finally:
            await ledger.close()

    return asyncio.run(counted())


@pytest.mark.broker
def test_codes_of_a_campaign_that_is_not_in_force_are_refused_and_it_is_looked_up_each_time(
    kafka: str, topic_prefix: str, database: str
) -> None:
    asyncio.run(create_topics(kafka, topic_prefix, 1, 1))
    brokers = Kafka(kafka, topic_prefix)

    def run(campaign_id: str) -> Result:
        where = ["--kafka", kafka, "--prefix", topic_prefix, "--postgres", database]
        given = ["codes", "import", campaign_id, "-", *where]
        return CliRunner().invoke(main, given, input=b"a\nb\n", env={}, catch_exceptions=False)

    def put(value: bytes | None) -> None:
        asyncio.run(send(brokers, Topic.DEFINITIONS, [(b"campaigns/camp_1", value, [])], 0))

    put(encode_definition("campaigns", "camp_1", 0, orjson.dumps(campaign())))
    wrong = run("camp_2")
    assert (wrong.exit_code, wrong.stderr) == (
        1, "Error: no campaigns/camp_2 in force; push it first, or give --unchecked\n",
    )  # fmt: skip
    assert pools(database) == []
    assert (run("camp_1").exit_code, pools(database)) == (0, [Pool("camp_1", free=2, given=0)])
    put(None)
    assert run("camp_1").exit_code == 1


@pytest.mark.timeout(600 + IMPORTED_CODES / 10_000)
def test_a_file_of_any_size_is_imported_in_constant_memory_also_once_more(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "codes.txt"
    with file.open("w") as written:
        written.writelines(f"\nCODE-{number:09}\n" for number in range(IMPORTED_CODES))
        written.write("CODE-000000000\n")
    command = [sys.executable, "-c", MEASURED, "codes", "import", "camp_1", str(file), "--unchecked", "--json"]
    took, told = [], []
    for _ in range(2):
        began = monotonic()
        done = subprocess.run([*command, "--postgres", database], capture_output=True, text=True, check=True)
        took.append(monotonic() - began)
        report, mebibytes = done.stdout.splitlines()
        told.append((orjson.loads(report), int(mebibytes)))
    with capsys.disabled():
        print(f"\n{IMPORTED_CODES:,} codes imported in {took[0]:.1f} s, again in {took[1]:.1f} s, {told[0][1]} MiB")
    counts = {"campaign": "camp_1", "wrong": 0}
    assert [report for report, _ in told] == [
        {**counts, "new": IMPORTED_CODES, "duplicates": 1},
        {**counts, "new": 0, "duplicates": IMPORTED_CODES + 1},
    ]
    assert max(mebibytes for _, mebibytes in told) < MOST_MEBIBYTES
    assert pools(database) == [Pool("camp_1", free=IMPORTED_CODES, given=0)]


AT_ONCE = 50_000
LONGEST_SECONDS = 60.0


def lines(number: int, start: int = 0) -> bytes:
    return b"".join(b"CODE-%d\n" % one for one in range(start, start + number))


def importing(database: str, file: str, **streams: Any) -> "subprocess.Popen[bytes]":
    """Begin an import into camp_1."""
    command = [sys.executable, "-m", "streamproc", "codes", "import", "camp_1", file, "--unchecked", "--json"]
    return subprocess.Popen([*command, "--postgres", database], stdout=subprocess.PIPE, **streams)


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: ours, and that of the program."""
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def shown_on(ours: int, *, within: float) -> bytes:
    """Return what comes to a terminal, as soon as some does or the time is over; nothing when the program has left."""
    if not select.select([ours], [], [], within)[0]:
        return b""
    try:
        return os.read(ours, 65_536)
    except OSError:  # what Linux says when nobody has the other end any more
        return b""


@pytest.mark.timeout(3 * LONGEST_SECONDS)
def test_at_a_terminal_progress_is_shown_in_a_line_of_its_own_and_the_totals_are_right(database: str) -> None:
    written, shown, began = 0, b"", monotonic()
    with terminal() as (ours, theirs):
        process = importing(database, "-", stdin=subprocess.PIPE, stderr=theirs)
        os.close(theirs)
        assert process.stdin is not None
        # Nothing is shown in the first seconds. As much is written as is taken.
        while b"codes" not in shown and monotonic() - began < LONGEST_SECONDS:
            process.stdin.write(lines(AT_ONCE, written))
            process.stdin.flush()
            written += AT_ONCE
            shown += shown_on(ours, within=0)
        process.stdin.write(b'no"code\n')
        process.stdin.close()
        while more := shown_on(ours, within=LONGEST_SECONDS):
            shown += more
    assert process.stdout is not None
    report = orjson.loads(process.stdout.read())
    process.stdout.close()
    assert process.wait() == 1
    assert report == {"campaign": "camp_1", "new": written, "duplicates": 0, "wrong": 1}
    *counts, last = [line for line in re.split(r"[\r\n]+", shown.decode()) if line]
    assert last.startswith(f"line {written + 1}: no code: ")
    assert counts
    for count in counts:
        told = re.fullmatch(r"([\d,]+) codes, [\d,]+/s ", count)
        assert told is not None, count
        assert 0 < int(told[1].replace(",", "")) <= written


@pytest.mark.parametrize("where", ["waiting for lines", "with the database"])
def test_an_import_that_is_interrupted_ends_at_once_and_made_again_brings_the_rest(
    database: str, tmp_path: Path, where: str
) -> None:
    total = 4 * AT_ONCE
    file = tmp_path / "codes.txt"
    file.write_bytes(lines(total))
    is_waiting = where == "waiting for lines"
    given = "-" if is_waiting else str(file)
    process = importing(database, given, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    if is_waiting:
        process.stdin.write(lines(AT_ONCE + 10))
        process.stdin.flush()
    began = monotonic()
    while not pools(database) and monotonic() - began < LONGEST_SECONDS:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    # Its input stays open: the end of that would end it too.
    process.wait(LONGEST_SECONDS)
    stdout, stderr = process.communicate()
    assert (process.returncode, stdout) == (1, b"")
    told = stderr.decode().splitlines()
    assert told[-1] == "Aborted!"
    (before,) = pools(database)
    assert before.free % AT_ONCE == 0
    if is_waiting:
        assert "camp_1: broken off; 50,000 codes are there, 50,000 of them new; import the file again" in told
    again = importing(database, str(file))
    stdout, _ = again.communicate()
    assert orjson.loads(stdout) == {
        "campaign": "camp_1", "new": total - before.free, "duplicates": before.free, "wrong": 0,
    }  # fmt: skip
    assert pools(database) == [Pool("camp_1", free=total, given=0)]
