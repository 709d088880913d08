"""What is made for an event goes with it: the compiled classes are in no cycle, as they tell mypyc."""

import gc
import sys
from itertools import islice

from streamproc.local.shop import Shop, ShopOptions
from tests.support.configuration import distribution, validation_rule
from tests.support.customer_task import CustomerTask

EVENTS = [(key, value) for _, key, value in islice(Shop(ShopOptions(seed=3, customers=50)).events(), 400)]
WARM_UP, ROUNDS = 3, 5


def task_after_events() -> CustomerTask:
    """Return a task that has handled events of all kinds, jobs and rules over order lines included."""
    rules = {
        "1": {"name": "order.items.any", "conditions": {"$is": [{"id": "pen", "object": "product"}]}},
        "logic": "1",
    }
    task = CustomerTask()
    task.put("validation-rules", validation_rule(rules=rules))
    task.put("distributions", distribution())
    trigger = {"event": "customer.order.paid", "validation_rule_id": "val_1"}
    task.put("distributions", distribution(id="distr_2", name="Shoes", trigger=trigger))
    task.take("customer-events", EVENTS)
    return task


def growth(kept: list[CustomerTask] | None = None) -> int:
    """Return by how many blocks of memory the process grows over some rounds."""
    before = 0
    for number in range(WARM_UP + ROUNDS):
        task = task_after_events()
        if kept is not None:
            kept.append(task)
        del task
        gc.collect()
        if number == WARM_UP - 1:
            before = sys.getallocatedblocks()
    return sys.getallocatedblocks() - before


def test_nothing_of_an_event_stays_behind() -> None:
    assert growth() < len(EVENTS) / 10


def test_what_stays_behind_would_be_seen() -> None:
    assert growth(kept=[]) > ROUNDS * len(EVENTS)
