"""The only place that reads the machine's clock."""

import time


def now_milliseconds() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000  # noqa: TID251
