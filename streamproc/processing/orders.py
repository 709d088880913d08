"""Orders of a release or a backfill, written as commands that carry what is in force now."""

from streamproc.domain.commands import (
    Command,
    backfill_command,
    end_command,
    resume_command,
    send_command,
    stop_command,
)
from streamproc.domain.configuration import Configuration
from streamproc.domain.releases import Order
from streamproc.matching.distributions import attached_objects
from streamproc.processing.changes import Changes
from streamproc.topics import Topic


def write_orders(changes: Changes, configuration: Configuration, distribution_id: str, orders: list[Order]) -> None:
    """Write a command for each order, to the partitions that it concerns."""
    for order in orders:
        changes.command(_command(changes, configuration, distribution_id, order), order.partitions)


def _command(changes: Changes, configuration: Configuration, distribution_id: str, order: Order) -> Command:
    if order.kind == "stop":
        return stop_command(distribution_id, order.number)
    if order.kind == "end":
        return end_command(distribution_id)
    in_force = configuration.get("distributions", distribution_id)
    definition = changes.get(Topic.DEFINITIONS, f"distributions/{distribution_id}".encode())
    assert in_force is not None  # only what is in force is sent
    assert definition is not None
    record = in_force.record
    _, action = attached_objects(record["action"], configuration)
    if order.kind == "resume":
        return resume_command(distribution_id, order.number, definition, action)
    if record["kind"] == "automatic":
        return backfill_command(distribution_id, definition, action, record["trigger"]["segment_id"])
    given = record["audience"]
    audience = {name: given[name] for name in ("segment_id", "customer") if given.get(name) is not None}
    return send_command(distribution_id, definition, action, audience)
