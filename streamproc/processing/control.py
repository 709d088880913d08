"""The processor of the control task: judges pushed configuration and says what is in force.

One judge, in one order: each record gets its verdict, what was accepted goes to `definitions`, and every distribution
whose state or version has changed gets its status.

Reading a topic again from an earlier offset comes to the same end: versions are offsets, a record that is in force
is accepted again, whatever version it expected to replace, and a later record of the same id has the last word.
"""

from collections.abc import Sequence

import orjson

from streamproc.domain.configuration import Configuration, InForce
from streamproc.domain.events import format_instant
from streamproc.domain.judge import EXPECTED_VERSION, Verdict, judge
from streamproc.domain.outcomes import Parked
from streamproc.domain.problems import Problem
from streamproc.errors import FatalError
from streamproc.processing.dead_letters import dead_letter, describe
from streamproc.processing.processor import Output, OutputRecord, Slice, SourceRecord, Store
from streamproc.processing.statuses import Statuses
from streamproc.topics import Topic


class ControlProcessor:
    """Decides for the configuration topics, of which the name is the kind. Holds what the two stores hold."""

    wake_at: int | None = None

    def __init__(self, definitions: Store, statuses: Store) -> None:
        self._definitions = definitions
        self._statuses = Statuses(statuses)
        self._configuration = Configuration()
        for key, value in definitions.items():
            kind, _, object_id = key.decode().partition("/")
            record = orjson.loads(value)
            self._configuration.apply(kind, object_id, InForce(kind, object_id, record["version"], record["object"]))

    def process(self, slices: Sequence[Slice], now: int) -> Output:
        """Judge one chunk, record by record, in the order of the slices."""
        output = Output()
        for piece in slices:
            verdicts = output.lane(Topic.CONFIG_VERDICTS, 0)
            for record in piece.records:
                try:
                    verdict = self._take(piece.topic, record)
                except (FatalError, MemoryError):
                    raise
                except Exception as error:  # noqa: BLE001  (a defect must not stop the customers' tasks)
                    verdict = self._reject(piece.topic, record, error)
                    parked = Parked("unexpected_error", describe(error))
                    letter = dead_letter(parked, piece.topic, piece.partition, record, format_instant(now))
                    output.lane(Topic.DEAD_LETTERS, 0).append(letter)
                verdicts.append(_verdict_record(verdict, record))
                output.counts["verdicts", piece.topic, _result(verdict)] += 1
        return output

    def _take(self, kind: str, record: SourceRecord) -> Verdict:
        verdict = judge(
            kind, record.key, record.value, record.offset, self._expected_version(kind, record), self._configuration
        )
        if verdict.accepted:
            assert verdict.id is not None  # whatever is accepted has an id
            self._put_in_force(kind, verdict.id, verdict, record.value)
        elif kind == Topic.DISTRIBUTIONS:
            self._statuses.show_rejected(verdict)
        return verdict

    def _reject(self, kind: str, record: SourceRecord, error: Exception) -> Verdict:
        """Answer for a record at which the judge failed; nothing has changed."""
        object_id = None if record.key is None else record.key.decode("utf-8", "replace")
        in_force = None if object_id is None else self._configuration.get(kind, object_id)
        problem = Problem("$", "schema", f"could not be judged: {type(error).__name__}")
        version = None if in_force is None else in_force.version
        return Verdict(kind, object_id, record.offset, False, [problem], in_force_version=version)

    def _expected_version(self, kind: str, record: SourceRecord) -> bytes | None:
        """Return the text of the header that names the version to replace; of several, the last."""
        object_id = (record.key or b"").decode("utf-8", "replace")
        in_force = self._configuration.get(kind, object_id)
        if in_force is not None and in_force.version == record.offset:
            return None  # read again; it has replaced that version long ago
        expected = [text for name, text in record.headers if name == EXPECTED_VERSION]
        return (expected[-1] or b"") if expected else None

    def _put_in_force(self, kind: str, object_id: str, verdict: Verdict, value: bytes | None) -> None:
        """Put it in force. Whatever can fail comes before the first write, and is undone when it fails."""
        key = f"{kind}/{object_id}".encode()
        in_force = None
        definition = None
        if value is not None and verdict.record is not None:
            in_force = InForce(kind, object_id, verdict.version, verdict.record)
            # The object goes in as it was pushed, byte for byte.
            head = orjson.dumps({"kind": kind, "id": object_id, "version": verdict.version})
            definition = b'%b,"object":%b}' % (head[:-1], value)
        former = self._configuration.get(kind, object_id)
        dependents = self._configuration.dependents(kind, object_id)
        try:
            self._configuration.apply(kind, object_id, in_force)
            dependents |= self._configuration.dependents(kind, object_id)
            self._statuses.show(sorted(dependents), self._configuration)
        except Exception:
            self._configuration.apply(kind, object_id, former)
            raise
        if definition is not None:
            self._definitions.put(key, definition)
        elif self._definitions.get(key) is not None:
            self._definitions.delete(key)


def _verdict_record(verdict: Verdict, record: SourceRecord) -> OutputRecord:
    """Key the verdict like the definition; a record's own key goes in as its bytes stand."""
    object_id = record.key if record.key is not None else (verdict.id or "").encode()
    return f"{verdict.kind}/".encode() + object_id, orjson.dumps(verdict.as_json()), []


def _result(verdict: Verdict) -> str:
    if not verdict.accepted:
        return "rejected"
    return "blocked" if verdict.blocked else "accepted"
