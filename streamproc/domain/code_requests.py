"""Requests for codes: what the customer task asks of the code task, and what becomes of a request that got its code.

A request carries its jobs and its publication whole, finished but for two holes: the code, and the id of the
publication that the code belongs to. The holes are texts made of the request's own id, so nothing that came with an
event is mistaken for one. Whatever can fail has failed before the request is written.
"""

import re
from dataclasses import dataclass
from typing import Any

import orjson

from streamproc.domain.codes import CODE_LENGTH, Allocation, CodeForm, Wanted
from streamproc.domain.configuration import InForce
from streamproc.domain.jobs import NOTHING_ATTACHED, Attached, JobTooLarge, Occurrence, compile_channels
from streamproc.domain.messages import SEPARATOR, Message
from streamproc.topics import OUTPUT_LIMIT, Topic

Json = dict[str, Any]

_MOST_BYTES = 4  # of a character in UTF-8
_CODE_HOLE = ".code"
_ID_HOLE = ".id"
_ID = re.compile(r"pub_[0-9a-f]{32}", re.ASCII)
_NAMED = ("campaign", "customer", "distribution")


class CodeRequests:
    """One version of a distribution that gives codes of a campaign."""

    __slots__ = ("_campaign", "_channels", "_distribution", "_id_rest", "_record")

    def __init__(self, distribution: InForce, campaign: Json) -> None:
        named = {"id": distribution.id, "name": distribution.record["name"], "version": distribution.version}
        self._channels = compile_channels(distribution, NOTHING_ATTACHED)
        self._campaign = campaign
        self._id_rest = f"{distribution.id}{SEPARATOR}{campaign['id']}".encode()
        self._record = orjson.dumps(campaign)
        self._distribution = orjson.dumps(named)

    def emit(
        self, occurrence: Occurrence, jobs: list[tuple[str, Message]], decisions: list[tuple[str, Message]]
    ) -> None:
        """Append one request for all channels that can go, and decisions for the others."""
        own_id = occurrence.publication_id(self._id_rest)
        attached = self._attach(own_id)
        prepared: list[tuple[str, Message]] = []
        for channel in self._channels:
            channel.emit(occurrence, attached, prepared, decisions)
        if prepared:
            jobs.append((Topic.CODE_REQUESTS, self._request(own_id, occurrence, attached, prepared)))

    def _attach(self, own_id: bytes) -> Attached:
        name = own_id.decode()
        objects = {
            "campaign": self._campaign,
            "voucher": {"code": name + _CODE_HOLE},
            "publication": {"id": name + _ID_HOLE},
        }
        voucher = b'"campaign":%b,"voucher":{"code":"%b.code"}' % (self._record, own_id)
        publication = b'"publication":{"id":"%b.id"}' % own_id
        head = b'"action":{"type":"codes",%b},%b,' % (voucher, publication)
        return Attached(objects, b"{%b,%b}" % (voucher, publication), head)

    def _request(
        self, own_id: bytes, occurrence: Occurrence, attached: Attached, prepared: list[tuple[str, Message]]
    ) -> Message:
        cause = occurrence.cause
        value = (
            b'{"id":"%b","cause_id":%b,"jobs":[%b],"publication":{"distribution":%b,"customer":%b,%b,"cause":%b,'
            b'"created_at":%b}}'
        ) % (
            own_id,
            orjson.dumps(cause.id),
            b",".join([value for _, (_, value, _) in prepared]),
            self._distribution,
            orjson.dumps({**occurrence.own_payload["customer"], "id": occurrence.facts.event.customer_id}),
            attached.json[1:-1],
            cause.body,
            orjson.dumps(cause.created_at),
        )
        holes = value.count(own_id + _CODE_HOLE.encode())
        most = len(value) + holes * CODE_LENGTH * _MOST_BYTES
        if most > OUTPUT_LIMIT:
            told = f"the code request of distribution {self._id_rest.decode().partition(SEPARATOR)[0]}"
            raise JobTooLarge(f"{told} would have {most} bytes with its code; at most {OUTPUT_LIMIT} are written")
        return occurrence.key, value, [("request-id", own_id), occurrence.cause_header]


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """A request as the code task reads it back. `jobs` and `publication` still have their holes."""

    id: str
    cause_id: str
    jobs: list[Json]
    publication: Json

    @classmethod
    def read(cls, value: bytes) -> "CodeRequest":
        """Read a request back. Raises some exception when nobody here has written it: it may not get to the ledger."""
        record = orjson.loads(value)
        request = cls(record["id"], record["cause_id"], record["jobs"], record["publication"])
        if not _ID.fullmatch(request.id):
            raise ValueError("the id of a code request has another form")
        if not all(isinstance(one["id"], str) for one in map(request.publication.__getitem__, _NAMED)):
            raise TypeError("a code request names something by an id that is no text")
        return request

    @property
    def campaign(self) -> Json:
        """The campaign of which a code is asked, as it was when the request was made."""
        campaign: Json = self.publication["campaign"]
        return campaign

    @property
    def customer_id(self) -> str:
        """Who gets the code."""
        customer_id: str = self.publication["customer"]["id"]
        return customer_id

    @property
    def distribution_id(self) -> str:
        """Which distribution asks."""
        distribution_id: str = self.publication["distribution"]["id"]
        return distribution_id

    def wanted(self, number: int = 0, campaign: Json | None = None) -> Wanted:
        """Return what is asked of the ledger; of the campaign as it is by now, where that is given."""
        campaign = campaign or self.campaign
        made = CodeForm.of(campaign) if campaign["type"] == "auto_update" else None
        return Wanted(self.id, campaign["id"], self.customer_id, campaign.get("join_once") is True, made, number)


@dataclass(frozen=True, slots=True)
class Fulfilled:
    """What a request with its code becomes: jobs, as (channel, message), and the record of a new publication."""

    jobs: list[tuple[str, Message]]
    publication: Message | None


def fulfil(request: CodeRequest, allocation: Allocation) -> Fulfilled:
    """Fill the holes. An earlier publication is used again: it is not published once more."""
    code, publication_id = allocation.code.encode(), allocation.publication_id.encode()
    code_hole, id_hole = (request.id + _CODE_HOLE).encode(), (request.id + _ID_HOLE).encode()
    key, cause_header = request.customer_id.encode(), ("cause-id", request.cause_id.encode())

    def filled(record: Json) -> bytes:
        return orjson.dumps(record).replace(code_hole, code).replace(id_hole, publication_id)

    jobs: list[tuple[str, Message]] = []
    for job in request.jobs:
        distribution = job["distribution"]
        headers = [
            ("job-id", job["id"].encode()),
            ("distribution-id", distribution["id"].encode()),
            ("distribution-version", b"%d" % distribution["version"]),
            cause_header,
        ]
        jobs.append((job["channel"], (key, filled(job), headers)))
    if allocation.publication_id != request.id:
        return Fulfilled(jobs, None)
    return Fulfilled(jobs, (key, filled(request.publication), [("publication-id", publication_id), cause_header]))
