"""`streamproc topics`: makes the topics and checks those that exist."""

import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click
import orjson

from streamproc.cli.connection import connection_options, reach
from streamproc.cli.examples import examples
from streamproc.operations.topic_admin import check_topics, create_topics
from streamproc.runtime.kafka import Kafka


def _partitions(told: str, **options: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    kind = click.IntRange(1, 10_000)
    return click.option("--partitions", envvar="STREAMPROC_PARTITIONS", type=kind, help=told, **options)


@click.group(epilog=examples("streamproc topics create", "streamproc topics check"))
def topics() -> None:
    """Make the topics, or compare those that exist with what they have to be."""


@topics.command(
    epilog=examples(
        "streamproc topics create --partitions 4",
        "streamproc topics create --kafka broker-1:9092,broker-2:9092 --partitions 32 --replication 3",
    )
)
@_partitions(
    "Partitions of each customer topic: the most tasks that can work at once; else STREAMPROC_PARTITIONS.",
    default=8,
    show_default=True,
)
@click.option(
    "--replication", type=click.IntRange(1, 100), default=1, show_default=True, help="Copies; 3 where it matters."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@connection_options
def create(kafka: Kafka, *, partitions: int, replication: int, as_json: bool) -> None:
    """Make the topics that are missing; those that exist stay as they are.

    Exit status: 0; 2 when the brokers are not there, or refuse a topic.
    """
    made = reach(kafka, create_topics(kafka.bootstrap, kafka.prefix, partitions, replication, security=kafka.security))
    if as_json:
        click.echo(orjson.dumps(asdict(made)))
        return
    for name in made.created:
        click.echo(f"created   {name}")
    for name in made.existing:
        click.echo(f"existing  {name}")
    click.echo(f"{len(made.created)} created, {len(made.existing)} existing")


@topics.command(epilog=examples("streamproc topics check --partitions 4", "streamproc topics check --json"))
@_partitions("Partitions that each customer topic has to have; else STREAMPROC_PARTITIONS, else they have to agree.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@connection_options
def check(kafka: Kafka, *, partitions: int | None, as_json: bool) -> None:
    """Say each difference between the topics and what they have to be.

    Exit status: 0 when there is none, 1 when there are, 2 when the brokers cannot be asked.
    """
    differences = reach(kafka, check_topics(kafka.bootstrap, kafka.prefix, partitions, security=kafka.security))
    if as_json:
        click.echo(orjson.dumps({"differences": [asdict(difference) for difference in differences]}))
    else:
        for difference in differences:
            click.echo(str(difference))
        click.echo(f"{len(differences)} differences" if differences else "all topics are as they have to be")
    sys.exit(1 if differences else 0)
