"""Real worker processes: started like anybody would, asked over their pages, disturbed by signals, always gone after.

Each is a child of the test and ended by its own process id. Logs are JSON lines in a file of each process; when a
test fails, the ends of all logs are added to the failure.
"""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from streamproc.local.addresses import LOOPBACK, free_ports
from streamproc.local.processes import spawn
from streamproc.runtime.kafka import Kafka

STREAMPROC_WORKER = (sys.executable, "-m", "streamproc", "worker")
# Short, because tests kill: only after it the tasks of a killed worker go to another.
SESSION_SECONDS = 3
# Each look at a page costs both sides some milliseconds of a core.
POLL_SECONDS = 0.05
START_SECONDS = 60.0
STOP_SECONDS = 30.0
PAGE_SECONDS = 2.0
SHOWN_LINES = 30


async def until(true: Callable[[], Awaitable[object]], *, within: float, what: str) -> float:
    """Return the seconds until it came to hold; fail when it has not within so many."""
    began = monotonic()
    while not await true():
        assert monotonic() - began < within, f"{what}: not within {within:g} s"
        await asyncio.sleep(POLL_SECONDS)
    return monotonic() - began


class WorkerProcess:
    """One worker process and what can be learnt of it from outside."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, port: int) -> None:
        self._process = process
        self._log = log
        self._pages = f"http://{LOOPBACK}:{port}"

    def __str__(self) -> str:
        return self._log.stem

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it lives (stopped by SIGSTOP counts as living)."""
        return self._process.poll()

    @property
    def log(self) -> str:
        """Everything it has said."""
        return self._log.read_text(errors="replace")

    def entries(self, event: str) -> list[dict[str, Any]]:
        """Return its log entries of this name, the oldest first."""
        found = [json.loads(line) for line in self.log.splitlines() if line.startswith("{") and line.endswith("}")]
        return [entry for entry in found if entry.get("event") == event]

    def owned(self) -> set[str]:
        """Tasks that the group has given it last, such as `customer.3`."""
        assigned = self.entries("assigned")
        return set(assigned[-1]["tasks"]) if assigned else set()

    def told(self) -> str:
        """Return why it ended and the end of its log, for people."""
        lines = self.log.splitlines()[-SHOWN_LINES:]
        ends = [f"{entry['reason']}: {entry.get('detail', entry.get('exception'))}" for entry in self.entries("ending")]
        return "\n".join([f"--- {self._log.stem}, exit code {self.exit_code}:", *ends, *lines])

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self) -> None:
        """Kill it if it lives, stopped or not, and wait until it is gone."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    async def ended(self, within: float = STOP_SECONDS) -> int:
        """Return its exit code once it has ended by itself."""
        await until(self._has_ended, within=within, what=f"the end of {self}")
        assert self.exit_code is not None
        return self.exit_code

    async def readiness(self) -> tuple[int, dict[str, str]] | None:
        """Ask `/readyz`: status and problems by check; None when nobody answers."""
        answer = await self._page("readyz")
        return None if answer is None else (answer[0], json.loads(answer[1])["problems"])

    async def is_ready(self) -> bool:
        """Tell whether `/readyz` says yes."""
        answer = await self.readiness()
        return answer is not None and answer[0] == 200

    async def until_ready(self, within: float = START_SECONDS) -> float:
        """Return the seconds until `/readyz` says yes."""

        async def has_become_ready() -> bool:
            assert self.exit_code is None, f"ended before it was ready\n{self.told()}"
            return await self.is_ready()

        return await until(has_become_ready, within=within, what=f"{self} ready")

    async def until_unready(self, check: str, within: float) -> float:
        """Return the seconds until `/readyz` names this check among its problems."""

        async def says_no() -> bool:
            answer = await self.readiness()
            return answer is not None and answer[0] == 503 and check in answer[1]

        return await until(says_no, within=within, what=f"{self} not ready for {check}")

    async def metric(self, name: str, **labels: str) -> float:
        """Read a metric, summed over all samples that have these labels; 0 when nobody answers."""
        answer = await self._page("metrics")
        if answer is None:
            return 0
        return sum(
            sample.value
            for family in text_string_to_metric_families(answer[1])
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    async def commits(self, kind: str = "customer") -> float:
        """Count the chunks of tasks of a kind that it has committed."""
        return await self.metric("streamproc_commits_total", kind=kind)

    async def _has_ended(self) -> bool:
        return self.exit_code is not None

    async def _page(self, name: str) -> tuple[int, str] | None:
        limit = aiohttp.ClientTimeout(total=PAGE_SECONDS)
        try:
            async with aiohttp.ClientSession(timeout=limit) as session, session.get(f"{self._pages}/{name}") as answer:
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return None


class Workers:
    """The workers of one application on one Kafka; what is left of them at the end is killed.

    `on_disk`: every second one keeps the states of customers on disk.
    """

    def __init__(
        self,
        kafka: Kafka,
        folder: Path,
        *,
        app_id: str | None = None,
        command: Sequence[str] = STREAMPROC_WORKER,
        settings: Mapping[str, object] | None = None,
        on_disk: bool = False,
    ) -> None:
        #: Of its own for each prefix: a member that an earlier test has killed would hold up the group.
        self.app_id = app_id or kafka.prefix.strip(".")
        self.all: list[WorkerProcess] = []
        self._folder = folder
        self._command = command
        self._on_disk = on_disk
        self._settings: dict[str, object] = {
            "KAFKA": kafka.bootstrap,
            "PREFIX": kafka.prefix,
            "APP_ID": self.app_id,
            "LOG_FORMAT": "json",
            "SESSION_TIMEOUT": SESSION_SECONDS,
            **(settings or {}),
        }

    def start(self, *arguments: str, **settings: object) -> WorkerProcess:
        """Start one more; `settings` are variables without their prefix, `arguments` flags of the command."""
        (port,) = free_ports(1)
        variables = {**self._settings, "WEB_PORT": port, **settings}
        if self._on_disk and len(self.all) % 2:
            variables["STORE_DIRECTORY"] = self._folder / "stores"
        environment = [f"STREAMPROC_{name}={value}" for name, value in variables.items()]
        log = self._folder / f"{Path(self._command[-1]).name}-{len(self.all)}.log"
        command = [shutil.which("env") or "/usr/bin/env", *environment, *self._command, *arguments]
        worker = WorkerProcess(spawn(command, log, dies_with_parent=True), log, port)
        self.all.append(worker)
        return worker

    async def started(self, *arguments: str, **settings: object) -> WorkerProcess:
        """Start one more and wait until it is ready."""
        worker = self.start(*arguments, **settings)
        await worker.until_ready()
        return worker

    async def stop(self, worker: WorkerProcess) -> None:
        """Stop one as an operator would, and have it end cleanly."""
        worker.signal(signal.SIGTERM)
        code = await worker.ended()
        assert code == 0, worker.told()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.all:
            if error is not None:
                error.add_note(worker.told())
            worker.end()
