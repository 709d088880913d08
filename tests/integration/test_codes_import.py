"""`codes import` as people run it: against what is in force, and of any size.

IMPORTED_CODES sets how many codes the large file has: 10,000,000 for the whole proof, fewer for every day.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

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
