"""One Kafka broker on this machine, for as long as a block, a command or a person needs it."""

import base64
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from streamproc.errors import LocalBrokerError
from streamproc.local import class_archive
from streamproc.local.addresses import LOOPBACK, broker_answers, free_ports
from streamproc.local.broker_properties import server_properties
from streamproc.local.jars import KafkaFiles, kafka_files
from streamproc.local.processes import spawn
from streamproc.local.server import LocalServer

EXISTING_BROKER_VARIABLE = "STREAMPROC_KAFKA"
#: For a server that somebody else has started.
ANSWER_LIMIT_SECONDS = 5.0
_READY_LIMIT_SECONDS = 60.0
_POLL_SECONDS = 0.03
_PORT_ATTEMPTS = 3
# A concurrent collector would take the cores from the worker beside it, on a machine with few of them.
_JVM_OPTIONS = ("-XX:+UseSerialGC",)
# The optimizing compiler does so in a broker's first minute, which a short run never earns back. Afterwards the same
# load costs the broker, and through the caches that they share the worker as well, about a tenth less.
_SHORT_RUN_OPTIONS = ("-XX:TieredStopAtLevel=1",)
_ENDED_AS_ASKED = frozenset({0, 128 + signal.SIGTERM})  # a JVM tells the signal so when it has ended in order
_PORT_TAKEN = "Address already in use"


def existing_broker() -> str | None:
    """Address of the broker that `STREAMPROC_KAFKA` names, if it does."""
    return os.environ.get(EXISTING_BROKER_VARIABLE) or None


def answering_broker() -> str | None:
    """Address of the broker that `STREAMPROC_KAFKA` names, if it does. Raises `LocalBrokerError` if nobody is there."""
    named = existing_broker()
    if named and not broker_answers(named, ANSWER_LIMIT_SECONDS):
        raise LocalBrokerError(
            f"no broker answers at {named}, which {EXISTING_BROKER_VARIABLE} names; unset it to start one here"
        )
    return named


@contextmanager
def kafka(properties: Mapping[str, str] | None = None, *, runs_long: bool = False) -> Iterator[str]:
    """Address of a broker for the block: the one that `STREAMPROC_KAFKA` names, else one started here and stopped.

    `properties` and `runs_long` (for minutes under load) are for the one started here; an existing one keeps its own.
    """
    if named := existing_broker():
        yield named
        return
    with LocalKafka(properties=properties, runs_long=runs_long) as broker:
        yield broker.bootstrap


class LocalKafka(LocalServer):
    """One KRaft node on free ports of the loopback interface; several at once do not disturb each other.

    Its folder holds `data/`, `server.properties` and `broker.log`.
    """

    def __init__(
        self,
        folder: Path | None = None,
        properties: Mapping[str, str] | None = None,
        *,
        heap_megabytes: int = 512,
        outlives_parent: bool = False,
        runs_long: bool = False,
        archive_options: Sequence[str] | None = None,
    ) -> None:
        """`archive_options` make the archive of its classes; without them it uses the one that there is."""
        super().__init__(folder, "kafka", outlives_parent=outlives_parent)
        self._jvm_options = _JVM_OPTIONS if runs_long or outlives_parent else (*_JVM_OPTIONS, *_SHORT_RUN_OPTIONS)
        self._archive_options = archive_options
        self._properties = dict(properties or {})
        self._heap_megabytes = heap_megabytes
        self._ports: tuple[int, int] | None = None

    @property
    def bootstrap(self) -> str:
        """Address of the broker; the same from the first start on."""
        if self._ports is None:
            raise LocalBrokerError("the local broker has not been started")
        return f"{LOOPBACK}:{self._ports[0]}"

    @property
    def log(self) -> Path:
        """Everything the broker printed, warnings and errors mostly, over all starts."""
        return self.folder / "broker.log"

    @property
    def configuration(self) -> Path:
        """The settings it runs with; in its command line, so they tell whether a process is this broker."""
        return self.folder / "server.properties"

    def start(self) -> None:
        """Start and wait until the broker answers.

        Raises `LocalBrokerError` with the end of the log when it does not, and leaves nothing running.
        """
        if self.pid is not None:
            raise LocalBrokerError(f"the local broker in {self.folder} is running already (process {self.pid})")
        files = kafka_files()
        self.folder.mkdir(parents=True, exist_ok=True)
        _format(self.folder / "data", files)
        options = self._archive_options
        if options is None:
            options = self._archive_options = class_archive.archive_options(files, _run)
        if self._ports is not None:
            self._launch(files, options, self._ports)
            return
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            broker, controller = free_ports(2)
            try:
                self._launch(files, options, (broker, controller))
            except LocalBrokerError as error:
                if _PORT_TAKEN not in str(error) or attempt == _PORT_ATTEMPTS:
                    raise
            else:
                self._ports = (broker, controller)
                return

    def _launch(self, files: KafkaFiles, archive_options: Sequence[str], ports: tuple[int, int]) -> None:
        self.configuration.write_text(server_properties(self.folder / "data", ports, self._properties))
        logged = self._logged()
        self._process = process = spawn(
            [
                files.java,
                f"-Xmx{self._heap_megabytes}m",
                *self._jvm_options,
                *archive_options,
                "-XX:+ExitOnOutOfMemoryError",
                "-Dorg.apache.logging.log4j.level=WARN",
                "-cp",
                files.java_classpath,
                "kafka.Kafka",
                str(self.configuration),
            ],
            self.log,
            dies_with_parent=not self._outlives_parent,
        )
        try:
            problem = _wait_until_ready(process, f"{LOOPBACK}:{ports[0]}")
        except BaseException:
            self.stop()
            raise
        if problem:
            self.stop()
            raise LocalBrokerError(f"the local broker {problem}; the end of its log:\n{self._tail(logged)}")


def _run(archive_options: Sequence[str]) -> None:
    """Start a broker and stop it. Raises `LocalBrokerError` when it does not start, or does not end as it is asked."""
    with LocalKafka(archive_options=archive_options) as broker:
        broker.stop()
        if broker.exit_code not in _ENDED_AS_ASKED:
            raise LocalBrokerError(f"the local broker ended with exit code {broker.exit_code}")


def _wait_until_ready(process: subprocess.Popen[bytes], bootstrap: str) -> str | None:
    """Ask until the broker answers. Returns what went wrong, if something did."""
    deadline = time.monotonic() + _READY_LIMIT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return f"ended with exit code {process.returncode} before it was ready"
        # The process must live on: the answer could be another program's at the same port.
        if broker_answers(bootstrap, 1.0) and process.poll() is None:
            return None
        time.sleep(_POLL_SECONDS)
    return f"did not answer within {_READY_LIMIT_SECONDS:.0f} s"


def _format(data: Path, files: KafkaFiles) -> None:
    """Make the data folder of a new cluster, as Kafka's storage tool does: its feature levels and fresh ids.

    The tool itself is a second JVM and more than a second; its own output serves as the template.
    """
    identity = data / "meta.properties"
    if identity.exists():
        return
    data.mkdir(parents=True, exist_ok=True)
    shutil.copy(files.feature_levels, data)
    # Last, because its presence says that the folder is formatted.
    identity.write_text(f"version=1\nnode.id=1\ncluster.id={_kafka_id()}\ndirectory.id={_kafka_id()}\n")


def _kafka_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
