"""The classes that a broker loads, in an archive that a JVM makes once: with it a broker starts in half the time.

An archive serves the JVM that made it, and is kept with the jars. Without one, or with one that the JVM does not take,
a broker starts as well.
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
    archive = files.jars.parent / f"classes-{_identity(files.java)}.jsa"
    try:
        if not archive.exists():
            with alone(archive.with_suffix(".lock")):
                if not archive.exists():
                    _make(archive, run)
        return (f"-XX:SharedArchiveFile={archive}",) if archive.stat().st_size else ()
    except OSError:
        return ()  # a cache that may only be read


def _make(archive: Path, run: Callable[[Sequence[str]], None]) -> None:
    prefix = f"archiving-{archive.stem}-"
    for abandoned in archive.parent.glob(f"{prefix}*"):  # of one that was killed; the lock is ours
        shutil.rmtree(abandoned)
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=prefix) as folder:
        unfinished = Path(folder) / archive.name
        try:
            run((f"-XX:ArchiveClassesAtExit={unfinished}",))
        except LocalBrokerError:
            unfinished.unlink(missing_ok=True)
        unfinished.touch()
        unfinished.rename(archive)


def _identity(java: str) -> str:
    """Tell one JVM from another, also after an update in its place."""
    program = os.path.realpath(java)
    told = os.stat(program)  # noqa: PTH116  (of a string)
    return hashlib.sha256(f"{program} {told.st_size} {told.st_mtime_ns}".encode()).hexdigest()[:12]
