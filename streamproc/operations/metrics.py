"""Every metric of the worker: name, type, unit, labels and meaning. The list in the README is made from here.

Labels never hold ids of customers or events. `type` is bounded by the known event types, the others by closed lists.
"""

from collections import Counter as Counts
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)
_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


class Metrics:
    """All metrics of one worker, in a registry of its own. One long list, so that all of each stands in one place."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.registry = registry
        self.events = Counter(
            "streamproc_events", "events read, by type and outcome", ["type", "outcome"], registry=registry
        )
        self.ignored = Counter(
            "streamproc_ignored", "events ignored on purpose, by reason", ["reason"], registry=registry
        )
        self.jobs = Counter("streamproc_jobs", "delivery jobs written, by channel", ["channel"], registry=registry)
        self.code_requests = Counter("streamproc_code_requests", "requests for a code written", registry=registry)
        self.publications = Counter("streamproc_publications", "codes given to customers", registry=registry)
        self.code_requests_canceled = Counter(
            "streamproc_code_requests_canceled", "requests that waited for a code and were given up", registry=registry
        )
        self.out_of_codes = Counter(
            "streamproc_out_of_codes", "times that a distribution has found no code and now waits", registry=registry
        )
        self.codes_free = Gauge(
            "streamproc_codes_free", "codes left, counted up to 10,000, by campaign; told by the owner of code task 0",
            ["campaign"], registry=registry,
        )  # fmt: skip
        self.allocation_seconds = Histogram(
            "streamproc_allocation_seconds", "the ledger's answer to the requests of one chunk",
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.ledger_answers = Gauge(
            "streamproc_ledger_answers", "1 while the database of codes answers those who need it, else 0",
            registry=registry,
        )  # fmt: skip
        self.ledger_answers.set(1)
        self.decisions = Counter(
            "streamproc_decisions", "matched but not sent, by reason", ["reason"], registry=registry
        )
        self.segment_changes = Counter(
            "streamproc_segment_changes", "memberships that changed here, by change", ["change"], registry=registry
        )
        self.dead_letters = Counter(
            "streamproc_dead_letters", "inputs parked, by reason", ["reason"], registry=registry
        )
        self.verdicts = Counter(
            "streamproc_verdicts",
            "configuration records judged, by kind and result",
            ["kind", "result"],
            registry=registry,
        )
        self.receipts = Counter(
            "streamproc_receipts", "what became of manual distributions, by receipt", ["receipt"], registry=registry
        )
        self.distributions = Gauge("streamproc_distributions", "distributions, by state", ["state"], registry=registry)
        self.hold_lateness = Histogram(
            "streamproc_hold_lateness_seconds", "from the due time of a manual distribution to its release",
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.chunk_records = Histogram(
            "streamproc_chunk_records", "records in one transaction", ["kind"], buckets=_RECORDS, registry=registry
        )
        self.chunk_seconds = Histogram(
            "streamproc_chunk_seconds", "deciding and writing one chunk", ["kind"], buckets=_SECONDS, registry=registry
        )
        self.step_seconds = Histogram(
            "streamproc_step_seconds", "deciding and writing one step of long work", ["kind"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.transaction_seconds = Histogram(
            "streamproc_transaction_seconds", "one transaction, begin to commit", ["kind"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.delay_seconds = Histogram(
            "streamproc_delay_seconds", "from a record's timestamp to the commit of its chunk (first record)", ["kind"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.commits = Counter("streamproc_commits", "transactions committed", ["kind"], registry=registry)
        self.aborts = Counter("streamproc_aborts", "transactions aborted and done again", ["kind"], registry=registry)
        self.lag = Gauge(
            "streamproc_lag_records", "offsets between a task and the real end of its source", ["topic", "partition"],
            registry=registry,
        )  # fmt: skip
        self.tasks = Gauge("streamproc_tasks", "tasks owned, by kind and state", ["kind", "state"], registry=registry)
        self.restore_done = Gauge(
            "streamproc_restore_offsets_done", "changelog offsets read", ["store", "partition"], registry=registry
        )
        self.restore_total = Gauge(
            "streamproc_restore_offsets_total", "changelog offsets to read", ["store", "partition"], registry=registry
        )
        self.table_position = Gauge(
            "streamproc_table_position", "offset up to which a table has been read", ["table"], registry=registry
        )
        self.definitions = Gauge(
            "streamproc_definitions",
            "objects in force, by kind; live = distributions that can fire, scanned = rules that every event meets",
            ["kind"],
            registry=registry,
        )
        self.brokers_answer = Gauge(
            "streamproc_brokers_answer", "1 while the brokers answer, else 0", registry=registry
        )
        self.gate_timeouts = Counter(
            "streamproc_gate_timeouts", "starts on events before all configuration had been judged", registry=registry
        )
        self._by_count = {
            "events": self.events,
            "ignored": self.ignored,
            "jobs": self.jobs,
            "code_requests": self.code_requests,
            "code_requests_canceled": self.code_requests_canceled,
            "out_of_codes": self.out_of_codes,
            "publications": self.publications,
            "decisions": self.decisions,
            "segment_changes": self.segment_changes,
            "dead_letters": self.dead_letters,
            "verdicts": self.verdicts,
            "receipts": self.receipts,
        }
        self._by_level = {"distributions": self.distributions}
        self._by_observation = {"hold_lateness": self.hold_lateness}

    def count(self, counts: Counts[tuple[str, ...]]) -> None:
        """Add what a committed chunk has counted; a key is a metric's short name and its label values."""
        for (name, *labels), number in counts.items():
            metric = self._by_count[name]
            (metric.labels(*labels) if labels else metric).inc(number)

    def measure(self, levels: Mapping[tuple[str, ...], int], observed: Sequence[tuple[str, float]]) -> None:
        """Set the numbers that go up and down, and add single values; keyed as counts are."""
        for (name, *labels), number in levels.items():
            self._by_level[name].labels(*labels).set(number)
        for name, value in observed:
            self._by_observation[name].observe(value)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)
