"""The classes that a broker loads, in a CDS archive (class data sharing), which a JVM makes once.

With it a broker starts in half the time. An archive serves the JVM that made it, with the same jars in the same place,
and is kept beside them. Without one, or with one that the JVM does not take, a broker starts as well. One that is cut
off would end the JVM: an archive's name says how long it is.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from streamproc.errors import LocalBrokerError
from streamproc.local.cache import alone
from streamproc.local.jars import KafkaFiles


def archive_options(files: KafkaFiles, run: Callable[[Sequence[str]], None]) -> tuple[str, ...]:
    """Return the options by which a JVM uses the archive, which is made first where there is none.

    `run` starts a broker with the options it is given, and stops it; it raises `LocalBrokerError` where the broker does
    not start, or ends badly. Then, and where the cache cannot be written, there are no options, and the next start
    tries again. A JVM that ends well and has made none is not asked again.
    """
    home, name = files.jars.parent, f"classes-{_identity(files)}"
    try:
        archive = _find(home, name)
        if archive is None:
            with alone(home / f"{name}.lock"):
                archive = _find(home, name) or _make(home, name, run)
        return (f"-XX:SharedArchiveFile={archive}",) if archive.stat().st_size else ()
    except (LocalBrokerError, OSError):
        return ()


def _find(home: Path, name: str) -> Path | None:
    for path in home.glob(f"{name}-*.jsa"):
        with suppress(FileNotFoundError):  # cut off, and just removed by whoever has the lock
            if path.name == f"{name}-{path.stat().st_size}.jsa":
                return path
    return None


def _make(home: Path, name: str, run: Callable[[Sequence[str]], None]) -> Path:
    """Make the archive, an empty one where the JVM makes none. The lock is ours: what others have left is abandoned."""
    for abandoned in home.glob(f"archiving-{name}-*"):
        shutil.rmtree(abandoned)
    for cut_off in home.glob(f"{name}-*.jsa"):
        cut_off.unlink()
    with tempfile.TemporaryDirectory(dir=home, prefix=f"archiving-{name}-") as folder:
        unfinished = Path(folder) / f"{name}.jsa"
        run((f"-XX:ArchiveClassesAtExit={unfinished}",))
        unfinished.touch()
        return unfinished.rename(home / f"{name}-{unfinished.stat().st_size}.jsa")


def _identity(files: KafkaFiles) -> str:
    """Tell apart what the JVM looks at: itself, after an update in its place too, and the jars in their order.

    A JVM behind a script that starts it is not told from another.
    """
    program = os.path.realpath(files.java)
    jars = [(jar.name, jar.stat()) for jar in os.scandir(files.jars)]
    told = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in [(program, os.stat(program)), *jars]]  # noqa: PTH116
    return hashlib.sha256(f"{files.jars} {told}".encode()).hexdigest()[:12]
