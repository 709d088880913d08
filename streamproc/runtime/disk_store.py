"""State stores on disk, for partitions that outgrow memory; the same to a task as those in memory.

What is on disk is a copy of the changelog that nobody trusts after this process: it is written without a log of its
own, lies in a folder of this process alone, and a task begins with an empty store and a restore, as in memory. So
nothing has to be told apart after a crash, and no deletion can be missed that compaction has removed meanwhile.

Needs RocksDB, which comes with the extra `disk`.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from itertools import count, islice
from pathlib import Path
from typing import BinaryIO

import structlog
from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBatch, WriteOptions

from streamproc.errors import SettingsError

log = structlog.get_logger(__name__)

_FOLDERS = "streamproc-store-"
_LOCK = "lock"
# Of one store: what is written goes through two buffers in memory; what is read often stays in the cache of all.
_BUFFER_BYTES = 8 * 1024 * 1024
_CACHE_BYTES = 128 * 1024 * 1024
_BLOOM_BITS = 10
# Records of a restore that are written together, and keys that are counted without a pause: some milliseconds each.
_RESTORED_TOGETHER = 2_000
_COUNTED_TOGETHER = 4_000


class DiskStores:
    """A folder of this process for its stores, in a directory that other processes may use as well.

    Whatever processes that are gone have left in the directory is removed. Raises `SettingsError`.
    """

    def __init__(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _remove_left_behind(directory)
            self._folder, self._lock = _own_folder(directory)
        except OSError as error:
            told = f"cannot write to {directory}: {error.strerror}"
            raise SettingsError([f"store_directory: {told} (variable STREAMPROC_STORE_DIRECTORY)"]) from None
        self._numbers = count()
        self._options = _options()

    def make(self, name: str, partition: int) -> "DiskStore":
        """Return a new, empty store."""
        path = self._folder / f"{name}-{partition}-{next(self._numbers)}"
        return DiskStore(path, self._options)

    def close(self) -> None:
        """Remove the folder with everything in it; the stores have to be closed."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.close()


class DiskStore:
    """As `StateStore`, but what is committed is on disk. `path` becomes its folder."""

    def __init__(self, path: Path, options: Options) -> None:
        self._path = str(path)
        self._options = options
        self._unlogged = WriteOptions()
        # A property, which the package's stubs take for a method.
        self._unlogged.disable_wal = True  # type: ignore[method-assign, assignment]
        self._staged: dict[bytes, bytes | None] = {}
        #: Whether keys that were asked for are committed. A chunk reads nearly everything before it writes it.
        self._known: dict[bytes, bool] = {}
        self._restored: dict[bytes, bytes | None] = {}
        self._length = 0
        self._committed = Rdict(self._path, self._options)

    def __len__(self) -> int:
        return self._length

    @property
    def staged(self) -> Mapping[bytes, bytes | None]:
        """What this chunk has changed so far; None is a deletion. These are its changelog records."""
        return self._staged

    def get(self, key: bytes) -> bytes | None:
        """Return the value as this chunk sees it."""
        if key in self._staged:
            return self._staged[key]
        value = self._read(key)
        self._known[key] = value is not None
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Stage a value."""
        self._staged[key] = value

    def delete(self, key: bytes) -> None:
        """Stage a deletion."""
        self._staged[key] = None

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Walk everything committed."""
        yield from self._committed.items()

    def keys_after(self, key: bytes | None, limit: int) -> list[bytes]:
        """Return the first committed keys after this one, in order; None begins with the first of all."""
        return list(islice(self._keys_after(key), limit))

    def count_after(self, key: bytes | None) -> int:
        """Return how many committed keys come after this one. Looks at all of them."""
        return self._length if key is None else sum(1 for _ in self._keys_after(key))

    def commit(self) -> None:
        """Write what is staged: its transaction has committed."""
        for key, value in self._staged.items():
            was_there = self._known.get(key)
            if was_there is None:
                was_there = self._read(key) is not None
            self._length += (value is not None) - was_there
        self._write(self._staged)
        self._staged.clear()
        self._known.clear()

    def rollback(self) -> None:
        """Throw away what is staged: its transaction was aborted."""
        self._staged.clear()
        self._known.clear()

    def clear(self) -> None:
        """Forget everything, before the changelog is read again from its beginning; for a restore only."""
        self.close()
        self._staged.clear()
        self._known.clear()
        self._restored.clear()
        self._length = 0
        self._committed = Rdict(self._path, self._options)

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take one record of the changelog; `put_in_order` has to follow the last one."""
        self._restored[key] = value
        if len(self._restored) >= _RESTORED_TOGETHER:
            self._write_restored()

    def put_in_order(self) -> Iterator[None]:
        """Write the rest of a restore and count the keys, in short pieces; their order is that of the disk."""
        self._write_restored()
        self._length, keys = 0, self._keys_after(None)
        while found := sum(1 for _ in islice(keys, _COUNTED_TOGETHER)):
            self._length += found
            yield

    def close(self) -> None:
        """Let go of the disk, and of what is on it."""
        self._committed.close()
        self._committed.destroy(self._path, self._options)

    def _read(self, key: bytes) -> bytes | None:
        value: bytes | None = self._committed.get(key)
        return value

    def _keys_after(self, key: bytes | None) -> Iterator[bytes]:
        # No key is between one and the same with a zero byte.
        yield from self._committed.keys(from_key=None if key is None else key + b"\0")

    def _write(self, records: Mapping[bytes, bytes | None]) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, value in records.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        self._committed.write(batch, self._unlogged)

    def _write_restored(self) -> None:
        self._write(self._restored)
        self._restored.clear()


def _options() -> Options:
    blocks = BlockBasedOptions()
    blocks.set_bloom_filter(_BLOOM_BITS, block_based=False)
    blocks.set_block_cache(Cache(_CACHE_BYTES))
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(_BUFFER_BYTES)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_block_based_table_factory(blocks)
    return options


def _own_folder(directory: Path) -> tuple[Path, BinaryIO]:
    """Return a new folder and its lock. It gets its name once it is locked: until then nobody takes it for left."""
    unnamed = Path(tempfile.mkdtemp(prefix=".", dir=directory))
    lock = _locked(unnamed / _LOCK)
    return unnamed.rename(directory / f"{_FOLDERS}{unnamed.name.removeprefix('.')}"), lock


def _locked(path: Path) -> BinaryIO:
    """Return the file, locked for as long as it is open. Raises `BlockingIOError` when another process has it."""
    file = path.open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


def _remove_left_behind(directory: Path) -> None:
    for folder in directory.glob(f"{_FOLDERS}*"):
        try:
            with _locked(folder / _LOCK):
                shutil.rmtree(folder)
        except OSError:
            continue  # somebody works there, or has just removed it
        log.info("store_left_behind_removed", folder=str(folder))
