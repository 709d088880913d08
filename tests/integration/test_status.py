"""`status` that goes on: lines where the output is no terminal, a table with the time left where it is one."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamproc.clock import now_milliseconds
from streamproc.domain.events import format_instant
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic
from tests.support.eventually import eventually
from tests.support.streams import send

pytestmark = pytest.mark.broker

_PARTS = {"partitions_done": 1, "partitions": 2}
_ENDS_WITHIN = 20


async def tell(brokers: Kafka, identity: str, **status: Any) -> None:
    """Write a status, as the control task does; none at all is a null."""
    value = orjson.dumps({"distribution_id": identity, "version": 1, **status}) if status else None
    await send(brokers, Topic.DISTRIBUTION_STATUS, [(identity.encode(), value, [])])


@contextmanager
def watching(brokers: Kafka, output: Any, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "streamproc", "status", *arguments]
    environment = {"STREAMPROC_KAFKA": brokers.bootstrap, "STREAMPROC_PREFIX": brokers.prefix, "TERM": "xterm"}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **environment}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_each_change_is_a_line_until_the_state_that_is_waited_for(brokers: Kafka, tmp_path: Path) -> None:
    printed = tmp_path / "printed"
    # Given that it has been done once before, which the topic still tells
    await tell(brokers, "distr_1", state="done")
    await tell(brokers, "distr_1", state="held", due_at="2026-03-02T10:00:00Z")
    await tell(brokers, "distr_2", state="live")
    asked = ("distr_1", "--until", "done", "--until", "canceled")
    with printed.open("wb") as output, watching(brokers, output, *asked) as process:
        await eventually(lambda: "held" in printed.read_text(), what="the first line")
        # When
        await tell(brokers, "distr_1", state="sending", progress={"emitted": 3, "undeliverable": 1, **_PARTS})
        await tell(brokers, "distr_1", state="sending", progress={"emitted": 3, "undeliverable": 1, **_PARTS})
        await tell(brokers, "distr_2", state="paused")
        await eventually(lambda: "sending" in printed.read_text(), what="the change")
        await tell(brokers, "distr_1", state="canceled")
        assert process.wait(_ENDS_WITHIN) == 0
    # Then
    assert printed.read_text().splitlines() == [
        "distr_1: version 1 held: due at 2026-03-02T10:00:00Z",
        "distr_1: version 1 sending: 3 sent, 1 undeliverable, 1 of 2 partitions done",
        "distr_1: version 1 canceled",
    ]


async def test_a_state_that_comes_no_more_ends_the_wait_for_it_and_says_so(brokers: Kafka, tmp_path: Path) -> None:
    printed = tmp_path / "printed"
    await tell(brokers, "distr_1", state="done")
    for asked, told in {
        "distr_1": ["distr_1: version 1 done", "Error: distr_1 is done, and comes to held no more"],
        "distr_2": ["Error: no distribution distr_2"],
    }.items():
        with printed.open("wb") as output, watching(brokers, output, asked, "--until", "held") as process:
            assert process.wait(_ENDS_WITHIN) == 1
        assert printed.read_text().splitlines() == told


async def test_a_state_that_is_over_before_anybody_looks_has_come_all_the_same(brokers: Kafka, tmp_path: Path) -> None:
    printed = tmp_path / "printed"
    await tell(brokers, "distr_1", state="held", due_at="2026-03-02T10:00:00Z")
    with printed.open("wb") as output, watching(brokers, output, "distr_1", "--until", "sending") as process:
        await eventually(lambda: "held" in printed.read_text(), what="the first line")
        states = [
            orjson.dumps({"distribution_id": "distr_1", "version": 1, "state": one}) for one in ("sending", "done")
        ]
        await send(brokers, Topic.DISTRIBUTION_STATUS, [(b"distr_1", value, []) for value in states])
        assert process.wait(_ENDS_WITHIN) == 0
    assert printed.read_text().splitlines()[:2] == [
        "distr_1: version 1 held: due at 2026-03-02T10:00:00Z",
        "distr_1: version 1 sending",
    ]


async def test_the_end_of_a_distribution_is_a_line_too(brokers: Kafka, tmp_path: Path) -> None:
    printed = tmp_path / "printed"

    def lines() -> list[Any]:
        return [orjson.loads(line) for line in printed.read_bytes().splitlines()]

    with printed.open("wb") as output, watching(brokers, output, "--watch", "--json") as process:
        await tell(brokers, "distr_1", state="live")
        await eventually(lambda: len(lines()) == 1, what="the first line")
        await tell(brokers, "distr_1")
        await eventually(lambda: len(lines()) == 2, what="the end")
        process.send_signal(signal.SIGINT)
        assert process.wait(_ENDS_WITHIN) == 0
    assert lines() == [
        {"distribution_id": "distr_1", "name": None, "version": 1, "state": "live"},
        {"distribution_id": "distr_1", "name": None, "state": None},
    ]


async def test_a_terminal_shows_the_time_left_and_counts_it_down(brokers: Kafka) -> None:
    await tell(brokers, "distr_1", state="held", due_at=format_instant(now_milliseconds() + 90_000))
    terminal, output = pty.openpty()
    os.set_blocking(terminal, False)
    seen = bytearray()

    def left() -> set[bytes]:
        with suppress(BlockingIOError):
            seen.extend(os.read(terminal, 65_536))
        return set(re.findall(rb"due in (1:[0-9]{2})", seen))

    try:
        with watching(brokers, output, "--watch") as process:
            await eventually(lambda: len(left()) >= 2, what="another second")
            process.send_signal(signal.SIGINT)
            await eventually(lambda: left() is not None and process.poll() is not None, what="its end")
            assert process.returncode == 0
    finally:
        os.close(terminal)
        os.close(output)
    assert b"distribution" in seen
    assert b"Traceback" not in seen
