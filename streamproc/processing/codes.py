"""One chunk of a code task: requests in, jobs and publications out, once the host has allocated the codes."""

from collections.abc import Mapping, Sequence

from streamproc.domain.code_requests import CodeRequest, Fulfilled, fulfil
from streamproc.domain.codes import Allocation
from streamproc.domain.events import format_instant
from streamproc.domain.outcomes import Parked
from streamproc.processing.dead_letters import dead_letter, describe
from streamproc.processing.processor import Output, Slice, SourceRecord
from streamproc.topics import Topic, deliveries


class CodeChunk:
    """The requests of one chunk, in their order; the host allocates for `requests` and then asks for the output."""

    def __init__(self, slices: Sequence[Slice]) -> None:
        self.requests: list[CodeRequest] = []
        self._parked: list[tuple[Parked, Slice, SourceRecord]] = []
        for piece in slices:
            for record in piece.records:
                try:
                    self.requests.append(CodeRequest.read(record.value or b""))
                except Exception as error:  # noqa: BLE001  (a defect of the writer must not stop the others' codes)
                    self._parked.append((Parked("unexpected_error", describe(error)), piece, record))

    def output(
        self,
        allocations: Mapping[str, Allocation],
        partition: int,
        now: int,
        outcomes: list[Fulfilled] | None = None,
    ) -> Output:
        """Put together what follows from the chunk; `allocations` are by request.

        `outcomes`, where given, gets one entry for each request, in their order.
        """
        output = Output()
        for request in self.requests:
            fulfilled = fulfil(request, allocations[request.id])
            for channel, job in fulfilled.jobs:
                output.lane(deliveries(channel), partition).append(job)
                output.counts["jobs", channel] += 1
            if fulfilled.publication is not None:
                output.lane(Topic.PUBLICATIONS, partition).append(fulfilled.publication)
                output.counts[("publications",)] += 1
            if outcomes is not None:
                outcomes.append(fulfilled)
        for parked, piece, record in self._parked:
            letter = dead_letter(parked, piece.topic, piece.partition, record, format_instant(now))
            output.lane(Topic.DEAD_LETTERS, partition).append(letter)
            output.counts["dead_letters", parked.reason] += 1
        return output
