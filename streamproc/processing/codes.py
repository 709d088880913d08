"""The processor of a code task: requests in, jobs and publications out, with codes that its host gets from the ledger.

Before each chunk or step the host calls `ask`, gets from the ledger what that says, and hands it to `answer`. A request
that finds no code waits behind those of its distribution and campaign that wait already, and the control task is told.
It goes on when another version of the distribution is live; when there is none any more, it is given up, and so is its
code. A manual distribution, which may be over by then and is live once in its life, tries again from time to time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streamproc.domain.code_requests import CodeRequest, Fulfilled, fulfil
from streamproc.domain.codes import Allocation, Wanted
from streamproc.domain.commands import out_of_codes_report
from streamproc.domain.configuration import InForce
from streamproc.domain.events import format_instant
from streamproc.domain.outcomes import Parked
from streamproc.errors import FatalError
from streamproc.matching.definitions import Definitions
from streamproc.processing.dead_letters import dead_letter, describe
from streamproc.processing.processor import Output, Record, Slice, SourceRecord, Store
from streamproc.processing.waiting_requests import Line, ReturningCodes, WaitingRequests, number_of, offset_of
from streamproc.topics import Topic, deliveries

#: Requests that go on, or are given up, in one step.
STEP_REQUESTS = 500
#: How long the requests of a manual distribution wait before the next attempt.
AGAIN_MILLISECONDS = 10_000
# What waits for a change of the definitions: the host looks again from time to time.
_SOME_DAY = 2**62
# What an attempt can have had in hand, with room to spare beside the 2,000 records that a chunk has by itself.
_NUMBERS_AHEAD = number_of(10_000)
_AT_ONCE = 0


@dataclass(slots=True)
class Asked:
    """What the ledger has to do before the next chunk or step is decided."""

    wanted: list[Wanted] = field(default_factory=list)
    #: Requests with the numbers under which they will never have a code.
    returned: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Item:
    """One request in hand; `waited` is its number among those that wait, None for one that has just come."""

    record: SourceRecord
    request: CodeRequest
    waited: int | None = None

    @property
    def number(self) -> int:
        """See `Wanted`; its record's own until it waits, which may be under another one."""
        return number_of(self.record.offset) if self.waited is None else self.waited


