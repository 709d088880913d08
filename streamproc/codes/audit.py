"""Reconciles the books of the database with what was published and sent.

Workers may go on meanwhile, so the order matters: first what the database has given; then which requests are not
done; then publications; then deliveries. Whatever comes later was in the database before.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from streamproc.codes.books import Books, Given, PoolBooks
from streamproc.codes.keys import customer_key

FindingKind = Literal[
    "codes_missing",
    "not_in_ledger",
    "code_of_another",
    "wrong_code",
    "wrong_customer",
    "never_published",
    "never_sent",
    "sent_twice",
]

#: What each kind means, and what to do.
ADVICE: Mapping[FindingKind, str] = {
    "codes_missing": "codes that were imported or made are not in the database any more: bring them back from a backup",
    "not_in_ledger": "published, but free in the database or not in it, so it would be given again: "
    "the database was set back; see the runbook before any worker goes on",
    "code_of_another": "two publications have one code, the database knows the other one: give this customer a new one",
    "wrong_code": "the database has another code under this publication: what the customer has is the published one",
    "wrong_customer": "the database has given this code to another customer: look who has it",
    "never_published": "given, but neither published nor asked for any more: burnt; see the runbook to give it back",
    "never_sent": "published, but no delivery job carries it: send it by hand",
    "sent_twice": "one job id stands in the deliveries more than once: tell the senders to go by the job id",
}
SHOWN = 1_000  # findings of each kind that are named


@dataclass(frozen=True, slots=True)
class Claim:
    """What a publication, or a delivery job, says about one code. `job_id` is None for a publication."""

    publication_id: str
    campaign_id: str
    code: str
    customer_id: str
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not add up. `codes` is how many it is about, `customer` the digest of whose it is."""

    kind: FindingKind
    campaign_id: str
    publication_id: str | None = None
    code: str | None = None
    customer: str | None = None
    codes: int = 1


@dataclass(slots=True)
class Audited:
    """What an audit has come to."""

    pools: Sequence[PoolBooks]
    published: int = 0
    jobs: int = 0
    under_way: int = 0
    #: Of each kind the first ones; `counts` has how many there are, by kind and campaign.
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[tuple[FindingKind, str]] = field(default_factory=Counter)

    @property
    def adds_up(self) -> bool:
        """Tell whether nothing was found."""
        return not self.counts

    def of_kind(self, kind: FindingKind) -> int:
        """Return how many codes there are of which this was found."""
        return sum(number for (one, _), number in self.counts.items() if one == kind)


class Audit:
    """Takes everything in the order above; `since` is the time from which on the topics are whole."""

    def __init__(self, books: Books, since: datetime) -> None:
        self._books = books
        self._since = since
        self._given: set[str] = set()  # and not seen in the topic yet
        self._published: set[str] = set()
        self._unsent: dict[str, str] = {}  # publications and their campaigns
        self._jobs: set[str] = set()
        self._found: set[tuple[FindingKind, str]] = set()
        self._audited = Audited(())

    async def begin(self) -> None:
        """Read what the database has given."""
        self._audited.pools = await self._books.pools()
        for pool in self._audited.pools:
            if pool.missing:
                self._find(Finding("codes_missing", pool.campaign_id, codes=pool.missing))
        async for several in self._books.given_since(self._since):
            self._given.update(several)

    def under_way(self, requests: Iterable[str]) -> None:
        """Take requests that are not done: what was given to them is neither burnt nor the customer's yet."""
        for request in requests:
            if request in self._given:
                self._given.remove(request)
                self._audited.under_way += 1

    async def take(self, claims: Sequence[Claim], *, is_whole: bool) -> None:
        """Take publications, or delivery jobs. `is_whole`: written since the topics are whole."""
        for claim in claims:
            if claim.job_id is None:
                self._audited.published += 1
                self._given.discard(claim.publication_id)
                if is_whole and claim.publication_id not in self._published:
                    self._unsent[claim.publication_id] = claim.campaign_id
                self._published.add(claim.publication_id)
                continue
            self._audited.jobs += 1
            self._unsent.pop(claim.publication_id, None)
            if claim.job_id in self._jobs:
                self._find(_about("sent_twice", claim), claim.job_id)
            self._jobs.add(claim.job_id)
        await self._compare(claims)

    async def end(self) -> Audited:
        """Say what has come to nothing."""
        # What was given back meanwhile is not given any more.
        burnt = await self._books.given(list(self._given)) if self._given else {}
        for publication, given in burnt.items():
            self._find(Finding("never_published", given.campaign_id, publication, given.code, given.customer))
        for publication, campaign in self._unsent.items():
            self._find(Finding("never_sent", campaign, publication))
        return self._audited

    async def _compare(self, claims: Sequence[Claim]) -> None:
        """Compare claims with what the database has under their publications."""
        given = await self._books.given(list({claim.publication_id for claim in claims}))
        unknown: list[Claim] = []
        for claim in claims:
            own = given.get(claim.publication_id)
            if own is None:
                unknown.append(claim)
            elif kind := _difference(claim, own):
                self._find(_about(kind, claim))
        if unknown:
            holders = await self._books.holders([(claim.campaign_id, claim.code) for claim in unknown])
            for claim in unknown:
                is_taken = holders.get((claim.campaign_id, claim.code)) is not None
                kind = "code_of_another" if is_taken else "not_in_ledger"
                self._find(_about(kind, claim))

    def _find(self, finding: Finding, own: str | None = None) -> None:
        """Note a finding; what a publication and its jobs all say is found once."""
        key = (finding.kind, own or finding.publication_id or finding.campaign_id)
        if key in self._found:
            return
        self._found.add(key)
        if self._audited.of_kind(finding.kind) < SHOWN:
            self._audited.findings.append(finding)
        self._audited.counts[finding.kind, finding.campaign_id] += finding.codes


def _about(kind: FindingKind, claim: Claim) -> Finding:
    customer = customer_key(claim.customer_id).hex
    return Finding(kind, claim.campaign_id, claim.publication_id, claim.code, customer)


def _difference(claim: Claim, given: Given) -> FindingKind | None:
    if (claim.campaign_id, claim.code) != (given.campaign_id, given.code):
        return "wrong_code"
    return None if customer_key(claim.customer_id).hex == given.customer else "wrong_customer"
