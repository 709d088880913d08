"""What the runtime tells becomes metrics and health."""

from collections import Counter

from streamproc.operations.health import Health
from streamproc.operations.metrics import Metrics
from streamproc.operations.watch import Watch


def watch() -> tuple[Watch, Metrics, Health]:
    metrics, health = Metrics(), Health(started_at=0.0)
    return Watch(metrics, health, lambda: 42.0, lambda name: name.removeprefix("p.")), metrics, health


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_committed_chunk_is_counted_and_is_progress() -> None:
    watching, metrics, health = watch()
    counts = Counter({("events", "customer.order.paid", "processed"): 3, ("jobs", "email"): 2})
    watching.chunk_committed(
        "customer", 1, records=3, counts=counts, seconds=0.5, transaction_seconds=0.25, delay_seconds=-1
    )
    assert value(metrics, "streamproc_events_total", type="customer.order.paid", outcome="processed") == 3
    assert value(metrics, "streamproc_jobs_total", channel="email") == 2
    assert value(metrics, "streamproc_commits_total", kind="customer") == 1
    assert value(metrics, "streamproc_chunk_records_sum", kind="customer") == 3
    assert value(metrics, "streamproc_delay_seconds_sum", kind="customer") == 0, "a clock ahead of ours is no delay"
    assert health.progress_at == 42.0


def test_a_committed_step_is_counted_apart_from_the_chunks_and_is_progress() -> None:
    watching, metrics, health = watch()
    counts: Counter[tuple[str, ...]] = Counter({("jobs", "email"): 2})
    watching.step_committed("customer", 1, counts=counts, seconds=0.5, transaction_seconds=0.25)
    assert value(metrics, "streamproc_jobs_total", channel="email") == 2
    assert value(metrics, "streamproc_commits_total", kind="customer") == 1
    assert value(metrics, "streamproc_step_seconds_sum", kind="customer") == 0.5
    assert value(metrics, "streamproc_chunk_records_count", kind="customer") is None
    assert health.progress_at == 42.0


def test_a_task_is_in_one_state_at_a_time_and_gone_when_closed() -> None:
    watching, metrics, health = watch()
    watching.task_state("customer", 1, "restoring")
    watching.task_state("customer", 1, "running")
    assert value(metrics, "streamproc_tasks", kind="customer", state="restoring") == 0
    assert value(metrics, "streamproc_tasks", kind="customer", state="running") == 1
    watching.task_state("customer", 1, "closed")
    assert value(metrics, "streamproc_tasks", kind="customer", state="running") == 0
    assert health.tasks_by_state == {}


def test_lag_is_shown_for_what_is_owned_only() -> None:
    watching, metrics, health = watch()
    watching.lag({("p.customer-events", 0): 7, ("p.customer-events", 1): 1})
    watching.lag({("p.customer-events", 1): 2})
    assert value(metrics, "streamproc_lag_records", topic="customer-events", partition="0") is None
    assert value(metrics, "streamproc_lag_records", topic="customer-events", partition="1") == 2
    assert health.lags == {("p.customer-events", 1): 2}


def test_every_metric_is_in_the_exposition_with_its_meaning() -> None:
    metrics = Metrics()
    text = metrics.exposition().decode()
    for name in ("streamproc_events_total", "streamproc_lag_records", "streamproc_transaction_seconds"):
        assert f"# HELP {name}" in text


def test_codes_left_are_shown_by_campaign_as_long_as_it_is_this_worker_s_turn() -> None:
    watching, metrics, _ = watch()
    watching.codes_free({"camp_1": 12, "camp_2": 0})
    assert value(metrics, "streamproc_codes_free", campaign="camp_1") == 12
    assert value(metrics, "streamproc_codes_free", campaign="camp_2") == 0
    watching.codes_free({})
    assert value(metrics, "streamproc_codes_free", campaign="camp_1") is None
