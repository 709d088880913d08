"""The pool of `simulate`."""

from typing import Any

import pytest

from streamproc.codes.endless import EndlessPool
from streamproc.domain.code_requests import CodeRequest


def request(number: int, customer: str = "ann", **campaign: Any) -> CodeRequest:
    own_id = f"pub_{number:032x}"
    publication = {"customer": {"id": customer}, "campaign": {"id": "camp_1"} | campaign}
    return CodeRequest(own_id, "evt", [], publication)


def test_every_request_gets_a_code_of_its_own_also_when_the_pattern_has_no_more() -> None:
    pool = EndlessPool()
    few: Any = {"code": {"pattern": "A#", "charset": "xy"}}
    codes = [pool.allocate(request(number, **few)).code for number in range(5)]
    assert sorted(codes) == ["Ax", "Ax-2", "Ax-3", "Ay", "Ay-2"] or sorted(codes) == [
        "Ax", "Ax-2", "Ay", "Ay-2", "Ay-3",
    ]  # fmt: skip


def test_the_same_requests_get_the_same_codes_in_every_run_and_again() -> None:
    pools = [EndlessPool(), EndlessPool()]
    first, second = ([pool.allocate(request(number)) for number in range(20)] for pool in pools)
    assert first == second == [pools[0].allocate(request(number)) for number in range(20)]
    assert len({allocation.code for allocation in first}) == 20


@pytest.mark.parametrize(("join_once", "same"), [(True, True), (False, False), (None, False)])
def test_whoever_may_join_once_gets_the_first_publication_again(join_once: bool | None, same: bool) -> None:
    pool = EndlessPool()
    first, again = (pool.allocate(request(number, join_once=join_once)) for number in (1, 2))
    assert (first == again) is same
    assert pool.allocate(request(3, "bob", join_once=join_once)).publication_id == f"pub_{3:032x}"
    other = pool.allocate(request(4, id="camp_2", join_once=join_once))
    assert other.publication_id == f"pub_{4:032x}"
