"""Freed blocks are used again without page faults, and what stays is moved to large pages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Ten rounds of what a worker does all day: eight megabytes are fetched, and let go.
ROUNDS = """
import resource
for round in range(11):
    if round == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [b"x" * 900_000 for _ in range(8)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
KEEPING = "from streamproc.runtime.process_memory import keep_freed_memory\nassert keep_freed_memory()\n"
# A hundred megabytes that stay, in small objects.
STAYING = """
import re
from pathlib import Path
def in_large_pages():
    told = Path("/proc/self/smaps").read_text()
    return 1024 * sum(int(found) for found in re.findall(r"AnonHugePages: +([0-9]+) kB", told))
staying = [bytes(64) for _ in range(1_000_000)]
before = in_large_pages()
"""
MOVING = "from streamproc.runtime.process_memory import use_large_pages\nassert use_large_pages() >= 0\n"
MOVED = "assert all(one == bytes(64) for one in staying)\nprint(in_large_pages() - before)"
PAGES_OF_A_ROUND = 8 * 900_000 // 4096


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator and Linux's pages")


def run(script: str) -> int:
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return int(done.stdout)


@LINUX
def test_large_blocks_are_used_again() -> None:
    assert run(KEEPING + ROUNDS) < PAGES_OF_A_ROUND


@LINUX
def test_control_without_being_told_the_allocator_gives_them_back() -> None:
    assert run(ROUNDS) > 5 * PAGES_OF_A_ROUND


@LINUX
def test_what_stays_is_moved_to_large_pages() -> None:
    version = tuple(int(part) for part in os.uname().release.split(".")[:2])
    assert run(STAYING + MOVING + MOVED) > (50_000_000 if version >= (6, 1) else -1)


@LINUX
def test_whoever_has_to_stop_does_not_wait_for_the_move() -> None:
    told = "from streamproc.runtime.process_memory import use_large_pages\nprint(use_large_pages(lambda: True))"
    assert run(STAYING + told) == 0


@LINUX
def test_control_by_itself_it_is_not() -> None:
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not setting.exists() or "[always]" not in setting.read_text():
        assert run(STAYING + MOVED) < 5_000_000
