"""The memory of the process: freed blocks are kept, and what stays for good is put into large pages.

Fetches and batches are blocks of up to a few megabytes. glibc gives such blocks back to the system as soon as they are
freed and asks for new ones at once, which cost a page fault for each 4 KiB: about one for two events.

Definitions and customer states are small objects all over the memory, and the processor remembers where few of its
pages of 4 KiB lie. In pages of 2 MiB nearly all of it is within reach.
"""

import ctypes
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

_MEBIBYTE = 1024 * 1024

# mallopt's names of its parameters.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_KEPT_BYTES = 256 * _MEBIBYTE
_GROWTH_BYTES = 16 * _MEBIBYTE
# The most that glibc takes; larger blocks are the system's as before.
_LARGEST_BLOCK_BYTES = 32 * _MEBIBYTE

# Since Linux 6.1. It works at once, and without regard to the system's setting for large pages.
_MADV_COLLAPSE = 25
_LARGE_PAGE_BYTES = 2 * _MEBIBYTE
# Of a mapping, resident at least: a large page takes all of its memory, used or not.
_USED_SHARE = 7 / 8
# In /proc/self/smaps: private memory that can be written and belongs to no file, and how much of it is resident.
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p [0-9a-f]+ 00:00 0 +(\[heap\])?$", re.MULTILINE)
_RESIDENT = re.compile(r"^Rss: +(\d+) kB$", re.MULTILINE)


def keep_freed_memory() -> bool:
    """Let blocks of up to 32 MiB be used again; at most 256 MiB stay with the process. Tells whether glibc is there."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK_BYTES)
    mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    mallopt(_TOP_PAD, _GROWTH_BYTES)
    return True


def use_large_pages(gives_up: Callable[[], bool] = lambda: False) -> int:
    """Move the memory that is in use to large pages, where the system can; returns the bytes that are in them.

    Each page is copied once, about a gigabyte a second, and other threads go on meanwhile. Called again it moves what
    has come since. Before each page it asks whether to give up.
    """
    madvise = getattr(ctypes.CDLL(None), "madvise", None)
    if madvise is None:
        return 0
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    in_large_pages = 0
    for start, end in _used_mappings():
        for page in range(start, end, _LARGE_PAGE_BYTES):
            if gives_up():
                return in_large_pages
            if madvise(page, _LARGE_PAGE_BYTES, _MADV_COLLAPSE) == 0:
                in_large_pages += _LARGE_PAGE_BYTES
    return in_large_pages


def _used_mappings() -> Iterator[tuple[int, int]]:
    """Yield where large pages would begin and end in the process's own memory, where nearly all of it is in use.

    Elsewhere (stacks, what was reserved) they would take more memory than there was.
    """
    with suppress(OSError):
        told = Path("/proc/self/smaps").read_text()
        for place in _MAPPING.finditer(told):
            start, end = int(place[1], 16), int(place[2], 16)
            resident = _RESIDENT.search(told, place.end())
            if resident is not None and 1024 * int(resident[1]) >= _USED_SHARE * (end - start):
                yield -(-start // _LARGE_PAGE_BYTES) * _LARGE_PAGE_BYTES, end // _LARGE_PAGE_BYTES * _LARGE_PAGE_BYTES
