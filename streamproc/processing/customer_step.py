"""One step of long work of a customer task: customer by customer, what it means for each."""

from collections.abc import Callable, Sequence

from streamproc.domain.commands import Command, Report
from streamproc.domain.customers import CustomerState
from streamproc.domain.jobs import JobTooLarge
from streamproc.domain.outcomes import DeadLetterReason, Parked, Step
from streamproc.errors import FatalError
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegments
from streamproc.processing.bringing import Bringing, is_concerned
from streamproc.processing.customer_states import StagedStates
from streamproc.processing.dead_letters import dead_letter, describe
from streamproc.processing.outgoing import Outgoing, write_reports
from streamproc.processing.processor import Output, Record
from streamproc.processing.updates import Update
from streamproc.topics import OUTPUT_LIMIT, Topic

# A dead letter names the place of its input. What a step could not do for a customer was never asked for by itself.
_NO_OFFSET = -1


class StateTooLarge(Exception):
    """A customer's state would be larger than its topic takes. The text holds nothing of the customer."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the customer's state would have {size} bytes; at most {OUTPUT_LIMIT} are written")


class CustomerStep:
    """All that one step has come to so far; thrown away as a whole when the step is."""

    def __init__(self, definitions: Definitions, segments: ComputedSegments, states: StagedStates) -> None:
        self.states = states
        self.outgoing = Outgoing()
        #: How often something was done for a customer, and which of these times, counted from 0, it could not be done.
        self.inputs = 0
        self.dead: list[tuple[int, DeadLetterReason]] = []
        #: The size of the jobs and dead letters, about.
        self.bytes = 0
        self._bringing = Bringing(segments, definitions, self.outgoing)
        self._parked: list[tuple[Parked, Command]] = []

    @property
    def messages(self) -> int:
        """How many records have come of it."""
        return sum(self.outgoing.mark()) + len(self._parked)

    def bring(self, key: bytes, updates: Sequence[Update], *, is_walk: bool) -> None:
        """Bring updates to one customer, and count that in them if it is their walk that does so."""
        customer_id = key.decode()
        for place, update in enumerate(updates, 1):
            mark = self.outgoing.mark()
            try:
                before = self.states.get(key)
                if before is None:
                    continue
                after = self._bringing.bring(update, customer_id, before, updates[place:])
                if after is not before:
                    self._put(key, after, len(update.subject))
            except (FatalError, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001  (a defect must not keep a walk from those behind this customer)
                self.outgoing.cut(mark)
                self._park(error, "segments", update.narrowed(customer_id))
            else:
                update.matched += is_walk and is_concerned(update, before, after)
            update.scanned += is_walk
            self.inputs += 1

    def send(self, key: bytes, send: Callable[[bytes], None], once_more: Callable[[bytes], Command]) -> None:
        """Send to one customer; `once_more` makes the command that asks for it again when that fails."""
        mark = self.outgoing.mark()
        try:
            send(key)
            self.bytes += sum([len(value) for _, (_, value, _) in self.outgoing.jobs[mark[0] :]])
        except (FatalError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  (as above)
            self.outgoing.cut(mark)
            self._park(error, "jobs", once_more(key))
        self.inputs += 1

    def output(self, partition: int, reports: Sequence[Report], parked_at: str) -> Output:
        """Put together what follows from the step."""
        output = Output()
        self.outgoing.write(output, partition)
        write_reports(output, reports)
        for parked, command in self._parked:
            record = Record(_NO_OFFSET, 0, command.id.encode(), command.body)
            letter = dead_letter(parked, Topic.PARTITION_COMMANDS, partition, record, parked_at)
            output.lane(Topic.DEAD_LETTERS, partition).append(letter)
            output.counts["dead_letters", parked.reason] += 1
        return output

    def _put(self, key: bytes, state: CustomerState, added: int) -> None:
        size = self.states.size_after(key, state, added)
        if size > OUTPUT_LIMIT:
            raise StateTooLarge(size)
        self.states.put(key, state, size)

    def _park(self, error: Exception, step: Step, command: Command) -> None:
        is_large = isinstance(error, JobTooLarge | StateTooLarge)
        reason: DeadLetterReason = "too_large" if is_large else "unexpected_error"
        self._parked.append((Parked(reason, str(error) if is_large else describe(error), step), command))
        self.dead.append((self.inputs, reason))
        self.bytes += len(command.body)
