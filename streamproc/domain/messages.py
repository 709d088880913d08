"""What is the same for every job: an id that is derived from what it is of, and how its message is put together.

It is done in C (`_messages.c`); without a compiler the same is done here.
"""

from collections.abc import Sequence
from typing import Any, Final

#: Between the texts of which an id is derived.
SEPARATOR: Final = "\x1f"
Header = tuple[str, bytes]
#: Key, value and headers, as the producer takes them: it wants a list.
Message = tuple[bytes, bytes, list[Header]]

try:
    from streamproc.domain._messages import derived_id, job_message
except ImportError:  # pragma: no cover  (depends on the installation)
    from binascii import hexlify
    from hashlib import blake2b

    def derived_id(prefix: bytes, /, *texts: bytes) -> bytes:
        """Return the prefix, and behind it the BLAKE2b-128 in hexadecimal of the texts, joined by `SEPARATOR`."""
        return prefix + hexlify(blake2b(SEPARATOR.encode().join(texts), digest_size=16).digest())

    def job_message(
        key: bytes,
        own_id: bytes,
        fixed: bytes,
        rendered: bytes,
        end: bytes,
        headers: Sequence[Header],
        cause: Header,
        /,
    ) -> Any:
        """Return the `Message` of a job: its JSON is its id and these pieces, in this order.

        `headers` is a tuple of the two that all jobs of its distribution have. It is told as an object: compiled, a
        tuple whose types are known would be taken apart and made anew.
        """
        value = b"".join((b'{"id":"', own_id, fixed, rendered, end))
        return key, value, [("job-id", own_id), *headers, cause]


__all__ = ["SEPARATOR", "Header", "Message", "derived_id", "job_message"]
