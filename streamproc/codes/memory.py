"""The ledger in memory, for tests, and for `streamproc simulate` with pools that have no end."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import count

from streamproc.codes.ledger import Pool
from streamproc.codes.making import new_code
from streamproc.domain.codes import Allocation, CodeForm, Wanted

Make = Callable[[Wanted, Container[str]], str | None]


def make_new(wanted: Wanted, codes: Container[str]) -> str | None:
    """Make a code as the real ledger does: only for campaigns that make theirs, and none that can be guessed."""
    return None if wanted.made is None else new_code(wanted.made, codes)


def make_without_end(wanted: Wanted, codes: Container[str]) -> str | None:
    """Make a code that the request alone decides, and never none: when a pattern has no more, numbers are added."""
    form = wanted.made or CodeForm.of({})
    return next(code for code in _codes(form, wanted.id) if code not in codes)


class MemoryLedger:
    """Pools and publications in dictionaries; fits `ledger.Ledger`."""

    def __init__(self, make: Make = make_new) -> None:
        self._make = make
        self._codes: dict[str, set[str]] = {}  # by campaign: all there ever were
        self._free: dict[str, dict[str, None]] = {}  # by campaign: in their order
        self._given: dict[str, tuple[Wanted, str]] = {}  # by publication
        self._held: dict[tuple[str, str], dict[str, None]] = {}  # by campaign and customer: publications
        self._given_up: dict[str, int] = {}  # by publication: the number of its request

    async def allocate(self, wanted: Sequence[Wanted]) -> Mapping[str, Allocation]:
        """See `Ledger`."""
        return self.allocate_now(wanted)

    def allocate_now(self, wanted: Sequence[Wanted]) -> Mapping[str, Allocation]:
        """Do the same for those who cannot wait."""
        found = {one.id: self._allocate(one) for one in wanted}
        return {request: allocation for request, allocation in found.items() if allocation is not None}

    async def give_back(self, requests: Mapping[str, int]) -> None:
        """See `Ledger`."""
        for publication, number in requests.items():
            self._given_up[publication] = max(number, self._given_up.get(publication, number))
            if publication in self._given and self._given[publication][0].number == number:
                wanted, code = self._given.pop(publication)
                del self._held[wanted.campaign_id, wanted.customer_id][publication]
                self._free[wanted.campaign_id][code] = None

    async def add(self, campaign_id: str, codes: Sequence[str]) -> Sequence[int]:
        """See `Ledger`."""
        known, free = self._pool(campaign_id)
        repeated = []
        for place, code in enumerate(codes):
            if code in known:
                repeated.append(place)
            else:
                known.add(code)
                free[code] = None
        return repeated

    async def pools(self) -> Sequence[Pool]:
        """See `Ledger`."""
        free = {campaign: len(codes) for campaign, codes in self._free.items()}
        return [
            Pool(campaign, free[campaign], len(self._codes[campaign]) - free[campaign]) for campaign in sorted(free)
        ]

    async def free(self, campaigns: Sequence[str], limit: int) -> Mapping[str, int]:
        """See `Ledger`."""
        return {campaign: min(len(self._free.get(campaign, ())), limit) for campaign in campaigns}

    async def close(self) -> None:
        """See `Ledger`."""

    def _pool(self, campaign_id: str) -> tuple[set[str], dict[str, None]]:
        return self._codes.setdefault(campaign_id, set()), self._free.setdefault(campaign_id, {})

    def _allocate(self, wanted: Wanted) -> Allocation | None:
        known, free = self._pool(wanted.campaign_id)
        held = self._held.setdefault((wanted.campaign_id, wanted.customer_id), {})
        if wanted.id in self._given:
            return self._found(wanted.id)
        if wanted.number <= self._given_up.get(wanted.id, -1):
            return None
        if wanted.joins_once and held:
            return self._found(next(iter(held)))
        code = next(iter(free), None) or self._make(wanted, known)
        if code is None:
            return None
        free.pop(code, None)
        known.add(code)
        self._given[wanted.id] = (wanted, code)
        held[wanted.id] = None
        return self._found(wanted.id)

    def _found(self, publication_id: str) -> Allocation:
        wanted, code = self._given[publication_id]
        return Allocation(publication_id, code, wanted.number)


def _codes(form: CodeForm, seed: str) -> Iterator[str]:
    """Yield every code of a form, from one that the seed tells; then go on with a number at the end of each."""
    start = int.from_bytes(blake2b(seed.encode()).digest(), "big")
    for number in count():
        round_, place = divmod(number, form.capacity)
        yield form.code((start + place) % form.capacity) + (f"-{round_ + 1}" if round_ else "")
