"""What one event costs the customer processor: `python -m tests.benchmarks.processing [--profile]`.

Events of the shop in chunks of 2,000, against 100 live definitions; most start one job. No broker, one core.
"""

import argparse
import cProfile
import gc
import json
import pstats
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from zoneinfo import ZoneInfo

import orjson

from streamproc.domain.configuration import KINDS, InForce
from streamproc.local.shop import Shop
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegments
from streamproc.processing.customers import CustomerProcessor
from streamproc.processing.processor import Record, Slice
from streamproc.runtime.store import StateStore
from streamproc.worker import GC_THRESHOLDS
from tests.benchmarks.definitions import write_configuration

LIVE = 100
EVENTS = 40_000
CHUNK = 2_000
ROUNDS = 5
NOW = 1_764_000_000_000


def make_definitions(live: int) -> Definitions:
    """Put the benchmark's configuration in force."""
    definitions = Definitions(ZoneInfo("UTC"))
    with tempfile.TemporaryDirectory() as folder:
        write_configuration(Path(folder), live)
        for kind in KINDS:
            for file in sorted((Path(folder) / kind).glob("*.jsonl")):
                for version, line in enumerate(file.read_text().splitlines()):
                    record = json.loads(line)
                    definitions.put(kind, record["id"], InForce(kind, record["id"], version, record))
    return definitions


class Run:
    """A fresh task, fed the same chunks each time; the first event of each customer makes its state."""

    def __init__(self, definitions: Definitions, chunks: list[Slice]) -> None:
        self.chunks = chunks
        self.state, self.task_state = StateStore(), StateStore()
        self.processor = CustomerProcessor(
            0, self.state, self.task_state, definitions, ComputedSegments(ZoneInfo("UTC")), dead_letter_limit=1.0
        )
        self.jobs = 0

    def __call__(self) -> None:
        for chunk in self.chunks:
            output = self.processor.process([chunk], NOW)
            self.state.commit()
            self.task_state.commit()
            self.jobs += sum(len(records) for (topic, _), records in output.records.items() if "deliv" in topic)


def microseconds(work: Callable[[], object], events: int) -> float:
    """Time one pass, a piece for each event."""
    began = perf_counter()
    work()
    return (perf_counter() - began) / events * 1e6


def main() -> None:
    """Measure, print; with --profile also where the time goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--live", type=int, default=LIVE, help="live definitions")
    parser.add_argument("--profile", action="store_true", help="show the functions that take the time")
    given = parser.parse_args()
    gc.set_threshold(*GC_THRESHOLDS)
    definitions = make_definitions(given.live)
    records = [
        Record(offset, NOW, key, value) for offset, (_, key, value) in enumerate(islice(Shop().events(), EVENTS))
    ]
    chunks = [Slice("customer-events", 0, records[at : at + CHUNK]) for at in range(0, EVENTS, CHUNK)]
    values = [record.value for record in records if record.value]
    decoding = median(microseconds(lambda: decode_all(values), EVENTS) for _ in range(ROUNDS))
    runs = [Run(definitions, chunks) for _ in range(ROUNDS)]
    costs = [microseconds(run, EVENTS) for run in runs]
    print(f"{EVENTS} events of {sum(map(len, values)) // EVENTS} bytes, {given.live} live definitions")
    print(f"{runs[0].jobs / EVENTS:.2f} jobs an event")
    print(f"orjson.loads alone   {decoding:6.2f} us an event")
    print(f"the whole processor  {median(costs):6.2f} us an event (best {min(costs):.2f})")
    if given.profile:
        profile = cProfile.Profile()
        profile.runcall(Run(definitions, chunks))
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def decode_all(values: list[bytes]) -> None:
    """Decode each value, where it is JSON."""
    for value in values:
        try:
            orjson.loads(value)
        except orjson.JSONDecodeError:
            continue


if __name__ == "__main__":
    main()
