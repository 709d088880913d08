"""The processor of the control task: judges pushed configuration, says what is in force, and runs what takes time.

One judge, in one order: each record gets its verdict, what was accepted goes to `definitions` (a computed segment when
it has been synced), and every distribution whose state or version has changed gets its status. Manual distributions
are released when their hold is over. What has to outlive a restart is in the four stores, and nowhere else.

Reading a topic again from an earlier offset comes to the same end: versions are offsets, a record that is in force
is accepted again, whatever version it expected to replace, and a later record of the same id has the last word. Nothing
is synced, held or released by a record that is read again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import orjson

from streamproc.domain.commands import decode_report, read_subject
from streamproc.domain.configuration import Configuration, decode_definition
from streamproc.domain.holds import decode_hold
from streamproc.domain.outcomes import Parked
from streamproc.domain.receipts import codes_warning
from streamproc.errors import FatalError
from streamproc.processing.backfills import Backfills
from streamproc.processing.changes import Changes
from streamproc.processing.dead_letters import dead_letter, describe
from streamproc.processing.hearing import Hearing
from streamproc.processing.judging import Judging
from streamproc.processing.manual import ManualDistributions
from streamproc.processing.processor import Output, Slice, SourceRecord, Store
from streamproc.processing.segment_syncs import SegmentSyncs
from streamproc.processing.statuses import Statuses
from streamproc.topics import Topic

#: The stores of this task.
STORES = (Topic.DEFINITIONS, Topic.DISTRIBUTION_STATUS, Topic.DISTRIBUTION_HOLDS, Topic.CONTROL_STATE)
# Codes are counted for what is due this soon: so they are known also when it becomes due while they are counted.
_SOON_MILLISECONDS = 1_000
# A hold that is due and cannot be released is looked at again after so long; sooner while it is known what was pushed
# before it was due, and that is being read.
_AGAIN_MILLISECONDS = 1_000
_HEARING_MILLISECONDS = 20


class ControlProcessor:
    """Decides for the configuration topics, of which the name is the kind, and for `partition-reports`.

    `partitions` is how many the customer topics have.
    """

    def __init__(self, stores: Mapping[str, Store], *, partitions: int, hold_milliseconds: int) -> None:
        self._stores = stores
        self._configuration = configuration = Configuration()
        for item in stores[Topic.DEFINITIONS].items():
            in_force = decode_definition(item[1])
            configuration.apply(in_force.kind, in_force.id, in_force)
        self._syncs = syncs = SegmentSyncs(configuration, stores[Topic.CONTROL_STATE], partitions)
        self._manual = manual = ManualDistributions(configuration, syncs, partitions, hold_milliseconds)
        self._backfills = backfills = Backfills(configuration, partitions)
        self._statuses = statuses = Statuses(configuration, syncs, manual, backfills)
        self._judging = Judging(configuration, syncs, manual, backfills, statuses)
        #: How many distributions are in each state.
        self._states = Counter(
            str(orjson.loads(item[1])["state"]) for item in stores[Topic.DISTRIBUTION_STATUS].items()
        )
        self._hearing = Hearing(stores[Topic.CONTROL_STATE])
        #: When to look at each hold: at its due time, or again.
        self._due: dict[bytes, int] = {}
        #: Those for which the host has been asked to look where the configuration topics end.
        self._asked: list[bytes] = []
        for key, value in stores[Topic.DISTRIBUTION_HOLDS].items():
            self._note_hold(key, value, 0)
        #: By distribution that is due the campaign and how many of its codes it may need, as `codes_needed` found it.
        self._needed: dict[bytes, tuple[str, int | None]] = {}
        #: Codes left, by campaign, as far as the host could find out.
        self._free: Mapping[str, int] = {}

    @property
    def wake_at(self) -> int | None:
        """When the next distribution is to be released."""
        return min(self._due.values(), default=None)

    def read_before_release(self, now: int) -> Mapping[str, int] | None:
        """Return how far each topic has been read, if the host has to look what was pushed behind that; else None."""
        self._asked = [key for key in self._due_keys(now) if not self._hearing.is_heard(key)]
        return dict(self._hearing.read) if self._asked else None

    def take_unread(self, unread: Mapping[str, int]) -> None:
        """Take what the host has found: by topic its end now, if records stand between it and what has been read."""
        self._hearing.looked(self._asked, unread)

    def codes_needed(self, now: int) -> dict[str, int]:
        """Return, by campaign, for how many codes the host has to look before what is due is released."""
        self._needed, most = {}, dict[str, int]()
        changes = Changes(self._stores, now)
        for key in self._due_keys(now + _SOON_MILLISECONDS):
            if found := self._manual.codes_needed(changes, key.decode()):
                self._needed[key] = campaign_id, needed = found
                if needed is not None:
                    most[campaign_id] = max(needed, most.get(campaign_id, 0))
        return most

    def take_codes_free(self, free: Mapping[str, int]) -> None:
        """Take what the host has found: of each campaign the codes left, if they are fewer than those needed."""
        self._free = free

    def process(self, slices: Sequence[Slice], now: int) -> Output:
        """Take one chunk, record by record, in the order of the slices; then release what is due.

        What the chunk itself has made due is released in the next step: its codes have to be counted first.
        """
        output = Output()
        due = self._due_holds(now)
        for piece in slices:
            for record in piece.records:
                self._take(piece, record, output, now)
        still_due = self._due_holds(now)
        for key in [key for key, held in due.items() if still_due.get(key) == held]:
            if self._hearing.is_heard(key):
                self._release(key, output, now)
            elif self._hearing.is_known(key):
                self._due[key] = now + _HEARING_MILLISECONDS
            elif key in self._asked:
                self._due[key] = now + _AGAIN_MILLISECONDS
        output.levels = {("distributions", state): number for state, number in self._states.items()}
        return output

    def _due_holds(self, now: int) -> dict[bytes, bytes | None]:
        holds = self._stores[Topic.DISTRIBUTION_HOLDS]
        return {key: holds.get(key) for key in self._due_keys(now)}

    def _due_keys(self, now: int) -> list[bytes]:
        return [key for key, due_at in self._due.items() if due_at <= now]

    def _take(self, piece: Slice, record: SourceRecord, output: Output, now: int) -> None:
        """Take one record: everything that follows from it, or nothing."""
        changes = Changes(self._stores, now)
        is_report = piece.topic == Topic.PARTITION_REPORTS
        try:
            if is_report:
                self._take_report(changes, record)
            else:
                self._hearing.take(piece.topic, record.offset)
                self._judging.take(changes, piece.topic, record)
        except (FatalError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  (a defect must not stop the customers' tasks)
            changes.undo()
            changes = Changes(self._stores, now)
            parked = Parked("unexpected_error", describe(error))
            letter = dead_letter(parked, piece.topic, piece.partition, record, changes.at)
            changes.write(Topic.DEAD_LETTERS, 0, letter)
            if not is_report:
                self._judging.refuse(changes, piece.topic, record, error)
        self._stage(changes, output)

    def _take_report(self, changes: Changes, record: SourceRecord) -> None:
        report = decode_report(record.value or b"")
        if report.kind == "sync":
            segment_id, definition = self._syncs.reported(changes, report, record.timestamp)
            if definition is not None:
                self._judging.enter(changes, definition)
            elif segment_id is not None:
                for distribution_id in self._configuration.dependents("segments", segment_id):
                    self._statuses.show(changes, distribution_id)
        elif report.kind == "out_of_codes":
            self._judging.halt(changes, *read_subject(report), report.kind)
        elif report.kind == "count":
            self._syncs.counted(changes, report)
        elif report.kind != "drop":
            is_backfill = self._backfills.reported(changes, report)
            receipts = [] if is_backfill else self._manual.reported(changes, report)
            self._judging.reported(changes, read_subject(report)[0], receipts)

    def _release(self, key: bytes, output: Output, now: int) -> None:
        changes = Changes(self._stores, now)
        distribution_id = key.decode()
        try:
            receipts = self._manual.due(changes, distribution_id, self._warning(key))
            self._statuses.show(changes, distribution_id, receipts)
        except (FatalError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  (as above; here there is no input to park)
            changes.undo()
            changes, receipts = Changes(self._stores, now), []
            self._statuses.show_defect(changes, distribution_id, describe(error))
        self._stage(changes, output)
        if not receipts:
            self._due[key] = now + _AGAIN_MILLISECONDS

    def _warning(self, key: bytes) -> str | None:
        needed = self._needed.get(key)
        return None if needed is None else codes_warning(*needed, self._free.get(needed[0]))

    def _stage(self, changes: Changes, output: Output) -> None:
        changes.stage(output)
        self._states.update(changes.states)
        for key, value in changes.touched(Topic.DISTRIBUTION_HOLDS):
            self._note_hold(key, value, changes.now)

    def _note_hold(self, key: bytes, value: bytes | None, now: int) -> None:
        due_at = None if value is None else decode_hold(value).due_at
        if due_at is None or due_at > now:
            self._hearing.forget(key)
        if due_at is None:
            self._due.pop(key, None)
        else:
            self._due[key] = due_at