class CodeProcessor:
    """Decides for the requests of one partition. Holds what its store holds."""

    def __init__(self, partition: int, state: Store, definitions: Definitions) -> None:
        self._partition = partition
        self._configuration = definitions.configuration
        self._waiting = WaitingRequests(state)
        self._returning = ReturningCodes(state)
        #: By line the version of the distribution at which it was seen that there are no codes.
        self._seen: dict[Line, int] = {}
        #: By line of a manual distribution the time of the next attempt.
        self._again_at: dict[Line, int] = {}
        self._items: list[_Item] = []
        self._parked: list[tuple[Parked, SourceRecord]] = []
        self._asked = Asked()
        self._asked_ids: set[str] = set()
        self._allocations: Mapping[str, Allocation] = {}
        #: Lines of which the first one would join a request that has not been read yet.
        self._held: set[Line] = set()

    @property
    def wake_at(self) -> int | None:
        """See `Processor`."""
        if len(self._returning):
            return _AT_ONCE
        return min(map(self._ready_at, self._waiting.lines), default=None)

    def ask(self, slices: Sequence[Slice], now: int) -> Asked:
        """Begin a chunk, or without slices a step, and say what it needs of the ledger."""
        self._items, self._parked, self._asked = [], [], Asked()
        self._allocations = {}
        if slices:
            self._held.clear()
            self._take([record for piece in slices for record in piece.records])
        else:
            self._begin_step(now)
        self._asked_ids = {wanted.id for wanted in self._asked.wanted}
        return self._asked

    def answer(self, allocations: Mapping[str, Allocation]) -> None:
        """Take what the ledger has given, by request; `returned` has gone back."""
        self._allocations = allocations

    def process(
        self,
        slices: Sequence[Slice],
        now: int,
        outcomes: list[Fulfilled] | None = None,
    ) -> Output:
        """Decide for what was asked; `outcomes`, where given, gets one entry for each request that has its code."""
        output = Output()
        if slices:  # not when it was asked for: a chunk that is called off then is read again
            self._waiting.read = number_of(slices[-1].records[-1].offset)
        for request_id in self._asked.returned:
            self._returning.remove(request_id)
        # Whoever has joined another one's publication comes after it: by then it is decided, if it is today.
        for item in sorted(self._items, key=self._hangs_on_another):
            self._settle(item, output, now, outcomes)
        self._waiting.write_read()
        for parked, record in self._parked:
            letter = dead_letter(parked, Topic.CODE_REQUESTS, self._partition, record, format_instant(now))
            output.lane(Topic.DEAD_LETTERS, self._partition).append(letter)
            output.counts["dead_letters", parked.reason] += 1
        return output

    def _take(self, records: Sequence[SourceRecord]) -> None:
        in_hand: set[str] = set()
        for record in records:
            try:
                request = CodeRequest.read(record.value or b"")
                wanted = request.wanted(number_of(record.offset))
            except Exception as error:  # noqa: BLE001  (a defect of the writer must not stop the others' codes)
                self._parked.append((Parked("unexpected_error", describe(error)), record))
                continue
            # One that is made once more is not needed while the first one has not been served.
            if request.id in in_hand or self._waiting.number(request.id) is not None:
                continue
            in_hand.add(request.id)
            self._items.append(_Item(record, request))
            # Whoever waits comes first, also when there are codes again.
            if _line(request) not in self._waiting:
                self._put_back_first(request.id)
                self._asked.wanted.append(wanted)

    def _begin_step(self, now: int) -> None:
        self._asked.returned = self._returning.first(STEP_REQUESTS)
        for line in self._waiting.lines:
            if self._ready_at(line) > now:
                continue
            for number, value in self._waiting.first(line, STEP_REQUESTS - len(self._items)):
                request = CodeRequest.read(value)
                record = Record(offset_of(number), 0, request.customer_id.encode(), value)
                self._items.append(_Item(record, request, number))
                self._put_back_first(request.id)
                if self._in_force(request.distribution_id) is not None:
                    # The campaign may have been changed for their sake.
                    campaign = self._configuration.get("campaigns", request.campaign["id"])
                    record_now = None if campaign is None else campaign.record
                    self._asked.wanted.append(request.wanted(number, record_now))

    def _put_back_first(self, request_id: str) -> None:
        """Have go back what an earlier request with this id was given, lest this one gets it and then loses it."""
        number = self._returning.number(request_id)
        if number is not None:
            self._asked.returned[request_id] = number

    def _settle(self, item: _Item, output: Output, now: int, outcomes: list[Fulfilled] | None) -> None:
        request = item.request
        allocation = self._allocations.get(request.id)
        if item.waited is not None and self._in_force(request.distribution_id) is None:
            self._give_up(item)
            output.counts[("code_requests_canceled",)] += 1
        elif allocation is None:
            self._let_wait(item, output, now)
        elif self._hangs_on_another(item):
            self._ask_anew(item, allocation)
        else:
            self._fulfil(item, allocation, output, outcomes)

    def _fulfil(self, item: _Item, allocation: Allocation, output: Output, outcomes: list[Fulfilled] | None) -> None:
        try:
            fulfilled = fulfil(item.request, allocation)
        except (FatalError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  (as above)
            self._parked.append((Parked("unexpected_error", describe(error)), item.record))
            self._give_up(item)
            return
        self._leave(item)
        for channel, job in fulfilled.jobs:
            output.lane(deliveries(channel), self._partition).append(job)
            output.counts["jobs", channel] += 1
        if fulfilled.publication is not None:
            output.lane(Topic.PUBLICATIONS, self._partition).append(fulfilled.publication)
            output.counts[("publications",)] += 1
        if outcomes is not None:
            outcomes.append(fulfilled)

    def _hangs_on_another(self, item: _Item) -> bool:
        """Tell whether it would join a publication that is not the customer's yet, and may never be.

        That of a request which waits, or is given up, and was given its code in an attempt that came to nothing.
        """
        allocation = self._allocations.get(item.request.id)
        if allocation is None or allocation.publication_id == item.request.id:
            return False
        other, number = allocation.publication_id, allocation.number
        return number in {self._returning.number(other), self._waiting.number(other)} or self._is_ahead(number)

    def _is_ahead(self, number: int) -> bool:
        """Tell whether a request that has a code stands behind those that were read: an attempt was lost that read it.

        No attempt has more in hand than a chunk; a number far ahead is one of a topic that was made anew since.
        """
        read = self._waiting.read
        return read < number <= read + _NUMBERS_AHEAD

    def _ask_anew(self, item: _Item, allocation: Allocation) -> None:
        """Have the code of an attempt that came to nothing put back, and ask for one in the next step.

        Whoever it was meant for goes on waiting, under a number that has not been given up.
        """
        other, number = allocation.publication_id, allocation.number
        self._line_up(item)
        if self._is_ahead(number):
            self._held.add(_line(item.request))
        if self._waiting.number(other) == number:
            self._waiting.move_back(other)
            self._returning.add(other, number)

    def _let_wait(self, item: _Item, output: Output, now: int) -> None:
        self._line_up(item)
        line, in_force = _line(item.request), self._in_force(item.request.distribution_id)
        if in_force is None or item.request.id not in self._asked_ids:
            return
        self._again_at[line] = now + AGAIN_MILLISECONDS
        if self._seen.get(line) == in_force.version:
            return
        self._seen[line] = in_force.version
        # Of a campaign that it names no more, a distribution needs no codes to go on.
        if in_force.record["action"].get("campaign_id") == item.request.campaign["id"]:
            report = out_of_codes_report(in_force.id, in_force.version, self._partition)
            output.lane(Topic.PARTITION_REPORTS, 0).append((report.command_id.encode(), report.encode(), []))
            output.counts[("out_of_codes",)] += 1

    def _line_up(self, item: _Item) -> None:
        """Let it wait, if it does not yet."""
        if item.waited is not None:
            return
        request_id, line, value = item.request.id, _line(item.request), item.record.value or b""
        # Who was asked for has no code. An attempt that came to nothing may still take one under the record's number:
        # that has to be the number that goes on, or to be put back.
        was_asked = request_id in self._asked_ids
        number = self._waiting.add(line, request_id, item.number, value, keeps_number=was_asked)
        if was_asked and number != item.number:
            self._returning.add(request_id, item.number)

    def _give_up(self, item: _Item) -> None:
        self._leave(item)
        self._returning.add(item.request.id, item.number)

    def _leave(self, item: _Item) -> None:
        if item.waited is not None:
            self._waiting.remove(_line(item.request), item.request.id, item.waited)

    def _ready_at(self, line: Line) -> int:
        """Return when those that wait can go on, or have to be given up."""
        distribution_id, _ = line
        in_force = self._in_force(distribution_id)
        if in_force is None:
            return _AT_ONCE
        if line in self._held:
            return _SOME_DAY
        if not in_force.is_live or self._configuration.blocked(distribution_id):
            return _SOME_DAY
        if in_force.version != self._seen.get(line):
            return _AT_ONCE
        is_manual = in_force.record["kind"] == "manual"
        return self._again_at.get(line, _AT_ONCE) if is_manual else _SOME_DAY

    def _in_force(self, distribution_id: str) -> InForce | None:
        return self._configuration.get("distributions", distribution_id)


def _line(request: CodeRequest) -> Line:
    return request.distribution_id, request.campaign["id"]
