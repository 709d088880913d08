"""The allocator of the process, told to keep what is freed.

Fetches and batches are blocks of up to a few megabytes. glibc gives such blocks back to the system as soon as they are
freed and asks for new ones at once, which cost a page fault for each 4 KiB: about one for two events.
"""

import ctypes

# mallopt's names of its parameters.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_MEBIBYTE = 1024 * 1024
_KEPT_BYTES = 256 * _MEBIBYTE
_GROWTH_BYTES = 16 * _MEBIBYTE
# The most that glibc takes; larger blocks are the system's as before.
_LARGEST_BLOCK_BYTES = 32 * _MEBIBYTE


def keep_freed_memory() -> bool:
    """Let blocks of up to 32 MiB be used again; at most 256 MiB stay with the process. Tells whether glibc is there."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK_BYTES)
    mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    mallopt(_TOP_PAD, _GROWTH_BYTES)
    return True
