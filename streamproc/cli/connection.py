"""How commands reach the brokers: the same options and the same answers to what can go wrong."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from typing import Any, TypeVar

import click
from aiokafka.errors import KafkaError

from streamproc.errors import LedgerUnavailable, SettingsError, StreamprocError
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.security import client_security
from streamproc.settings import Settings, load_settings

_Answer = TypeVar("_Answer")

kafka_option = click.option("--kafka", "brokers", help="Brokers, host:port[,host:port...]; else STREAMPROC_KAFKA.")
prefix_option = click.option("--prefix", help="In front of every topic; else STREAMPROC_PREFIX, else streamproc.")


def connection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--kafka` and `--prefix`, and call it with the `Kafka` that they and the settings mean."""

    @kafka_option
    @prefix_option
    @wraps(command)
    def connected(*, brokers: str | None, prefix: str | None, **rest: Any) -> None:
        _, kafka = settings_and_kafka({"kafka": brokers, "prefix": prefix})
        command(kafka=kafka, **rest)

    return connected


def settings_and_kafka(given: Mapping[str, Any], hint: str = "") -> tuple[Settings, Kafka]:
    """Return the settings that flags and variables make, and the brokers that they name.

    With wrong ones say each, followed by `hint`, and exit 2.
    """
    try:
        settings = load_settings(given)
        return settings, kafka_of(settings)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"Error: {problem}{hint}", err=True)
        sys.exit(2)


def reach(kafka: Kafka, work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """Do what needs the brokers; when they or the topics are not there, say so and exit 2."""
    silence_client()
    try:
        return asyncio.run(work)
    except LedgerUnavailable as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except (KafkaError, StreamprocError) as error:
        click.echo(f"Error: brokers at {kafka.bootstrap}: {error}", err=True)
        sys.exit(2)


def silence_client() -> None:
    """Keep the client's log lines out of what a command prints: what matters comes as an error."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def kafka_of(settings: Settings) -> Kafka:
    """Return the brokers that the settings name. Raises `SettingsError` when the certificates cannot be read."""
    return Kafka(settings.kafka, settings.prefix, client_security(settings))
