"""Read marks: up to where each configuration topic has been taken, by which a record that is read again is known.

The committed offsets say it too, but not to a processor, and not when they were reset.
"""

import orjson

from streamproc.processing.changes import Changes
from streamproc.processing.processor import SourceRecord, Store
from streamproc.topics import Topic


def take_mark(changes: Changes, topic: str, record: SourceRecord) -> bool:
    """Tell whether a record is new, and remember it.

    One with a lower offset and a later time is new as well: its topic was made anew, and counts from 0 again.
    """
    key = _key(topic)
    known = changes.get(Topic.CONTROL_STATE, key)
    if known is not None:
        offset, timestamp = orjson.loads(known)
        if record.offset <= offset and record.timestamp <= timestamp:
            return False
    changes.put(Topic.CONTROL_STATE, key, orjson.dumps([record.offset, record.timestamp]))
    return True


def read_up_to(state: Store, topic: str) -> int:
    """Return the offset behind the last record of a topic that was taken."""
    known = state.get(_key(topic))
    return 0 if known is None else int(orjson.loads(known)[0]) + 1


def _key(topic: str) -> bytes:
    return f"read/{topic}".encode()
