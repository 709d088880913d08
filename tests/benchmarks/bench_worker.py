"""Worker processes for benchmarks: started with a configuration, measured from outside."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import IO

from aiokafka.admin import AIOKafkaAdminClient

from streamproc.local.addresses import free_ports
from tests.benchmarks.definitions import write_configuration

# Asking for commits costs the broker something, and the moments that count are the first and the last: in between it
# is asked seldom, until fewer events are left than a worker takes in any such time.
_POLL_SECONDS = 0.02
_SELDOM_SECONDS = 0.2
_LAST_EVENTS = 40_000

STREAMPROC = (sys.executable, "-m", "streamproc")


def environment(bootstrap: str, prefix: str, **settings: str) -> dict[str, str]:
    """Variables of a worker and of the commands beside it."""
    (port,) = free_ports(1)
    own = {"STREAMPROC_KAFKA": bootstrap, "STREAMPROC_PREFIX": prefix, "STREAMPROC_APP_ID": prefix.strip(".")}
    return {**os.environ, **own, "STREAMPROC_WEB_PORT": str(port), **settings}


def make_topics(variables: dict[str, str], partitions: int) -> None:
    """Create the worker's topics."""
    command = [*STREAMPROC, "topics", "create", "--partitions", str(partitions)]
    subprocess.run(command, env=variables, check=True, stdout=subprocess.DEVNULL)


@asynccontextmanager
async def running_worker(
    variables: dict[str, str], command: Sequence[str] = (*STREAMPROC, "worker")
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """Run one worker process; its log is shown when it fails."""
    with tempfile.NamedTemporaryFile("w+", suffix=".log") as log:
        worker = _start(command, variables, log)
        try:
            yield worker
        finally:
            failed = worker.poll() is not None
            worker.terminate()
            try:
                await asyncio.to_thread(worker.wait, 30)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
            if failed:
                log.seek(0)
                print(log.read()[-4000:], file=sys.stderr)


def _start(command: Sequence[str], variables: dict[str, str], log: IO[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env=variables, stdout=log, stderr=log)


async def apply_definitions(variables: dict[str, str], live: int) -> float:
    """Push so many live definitions and return the seconds until all verdicts were there; needs a running worker."""
    with tempfile.TemporaryDirectory() as folder:
        write_configuration(Path(folder), live)
        began = perf_counter()
        await apply(variables, folder)
        return perf_counter() - began


async def apply(variables: dict[str, str], folder: str) -> None:
    """Push the configuration in a folder; needs a running worker."""
    command = [*STREAMPROC, "apply", folder]
    await asyncio.to_thread(subprocess.run, command, env=variables, check=True, stdout=subprocess.DEVNULL)


async def rate_of(
    bootstrap: str, group: str, topic: str, count: int, worker: subprocess.Popen[bytes], warm_up: int = 0
) -> float:
    """Return events a second from when more than `warm_up` offsets are committed until `count` are."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        first, began = 0, 0.0
        while True:
            assert worker.poll() is None, "the worker ended"
            offsets = await admin.list_consumer_group_offsets(group)
            done = sum(max(int(at.offset), 0) for tp, at in offsets.items() if tp.topic == topic)
            now = perf_counter()
            if done > warm_up and not first:
                first, began = done, now
            if done >= count:
                return (done - first) / max(now - began, 1e-9)
            await asyncio.sleep(_SELDOM_SECONDS if first and count - done > _LAST_EVENTS else _POLL_SECONDS)
    finally:
        await admin.close()
