"""`streamproc topics`: makes the topics and checks those that exist."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Any, TypeVar

import click
import orjson
from aiokafka.errors import KafkaError

from streamproc.operations.topic_admin import check_topics, create_topics

_Answer = TypeVar("_Answer")
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _where(command: _Command) -> _Command:
    """Give a command the options that say which topics are meant."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
        click.option(
            "--partitions",
            envvar="STREAMPROC_PARTITIONS",
            type=click.IntRange(1, 10_000),
            default=8,
            show_default=True,
            help="Partitions of each customer topic: the most tasks that can work at once.",
        ),
        click.option(
            "--prefix",
            envvar="STREAMPROC_PREFIX",
            default="streamproc.",
            show_default=True,
            help="In front of every name.",
        ),
        click.option("--kafka", envvar="STREAMPROC_KAFKA", required=True, help="Brokers, host:port[,host:port...]."),
    ):
        command = option(command)
    return command


@click.group()
def topics() -> None:
    """Make the topics, or compare those that exist with what they have to be.

    Each option can be set by its variable: STREAMPROC_KAFKA, STREAMPROC_PREFIX, STREAMPROC_PARTITIONS.
    """


@topics.command()
@_where
@click.option(
    "--replication", type=click.IntRange(1, 100), default=1, show_default=True, help="Copies; 3 where it matters."
)
def create(*, kafka: str, prefix: str, partitions: int, replication: int, as_json: bool) -> None:
    """Make the topics that are missing; those that exist stay as they are."""
    made = _ask(kafka, create_topics(kafka, prefix, partitions, replication))
    if as_json:
        click.echo(orjson.dumps(asdict(made)))
        return
    for name in made.created:
        click.echo(f"created   {name}")
    for name in made.existing:
        click.echo(f"existing  {name}")
    click.echo(f"{len(made.created)} created, {len(made.existing)} existing")


@topics.command()
@_where
def check(*, kafka: str, prefix: str, partitions: int, as_json: bool) -> None:
    """Say each difference between the topics and what they have to be.

    Exit status: 0 when there is none, 1 when there are, 2 when the brokers cannot be asked.
    """
    differences = _ask(kafka, check_topics(kafka, prefix, partitions))
    if as_json:
        click.echo(orjson.dumps({"differences": [asdict(difference) for difference in differences]}))
    else:
        for difference in differences:
            click.echo(str(difference))
        click.echo(f"{len(differences)} differences" if differences else "all topics are as they have to be")
    sys.exit(1 if differences else 0)


def _ask(kafka: str, question: Coroutine[Any, Any, _Answer]) -> _Answer:
    # The answer below says it in one line; without a handler the client's own lines would go to the terminal.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        return asyncio.run(question)
    except (KafkaError, ValueError) as error:
        click.echo(f"Error: brokers at {kafka}: {error}", err=True)
        sys.exit(2)
