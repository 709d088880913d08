"""The pool of `streamproc simulate`: codes without end, made as they are asked for, the same in every run."""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import count

from streamproc.domain.code_requests import CodeRequest
from streamproc.domain.codes import Allocation, CodeForm


class EndlessPool:
    """Gives what the ledger would give if no campaign ever ran out of codes."""

    def __init__(self) -> None:
        self._given: dict[str, Allocation] = {}  # by request
        self._first: dict[tuple[str, str], Allocation] = {}  # by campaign and customer
        self._codes: dict[str, set[str]] = {}  # by campaign

    def allocate(self, request: CodeRequest) -> Allocation:
        """Return the publication of a request: its own, or the customer's first where one may join only once."""
        holder = (request.campaign_id, request.customer_id)
        if request.joins_once and holder in self._first:
            return self._first[holder]
        allocation = self._given.get(request.id)
        if allocation is None:
            allocation = self._given[request.id] = Allocation(request.id, self._new_code(request))
            self._first.setdefault(holder, allocation)
        return allocation

    def _new_code(self, request: CodeRequest) -> str:
        given = self._codes.setdefault(request.campaign_id, set())
        code = next(code for code in _codes(CodeForm.of(request.campaign), request.id) if code not in given)
        given.add(code)
        return code


def _codes(form: CodeForm, seed: str) -> Iterator[str]:
    """Yield every code of a form, from one that the seed tells; then go on with a number at the end of each."""
    start = int.from_bytes(blake2b(seed.encode()).digest(), "big")
    capacity = form.capacity
    for round_ in count():
        end = f"-{round_ + 1}" if round_ else ""
        for number in range(capacity):
            yield form.code((start + number) % capacity) + end
