"""Codes distributions for tests, and the code task's part of the work done at once."""

from typing import Any

import orjson

from streamproc.domain.code_requests import Fulfilled
from streamproc.domain.codes import Allocation
from streamproc.domain.jobs import Message
from streamproc.processing.codes import CodeChunk
from streamproc.processing.processor import Record, Slice
from tests.support.configuration import distribution

Json = dict[str, Any]
CODES: Json = {"type": "codes", "campaign_id": "camp_1"}


def codes(**fields: Any) -> Json:
    """A code of the campaign by e-mail on every paid order."""
    return distribution(**{"id": "distr_codes", "name": "Codes", "action": CODES} | fields)


def requests_of(jobs: list[tuple[str, Message]]) -> list[Message]:
    """Return the requests among what was emitted."""
    return [message for channel, message in jobs if channel == "code-requests"]


def fulfilled(request: Message, code: str = "CODE-1", publication_id: str | None = None) -> Fulfilled:
    """Give a request this code, under its own publication unless another is named."""
    key, value, headers = request
    chunk = CodeChunk([Slice("code-requests", 0, [Record(0, 0, key, value, headers)])])
    own_id = chunk.requests[0].id
    outcomes: list[Fulfilled] = []
    chunk.output({own_id: Allocation(publication_id or own_id, code)}, 0, 0, outcomes)
    return outcomes[0]


def values(jobs: list[tuple[str, Message]]) -> list[Any]:
    """Return the jobs as JSON."""
    return [orjson.loads(value) for _, (_, value, _) in jobs]
