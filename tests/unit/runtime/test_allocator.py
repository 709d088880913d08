"""Memory that is freed stays with the process, so that large blocks cost no page faults again and again."""

import subprocess
import sys

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
KEEPING = "from streamproc.runtime.allocator import keep_freed_memory\nassert keep_freed_memory()\n"
PAGES_OF_A_ROUND = 8 * 900_000 // 4096


def faults(script: str) -> int:
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_large_blocks_are_used_again() -> None:
    assert faults(KEEPING + ROUNDS) < PAGES_OF_A_ROUND


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_control_without_being_told_the_allocator_gives_them_back() -> None:
    assert faults(ROUNDS) > 5 * PAGES_OF_A_ROUND
