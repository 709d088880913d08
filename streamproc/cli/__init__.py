"""The command line: one file per command, imported when its command is called.

What commands share:

* Brokers and database: `connection` and `database` (the options), `reading`, and of compacted topics the `latest`.
* Configuration: `configuration_files`, `pushing`, the `answers` to both, what is `in_force`, an `asked_filter`.
* Input and output: `input_file`, `json_lines`, `time_zone`, `tables`, `progress`, `examples`.
* The larger part of one command: `simulation`, `status_overview`, `customer_search`.

`make schemas` runs `schemas`, of `record_models` and `command_models`, and `asyncapi`, of `topic_meanings`.
"""

import atexit
import gc
from importlib import import_module

import click

from streamproc.cli.examples import examples

# Command: what it does. The command object stands under its own name in the module of that name.
COMMANDS = {
    "demo": "The whole thing on this machine, with a verdict.",
    "worker": "One worker process, until it is told to stop.",
    "local": "The local broker and database: start, stop, look.",
    "topics": "Make and check the topics.",
    "validate": "Judge configuration files offline.",
    "simulate": "What a file of events would set off, offline.",
    "apply": "Push configuration and wait for the verdicts.",
    "get": "What is in force, with its version and state.",
    "delete": "Take an object out of force and wait for the verdict.",
    "status": "The distributions and their state.",
    "customers": "Who matches a segment or a filter, and how many.",
    "codes": "Pools of unique codes: import, look.",
    "audit": "Whether the books of unique codes add up.",
}


class Commands(click.Group):
    """Knows its commands by name alone, so that one command does not wait for the imports of the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"streamproc.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's signature)
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("streamproc demo", "streamproc validate --help"),
)
def main() -> None:
    """Turn customer activity into delivery jobs, each exactly once."""
    # At the end of the process nobody has to look for garbage among all that was imported: it takes up to 0.2 s.
    atexit.register(gc.freeze)
