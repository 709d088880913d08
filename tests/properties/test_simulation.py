"""`simulate` on arbitrary lines: what the processor decides, however the file is cut on its way in."""

from dataclasses import replace
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streamproc.cli.json_lines import is_blank, read_lines
from streamproc.cli.simulation import InForceOffline, Simulation
from streamproc.codes.memory import MemoryLedger, make_without_end
from streamproc.domain.code_requests import CodeRequest, fulfil
from streamproc.domain.messages import Message
from streamproc.processing.customer_chunk import Outcome
from streamproc.processing.customers import CustomerProcessor
from streamproc.processing.processor import Record, Slice
from streamproc.runtime.store import StateStore
from tests.properties.test_processing import DEFINITIONS, NOISE, NOW, SEGMENTS, ZONE, events
from tests.unit.cli.test_json_lines import Pieces

VALUES = st.lists(
    (events() | NOISE)
    .map(lambda told: told[2] or b"")
    .filter(lambda value: b"\n" not in value and value[-1:] != b"\r"),
    max_size=25,
)
CUTS = st.lists(st.integers(1, 400), max_size=40)


def cut(content: bytes, lengths: list[int]) -> Pieces:
    pieces = []
    for length in lengths:
        pieces.append(content[:length])
        content = content[length:]
    return Pieces(*(piece for piece in [*pieces, content] if piece))


def simulated(stream: Pieces) -> bytes:
    in_force = InForceOffline(ZONE)
    in_force.definitions, in_force.segments = DEFINITIONS, SEGMENTS
    simulation = Simulation(in_force)
    return b"".join(
        simulation.take_events([line for line in lines if not is_blank(line)], NOW) for lines in read_lines(stream)
    )


def decided(values: list[bytes]) -> list[Outcome]:
    """Ask the processor itself, all in one chunk."""
    outcomes: list[Outcome] = []
    processor = CustomerProcessor(0, StateStore(), StateStore(), DEFINITIONS, SEGMENTS, dead_letter_limit=1)
    records = [Record(offset, NOW, key_of(value), value) for offset, value in enumerate(values)]
    processor.process([Slice("customer-events", 0, records)], NOW, outcomes)
    return outcomes


def with_codes(outcomes: list[Outcome]) -> list[Outcome]:
    """Put the jobs of each request for a code in its place."""
    ledger = MemoryLedger(make_without_end)

    def jobs(channel: str, message: Message) -> list[tuple[str, Message]]:
        if channel != "code-requests":
            return [(channel, message)]
        request = CodeRequest.read(message[1])
        return fulfil(request, ledger.allocate_now([request.wanted()])[request.id]).jobs

    return [replace(one, jobs=[job for sent in one.jobs for job in jobs(*sent)]) for one in outcomes]


def as_json(value: bytes, outcome: Outcome) -> dict[str, Any]:
    return {
        "event_id": read(value, "id"),
        "outcome": outcome.name,
        **({"reason": outcome.reason} if outcome.reason else {}),
        "jobs": [orjson.loads(job) for _, (_, job, _) in outcome.jobs],
        "decisions": [orjson.loads(decision) for _, (_, decision, _) in outcome.decisions],
    }


def read(value: bytes, *path: str) -> str | None:
    try:
        found = orjson.loads(value)
        for name in path:
            found = found[name]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None


def key_of(value: bytes) -> bytes | None:
    customer_id = read(value, "data", "customer", "id")
    return None if customer_id is None else customer_id.encode()


@given(VALUES, CUTS)
def test_simulating_gives_what_the_processor_decides_however_the_file_is_cut(
    values: list[bytes], cuts: list[int]
) -> None:
    printed = simulated(cut(b"".join(value + b"\n" for value in values), cuts)).split(b"\n")
    kept = [value for value in values if value.strip()]
    outcomes = with_codes(decided(kept))
    assert printed.pop() == b""
    assert [orjson.loads(line) for line in printed] == list(map(as_json, kept, outcomes))
    for line, outcome in zip(printed, outcomes, strict=True):
        assert all(written in line for _, (_, written, _) in [*outcome.jobs, *outcome.decisions])


@given(VALUES, CUTS)
def test_the_same_bytes_come_out_however_the_file_is_cut(values: list[bytes], cuts: list[int]) -> None:
    content = b"\n".join(values)
    assert simulated(cut(content, cuts)) == simulated(cut(content, []))
