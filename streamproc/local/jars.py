"""Kafka itself: its jars, fetched once by Maven, and the storage that its own tool formats once.

Both are kept in the cache folder under a name that changes with `deploy/kafka/pom.xml`. A later start finds them
there and needs neither Maven nor the network.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from streamproc.errors import LocalBrokerError
from streamproc.local.cache import alone, cache_folder

POM = Path(__file__).parents[2] / "deploy" / "kafka" / "pom.xml"
EXISTING_BROKER_HINT = "or set STREAMPROC_KAFKA=host:port to use an existing broker"
# Formatting needs a complete configuration; of what it writes, only the feature levels are kept.
_FORMAT_PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=BROKER://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.voters=1@127.0.0.1:9093
log.dirs={folder}
"""
_MAVEN_LIMIT_SECONDS = 900
_FORMAT_LIMIT_SECONDS = 60
_TAIL_LINES = 15
_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class KafkaFiles:
    """What a broker is started from."""

    java: str
    jars: Path
    feature_levels: Path

    @property
    def java_classpath(self) -> str:
        """All jars, as the option `-cp` takes them."""
        return f"{self.jars}/*"


def has_to_fetch() -> bool:
    """Whether the next start calls Maven first, which takes a while. Raises `LocalBrokerError` like `kafka_files`."""
    home = _home()
    _java(maven_needed=not home.is_dir())
    return not home.is_dir()


def kafka_files() -> KafkaFiles:
    """Find Kafka in the cache, or fetch it there. Safe when several processes ask for the first time at once.

    Raises `LocalBrokerError` naming what is missing on this machine.
    """
    home = _home()
    java = _java(maven_needed=not home.is_dir())
    if not home.is_dir():
        with alone(home.parent / f"{home.name}.lock"):
            if not home.is_dir():
                _fetch(java, home)
    return KafkaFiles(java, home / "jars", home / "bootstrap.checkpoint")


def _home() -> Path:
    if not POM.is_file():
        raise LocalBrokerError(f"no local Kafka: {POM} is missing; run from a checkout, {EXISTING_BROKER_HINT}")
    return cache_folder() / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def _java(*, maven_needed: bool) -> str:
    of_home = Path(os.environ.get("JAVA_HOME") or "/nowhere") / "bin" / "java"
    java = str(of_home) if os.access(of_home, os.X_OK) else shutil.which("java")
    missing = [] if java else ["Java 17 or later"]
    if maven_needed and not shutil.which("mvn"):
        missing.append("Maven (mvn), needed once to fetch Kafka")
    if missing or java is None:
        raise LocalBrokerError(f"no local Kafka: install {' and '.join(missing)}, {EXISTING_BROKER_HINT}")
    return java


def _fetch(java: str, home: Path) -> None:
    """Build the home beside its place and move it there in one step, so that nobody ever sees half of it."""
    for abandoned in home.parent.glob(f"fetching-{home.name}-*"):  # of one that was killed; the lock is ours
        shutil.rmtree(abandoned)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f"fetching-{home.name}-") as temporary:
        unfinished = Path(temporary) / home.name
        unfinished.mkdir()
        _copy_jars(unfinished / "jars")
        _format(java, unfinished / "jars", Path(temporary) / "storage")
        shutil.copy(Path(temporary) / "storage" / "bootstrap.checkpoint", unfinished)
        unfinished.rename(home)


def _copy_jars(target: Path) -> None:
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    command = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", "-f", str(POM), *goal]
    try:
        done = _run(command, _MAVEN_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise LocalBrokerError(
            f"Maven did not finish within {_MAVEN_LIMIT_SECONDS} s; check the network, {EXISTING_BROKER_HINT}"
        ) from None
    if done.returncode != 0:
        raise LocalBrokerError(
            f"Maven could not fetch Kafka (exit {done.returncode}); its last lines:\n{_tail(done.stdout)}\n"
            "Check the network and Maven's settings and start again; nothing half-fetched is kept. "
            f"{EXISTING_BROKER_HINT.capitalize()}."
        )


def _format(java: str, jars: Path, folder: Path) -> None:
    configuration = folder.parent / "format.properties"
    configuration.write_text(_FORMAT_PROPERTIES.format(folder=folder))
    tool = ["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", str(configuration)]
    try:
        done = _run([java, "-cp", f"{jars}/*", *tool], _FORMAT_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise LocalBrokerError(f"Kafka's storage tool did not finish within {_FORMAT_LIMIT_SECONDS} s") from None
    if done.returncode != 0:
        raise LocalBrokerError(
            f"Kafka's storage tool failed (exit {done.returncode}; it needs Java 17 or later, found {java}):\n"
            f"{_tail(done.stdout)}"
        )


def _run(command: list[str], limit: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=limit,
        check=False,
    )


def _tail(output: str) -> str:
    lines = [line for line in _TERMINAL_CODES.sub("", output).splitlines() if line.strip()]
    return "\n".join(lines[-_TAIL_LINES:])
