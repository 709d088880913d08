"""Health and readiness: what is said when."""

from streamproc.operations.health import STUCK_SECONDS, Health


def ready_worker() -> Health:
    return Health(
        started_at=0.0, tables_read=True, assigned=True, tasks_by_state={("customer", 0): "running"}, progress_at=10.0
    )


def test_a_worker_that_has_everything_is_ready_and_healthy() -> None:
    health = ready_worker()
    assert (health.ready(), health.healthy(11.0)) == ({}, {})


def test_a_fresh_worker_says_all_that_it_still_waits_for() -> None:
    assert Health(started_at=0.0).ready().keys() == {"tables", "assignment"}


def test_a_restoring_task_is_named() -> None:
    health = ready_worker()
    health.tasks_by_state["customer", 3] = "restoring"
    assert health.ready() == {"tasks": "customer.3 restoring"}


def test_a_worker_without_tasks_is_ready() -> None:
    health = ready_worker()
    health.tasks_by_state.clear()
    assert health.ready() == {}


def test_silent_brokers_make_a_worker_unready_but_not_unhealthy() -> None:
    health = ready_worker()
    health.brokers_answer = False
    health.lags = {("events", 0): 5}
    assert health.ready().keys() == {"brokers"}
    assert health.healthy(10.0 + 2 * STUCK_SECONDS) == {}


def test_work_without_progress_is_unhealthy_after_the_limit_and_not_before() -> None:
    health = ready_worker()
    health.lags = {("events", 0): 5}
    assert health.healthy(10.0 + STUCK_SECONDS) == {}
    assert health.healthy(10.0 + STUCK_SECONDS + 1).keys() == {"progress"}


def test_no_work_is_no_lack_of_progress() -> None:
    health = ready_worker()
    health.lags = {("events", 0): 0}
    assert health.healthy(1e6) == {}


def test_restoring_for_long_is_no_lack_of_progress() -> None:
    health = ready_worker()
    health.tasks_by_state["customer", 0] = "restoring"
    health.lags = {("events", 0): 5}
    assert health.healthy(1e6) == {}


def test_requests_for_codes_that_wait_for_their_database_are_no_reason_for_a_restart() -> None:
    health = ready_worker()
    health.code_requests, health.lags = "x.code-requests", {("x.code-requests", 0): 5}
    assert health.healthy(1000.0) != {}
    health.ledger_answers = False
    assert health.healthy(1000.0) == {}
    health.lags[("x.customer-events", 0)] = 1
    assert "1 records behind" in health.healthy(1000.0)["progress"]
