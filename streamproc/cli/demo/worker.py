"""The demo's worker: a process of its own, started as anybody would, watched and stopped with SIGTERM."""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from streamproc.errors import StreamprocError
from streamproc.local.addresses import LOOPBACK, free_ports
from streamproc.local.processes import end, spawn
from streamproc.runtime.cancelling import cancel_and_wait
from streamproc.runtime.kafka import Kafka

_POLL_SECONDS = 0.1
_STOP_LIMIT_SECONDS = 20.0
_TAIL_LINES = 30

_Answer = TypeVar("_Answer")


class WorkerEndedError(StreamprocError):
    """The worker ended by itself, or with an exit code that is not 0."""


class Worker:
    """A running `streamproc worker`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, port: int) -> None:
        self._process = process
        self._log = log
        self._pages = f"http://{LOOPBACK}:{port}"

    @classmethod
    @asynccontextmanager
    async def started(cls, kafka: Kafka, app_id: str, log: Path, hold_seconds: float) -> AsyncIterator[Self]:
        """Start one; it is ended with the block, killed if it must be, and dies with this process."""
        (port,) = free_ports(1)
        settings = {"KAFKA": kafka.bootstrap, "PREFIX": kafka.prefix, "APP_ID": app_id, "WEB_PORT": str(port)}
        settings |= {"TIME_ZONE": "UTC", "HOLD": str(hold_seconds)}
        environment = [f"STREAMPROC_{name}={value}" for name, value in settings.items()]
        command = [shutil.which("env") or "/usr/bin/env", *environment, sys.executable, "-m", "streamproc", "worker"]
        process = spawn(command, log, dies_with_parent=True)
        try:
            yield cls(process, log, port)
        finally:
            await asyncio.to_thread(end, process, _STOP_LIMIT_SECONDS)

    async def while_running(self, work: Coroutine[Any, Any, _Answer]) -> _Answer:
        """Do something for which the worker is needed. Raises `WorkerEndedError` when it ends meanwhile."""
        doing = asyncio.create_task(work)
        watching = asyncio.create_task(self._ended())
        try:
            await asyncio.wait((doing, watching), return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise WorkerEndedError(self._told())
            return doing.result()
        finally:
            await cancel_and_wait(doing, watching)

    async def stop(self) -> None:
        """Stop it with SIGTERM. Raises `WorkerEndedError` when it does not end cleanly."""
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self._process.wait, _STOP_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise WorkerEndedError(f"the worker did not stop within {_STOP_LIMIT_SECONDS:.0f} s") from None
        if self._process.returncode != 0:
            raise WorkerEndedError(self._told())

    async def metric(self, name: str, label: str) -> dict[str, float]:
        """Read one of its metrics, summed by the values of one label; empty when it cannot be asked yet."""
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self._pages}/metrics") as response:
                text = await response.text()
        except aiohttp.ClientError:
            return {}
        sums: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name:
                    sums[sample.labels[label]] = sums.get(sample.labels[label], 0) + sample.value
        return sums

    async def _ended(self) -> None:
        while self._process.poll() is None:  # noqa: ASYNC110  (a process sets no event)
            await asyncio.sleep(_POLL_SECONDS)

    def _told(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return f"the worker ended with exit code {self._process.returncode}; the end of its log:\n" + "\n".join(lines)
