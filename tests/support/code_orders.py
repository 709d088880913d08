"""Customers who pay orders through real workers, and the codes that they are given for it."""

from collections.abc import Mapping
from typing import Any

from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic, deliveries
from tests.support.streams import read_json, send_json
from tests.support.workers import WorkerProcess, until

IN_TIME = 60.0


def paid(number: int) -> dict[str, Any]:
    """Return the event of one order of one customer."""
    customer = {"id": f"cust_{number}", "email": f"{number}@shop.example", "phone": "1"}
    data = {"customer": customer, "order": {"id": f"ord_{number}", "amount": 9000}}
    return {"id": f"evt_{number}", "type": "customer.order.paid", "created_at": "2026-03-03T12:00:00Z", "data": data}


async def pay(brokers: Kafka, *numbers: int) -> None:
    """Let these customers each pay an order."""
    for number in numbers:
        await send_json(brokers, Topic.CUSTOMER_EVENTS, paid(number), key=f"cust_{number}")


async def configured(brokers: Kafka, worker: WorkerProcess, *objects: tuple[Topic, dict[str, Any]]) -> None:
    """Push objects and wait until the worker decides by them."""
    before = await worker.metric("streamproc_table_position", table=Topic.DEFINITIONS)
    for kind, record in objects:
        await send_json(brokers, kind, record)

    async def read() -> bool:
        position = await worker.metric("streamproc_table_position", table=Topic.DEFINITIONS)
        return position >= before + len(objects)

    await until(read, within=IN_TIME, what="the definitions read")


async def given(brokers: Kafka, channel: str = "email") -> dict[str, str]:
    """Return the code of each event."""
    jobs = [job for job in await read_json(brokers, deliveries(channel)) if job["action"]["type"] == "codes"]
    assert len({job["id"] for job in jobs}) == len(jobs)
    return {job["cause"]["event_id"]: job["action"]["voucher"]["code"] for job in jobs}


async def until_given(brokers: Kafka, events: int) -> Mapping[str, str]:
    """Return the code of each event once so many have one."""
    found: dict[str, str] = {}

    async def enough() -> bool:
        found.update(await given(brokers))
        return len(found) == events

    await until(enough, within=IN_TIME, what=f"{events} codes given")
    return found


async def requests_decided(worker: WorkerProcess, number: int) -> None:
    """Wait until a worker has decided so many requests since its start."""

    async def enough() -> bool:
        return await worker.metric("streamproc_chunk_records_sum", kind="code") == number

    await until(enough, within=IN_TIME, what=f"{number} requests decided")
