from collections.abc import Sequence
from typing import Any

def derived_id(prefix: bytes, /, *texts: bytes) -> bytes: ...
def job_message(
    key: bytes,
    own_id: bytes,
    fixed: bytes,
    rendered: bytes,
    end: bytes,
    headers: Sequence[tuple[str, bytes]],
    cause: tuple[str, bytes],
    /,
) -> Any: ...
