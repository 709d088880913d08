"""What is done again until the brokers answer: everything that comes before a task's first transaction."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from streamproc.errors import FatalError

log = structlog.get_logger(__name__)

BACKOFF_SECONDS = 0.1
BACKOFF_LIMIT_SECONDS = 5.0

# What to grant when the brokers refuse. Waiting would not help, so a refusal is final.
GRANTS: dict[type[KafkaError], str] = {
    TopicAuthorizationFailedError: "READ, WRITE and DESCRIBE on the topics with the worker's prefix",
    GroupAuthorizationFailedError: "READ on the consumer group that is named as the application id",
    TransactionalIdAuthorizationFailed: "WRITE and DESCRIBE on transactional ids that begin with the application id",
    ClusterAuthorizationFailedError: "DESCRIBE and IDEMPOTENT_WRITE on the cluster",
}

Answer = TypeVar("Answer")


async def patiently(what: str, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
    """Attempt until no `KafkaError` comes of it, waiting longer from time to time; each attempt starts from nothing.

    Raises `FatalError` when the brokers refuse it, with what to grant. `what` is for the log.
    """
    clock = asyncio.get_running_loop().time
    backoff = BACKOFF_SECONDS
    while True:
        began = clock()
        try:
            return await attempt()
        except tuple(GRANTS) as error:
            raise FatalError(f"{what}: the brokers refuse it ({error!r}); grant {_grant(error)}") from error
        except KafkaError as error:
            log.warning("brokers_do_not_answer", what=what, error=repr(error))
        if clock() - began > BACKOFF_LIMIT_SECONDS:
            backoff = BACKOFF_SECONDS  # it went well for a while
        await asyncio.sleep(backoff)
        backoff = min(2 * backoff, BACKOFF_LIMIT_SECONDS)


def _grant(error: KafkaError) -> str:
    return next(grant for refusal, grant in GRANTS.items() if isinstance(error, refusal))
