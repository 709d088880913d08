"""Memory of the process: freed blocks are kept, and what stays for good is put into large pages.

Fetches and batches are blocks of up to a few megabytes. glibc gives such blocks back to the system as soon as they are
freed and asks for new ones at once, which cost a page fault for each 4 KiB: about one for two events.

Definitions and customer states are small objects all over the memory, and the processor remembers where few of its
pages of 4 KiB lie. In pages of 2 MiB nearly all of it is within reach.
"""

import ctypes
import re
from collections.abc import Iterator
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
_PAGE_BYTES = 2 * _MEBIBYTE
_USED = 7 / 8
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


def use_large_pages() -> int:
    """Move the memory that is in use to large pages, where the system can; returns the bytes that are in them.

    Each page is copied once, about a gigabyte a second, and other threads go on meanwhile. Called again it moves what
    has come since.
    """
    madvise = getattr(ctypes.CDLL(None), "madvise", None)
    if madvise is None:
        return 0
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    large = 0
    for start, end in _used_mappings():
        for page in range(start, end, _PAGE_BYTES):
            if madvise(page, _PAGE_BYTES, _MADV_COLLAPSE) == 0:
                large += _PAGE_BYTES
    return large


def _used_mappings() -> Iterator[tuple[int, int]]:
    """Yield where large pages would begin and end in the process's own memory, where nearly all of it is in use.

    Elsewhere (stacks, what was reserved) they would take more memory than there was.
    """
    with suppress(OSError):
        told = Path("/proc/self/smaps").read_text()
        for place in _MAPPING.finditer(told):
            start, end = int(place[1], 16), int(place[2], 16)
            resident = _RESIDENT.search(told, place.end())
            if resident is not None and 1024 * int(resident[1]) >= _USED * (end - start):
                yield -(-start // _PAGE_BYTES) * _PAGE_BYTES, end // _PAGE_BYTES * _PAGE_BYTES
