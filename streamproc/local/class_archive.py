"""The classes that a broker loads, in an archive that a JVM makes once: with it a broker starts in half the time.

An archive serves the JVM that made it, with the same jars in the same place, and is kept beside them. Without one, or
with one that the JVM does not take, a broker starts as well. One that is cut off would end the JVM: an archive's name
says how long it is.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from streamproc.errors import LocalBrokerError
from streamproc.local.cache import alone
from streamproc.local.jars import KafkaFiles


def archive_options(files: KafkaFiles, run: Callable[[Sequence[str]], None]) -> tuple[str, ...]:
    """Return the options by which a JVM uses the archive, which is made first where there is none.

    `run` starts a broker with the options it is given, and stops it. Whatever goes wrong with it costs the archive, is
    not tried again, and shows in the broker that is started next.
    """
    home, name = files.jars.parent, f"classes-{_identity(files)}"
    try:
        archive = _find(home, name)
        if archive is None:
            with alone(home / f"{name}.lock"):
                archive = _find(home, name) or _make(home, name, run)
        return (f"-XX:SharedArchiveFile={archive}",) if archive.stat().st_size else ()
    except OSError:
        return ()  # a cache that may only be read


def _find(home: Path, name: str) -> Path | None:
    whole = (path for path in home.glob(f"{name}-*.jsa") if path.name == f"{name}-{path.stat().st_size}.jsa")
    return next(whole, None)


def _make(home: Path, name: str, run: Callable[[Sequence[str]], None]) -> Path:
    """Make the archive, an empty one where that fails. The lock is ours: what others have left is abandoned."""
    for abandoned in home.glob(f"archiving-{name}-*"):
        shutil.rmtree(abandoned)
    for cut_off in home.glob(f"{name}-*.jsa"):
        cut_off.unlink()
    with tempfile.TemporaryDirectory(dir=home, prefix=f"archiving-{name}-") as folder:
        unfinished = Path(folder) / f"{name}.jsa"
        try:
            run((f"-XX:ArchiveClassesAtExit={unfinished}",))
        except LocalBrokerError:
            unfinished.unlink(missing_ok=True)
        unfinished.touch()
        return unfinished.rename(home / f"{name}-{unfinished.stat().st_size}.jsa")


def _identity(files: KafkaFiles) -> str:
    """Tell one JVM from another, also after an update in its place, and one place of the jars from another."""
    program = os.path.realpath(files.java)
    told = os.stat(program)  # noqa: PTH116  (of a string)
    return hashlib.sha256(f"{program} {told.st_size} {told.st_mtime_ns} {files.jars}".encode()).hexdigest()[:12]
