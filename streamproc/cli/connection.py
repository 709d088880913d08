"""How commands reach the brokers: the same options and the same answers to what can go wrong."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar

import click
from aiokafka.errors import KafkaError

from streamproc.errors import LedgerUnavailable, SettingsError, StreamprocError
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.security import client_security
from streamproc.settings import Settings, load_settings

_Answer = TypeVar("_Answer")


def connection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--kafka` and `--prefix`, and call it with the `Kafka` that they and the settings mean.

    Wrong settings: all of them on standard error, exit 2.
    """

    @click.option("--kafka", "brokers", help="Brokers, host:port[,host:port...]; else STREAMPROC_KAFKA.")
    @click.option("--prefix", help="In front of every topic; else STREAMPROC_PREFIX, else streamproc.")
    @wraps(command)
    def connected(*, brokers: str | None, prefix: str | None, **rest: Any) -> None:
        try:
            settings = load_settings({"kafka": brokers, "prefix": prefix})
        except SettingsError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(2)
        command(kafka=kafka_of(settings), **rest)

    return connected


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
    """Return the brokers that the settings name."""
    return Kafka(settings.kafka, settings.prefix, client_security(settings))
