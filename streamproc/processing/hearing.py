"""What has been pushed in time is heard in time: before a release all that was pushed up to its due time is read.

A control task can be behind: a worker was stopped for a while, thousands of records came at once. What it has in hand
does not tell. So when a distribution is due, the host looks up where the configuration topics end at that moment, and
the distribution goes out once everything before has been taken.
"""

from collections.abc import Iterable, Mapping

from streamproc.processing.processor import Store
from streamproc.processing.read_marks import read_up_to
from streamproc.topics import CONFIG_TOPICS


class Hearing:
    """How far the configuration topics have been read, and for each hold that is due how far they have to be."""

    def __init__(self, state: Store) -> None:
        #: By topic, the offset that comes next.
        self.read: dict[str, int] = {topic: read_up_to(state, topic) for topic in CONFIG_TOPICS}
        self._unread: dict[bytes, Mapping[str, int]] = {}

    def take(self, topic: str, offset: int) -> None:
        """Note that a record was taken."""
        self.read[topic] = offset + 1

    def looked(self, keys: Iterable[bytes], unread: Mapping[str, int]) -> None:
        """Take what the host has found: by topic the end, where anything before that is still unread.

        Only the first look at a hold moves the end: what comes later comes too late.
        """
        for key in keys:
            first = self._unread.get(key, unread)
            self._unread[key] = {topic: end for topic, end in first.items() if topic in unread}

    def is_known(self, key: bytes) -> bool:
        """Tell whether a hold was looked at."""
        return key in self._unread

    def is_heard(self, key: bytes) -> bool:
        """Tell whether a hold was looked at, and everything before that has been read."""
        unread = self._unread.get(key)
        return unread is not None and all(self.read[topic] >= end for topic, end in unread.items())

    def forget(self, key: bytes) -> None:
        """Forget a hold that is over, or due at another time."""
        self._unread.pop(key, None)
