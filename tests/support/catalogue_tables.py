"""The tables of `schemas/README.md` that say what goes together, made from the catalogue and the names of rules."""

from collections.abc import Iterable

from streamproc.cli.schemas import FOLDER
from streamproc.domain.catalogue import (
    ACTION_OBJECTS,
    ACTIONS,
    CHANNELS,
    FEED_ONLY_EVENTS,
    MANUAL,
    TRIGGERS,
    TriggerSpec,
)
from streamproc.domain.rules.attributes import ATTRIBUTES
from streamproc.domain.rules.names import RULE_NAMES
from tests.support.readme import fill

DOCUMENT = FOLDER / "README.md"


def triggers_table() -> str:
    """What each trigger needs, takes and offers, and which events are none."""
    head = ("trigger", "needs", "takes as well", "actions", "objects")
    rows = (
        (f"`{name}`", coded(row.required), coded(row.optional), coded(row.actions), coded(row.payload))
        for name, row in TRIGGERS.items()
    )
    feeding = coded(sorted(FEED_ONLY_EVENTS))
    return (
        f"{table(head, rows)}\n\nKnown as well, and only feeding what is known of customers: {feeding}.\n\n"
        f"A distribution of kind `manual` has an `audience` instead of a trigger, takes the actions "
        f"{coded(MANUAL.actions)} and offers the objects {coded(MANUAL.payload)}."
    )


def actions_table() -> str:
    """What each action adds for placeholders."""
    return table(("action", "objects"), ((f"`{name}`", coded(ACTION_OBJECTS[name])) for name in ACTIONS))


def channels_table() -> str:
    """What each channel needs of the customer, and its settings."""
    head = ("channel", "contact", "settings", "of these with placeholders")
    rows = (
        (f"`{name}`", coded([row.contact] if row.contact else []), coded(row.settings), coded(row.templates))
        for name, row in CHANNELS.items()
    )
    return table(head, rows)


def matrix_table() -> str:
    """For each trigger and channel the actions that go with both, by their first letters."""
    named = [*((f"`{event}`", row) for event, row in TRIGGERS.items()), ("kind `manual`", MANUAL)]
    rows = ((name, *(letters(row, channel) for channel in CHANNELS)) for name, row in named)
    return table(("trigger", *CHANNELS), rows)


def letters(trigger: TriggerSpec, channel: str) -> str:
    """Name by their first letters the actions with which the channel is offered."""
    return "".join(action[0].upper() for action in trigger.actions if CHANNELS[channel].offered(trigger.event, action))


def names_table() -> str:
    """Where each name of a rule may stand, on which triggers, and what it needs."""
    around = {"anywhere": "", "line": "a quantifier over order lines", "product": "`product.id`", "sku": "`sku.id`"}
    head = ("name", "on triggers of", "only inside", "needs `property`")
    rows = (
        (
            f"`{row.name}`",
            "orders and custom events"
            if len(row.families) == 2
            else "orders"
            if "order" in row.families
            else "custom events",
            around[row.place],
            "yes" if row.needs_property else "",
        )
        for row in RULE_NAMES.values()
    )
    return table(head, rows)


def coded(names: Iterable[str]) -> str:
    """List names as code."""
    return ", ".join(f"`{name}`" for name in names)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Write a table as Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return (
        "\n".join("| " + " | ".join(line) + " |" for line in lines).replace("| --- ", "|---").replace("--- |", "---|")
    )


def with_tables(text: str) -> str:
    """Return the document with its tables as the catalogue has them now."""
    tables = {
        "triggers": triggers_table(),
        "actions": actions_table(),
        "channels": channels_table(),
        "matrix": matrix_table(),
        "names": names_table(),
        "attributes": f"{coded(ATTRIBUTES)}.",
    }
    return fill(text, tables)


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text()))
