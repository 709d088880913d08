"""What any ledger of codes has to do: the one in PostgreSQL and the one in memory alike."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from streamproc.codes.ledger import Ledger, Pool
from streamproc.codes.memory import MemoryLedger
from streamproc.codes.postgres import PostgresLedger
from streamproc.domain.codes import Allocation, CodeForm, Wanted

LEDGERS = ("memory", "postgres")


@pytest.fixture(params=LEDGERS)
def address(request: pytest.FixtureRequest) -> str | None:
    """Where the database is, for a ledger that needs one."""
    return request.getfixturevalue("database") if request.param == "postgres" else None


@pytest.fixture
async def ledger(address: str | None) -> AsyncIterator[Ledger]:
    if address is None:
        yield MemoryLedger()
        return
    real = PostgresLedger(address)
    yield real
    await real.close()


def publication(number: int) -> str:
    return f"pub_{number:032x}"


def wanted(number: int, /, customer: str = "", campaign: str = "camp_1", **more: Any) -> Wanted:
    return Wanted(publication(number), campaign, customer or f"cust_{number}", **more)


def form(pattern: str, charset: str = "0123456789") -> CodeForm:
    return CodeForm.of({"code": {"pattern": pattern, "charset": charset}})


def numbers(*several: int) -> list[Wanted]:
    return [wanted(number) for number in several]


def codes(found: Any) -> list[str]:
    return [allocation.code for allocation in found.values()]


async def test_codes_go_in_the_order_in_which_they_came(ledger: Ledger) -> None:
    assert list(await ledger.add("camp_1", ["b", "a", "c"])) == []
    assert await ledger.allocate(numbers(2, 1)) == {
        publication(2): Allocation(publication(2), "b"),
        publication(1): Allocation(publication(1), "a"),
    }
    await ledger.add("camp_1", ["0"])
    assert codes(await ledger.allocate(numbers(3, 4))) == ["c", "0"]


async def test_whoever_asks_again_is_given_the_same_code_and_takes_no_other(ledger: Ledger) -> None:
    await ledger.add("camp_1", ["a", "b", "c"])
    first = await ledger.allocate(numbers(1, 2))
    assert await ledger.allocate(numbers(1, 2)) == first
    assert codes(await ledger.allocate(numbers(1, 3))) == ["a", "c"]
    assert await ledger.pools() == [Pool("camp_1", free=0, given=3)]


async def test_nothing_asked_for_is_nothing_given(ledger: Ledger) -> None:
    assert await ledger.allocate([]) == {}
    assert await ledger.pools() == []


async def test_an_empty_pool_leaves_the_last_ones_without_an_answer(ledger: Ledger) -> None:
    await ledger.add("camp_1", ["a", "b"])
    assert set(await ledger.allocate(numbers(1, 2, 3, 4))) == {publication(1), publication(2)}
    assert await ledger.allocate(numbers(3, 4)) == {}
    await ledger.add("camp_1", ["c"])
    assert await ledger.allocate(numbers(3, 4)) == {publication(3): Allocation(publication(3), "c")}


async def test_each_campaign_has_its_own_pool_and_the_same_code_may_be_in_several(ledger: Ledger) -> None:
    await ledger.add("camp_1", ["x", "y"])
    await ledger.add("camp_2", ["x"])
    several = [wanted(1), wanted(2, campaign="camp_2"), wanted(3), wanted(4, campaign="camp_2")]
    assert {request: one.code for request, one in (await ledger.allocate(several)).items()} == {
        publication(1): "x",
        publication(2): "x",
        publication(3): "y",
    }
    assert await ledger.pools() == [Pool("camp_1", 0, 2), Pool("camp_2", 0, 1)]


async def test_codes_that_are_there_already_or_stand_twice_are_told_by_their_places(ledger: Ledger) -> None:
    assert list(await ledger.add("camp_1", ["a", "b", "a", "c", "c"])) == [2, 4]
    await ledger.allocate(numbers(1))
    assert list(await ledger.add("camp_1", ["d", "c", "a"])) == [1, 2]
    assert await ledger.pools() == [Pool("camp_1", free=3, given=1)]


async def test_whoever_may_join_once_is_given_the_first_code_again_also_in_one_go(ledger: Ledger) -> None:
    await ledger.add("camp_1", ["a", "b", "c"])
    several = [wanted(1, "ann", joins_once=True), wanted(2, "bob", joins_once=True), wanted(3, "ann", joins_once=True)]
    found = await ledger.allocate(several)
    assert found[publication(3)] == found[publication(1)] == Allocation(publication(1), "a")
    assert found[publication(2)].code == "b"
    assert await ledger.allocate([wanted(4, "ann", joins_once=True)]) == {publication(4): found[publication(1)]}
    assert await ledger.allocate(several) == found
    assert await ledger.pools() == [Pool("camp_1", free=1, given=2)]


async def test_joining_once_is_asked_in_each_campaign_and_counts_what_was_given_before_it_was(ledger: Ledger) -> None:
    for campaign in ("camp_1", "camp_2"):
        await ledger.add(campaign, ["a", "b", "c"])
    await ledger.allocate([wanted(2, "ann")])
    await ledger.allocate([wanted(1, "ann")])
    assert await ledger.allocate([wanted(3, "ann", joins_once=True)]) == {
        publication(3): Allocation(publication(2), "a")
    }
    assert await ledger.allocate([wanted(1, "ann", joins_once=True)]) == {
        publication(1): Allocation(publication(1), "b")
    }
    other = await ledger.allocate([wanted(4, "ann", "camp_2", joins_once=True)])
    assert other == {publication(4): Allocation(publication(4), "a")}


async def test_of_those_who_join_once_and_find_nothing_none_has_an_answer(ledger: Ledger) -> None:
    once = [wanted(number, "ann", joins_once=True) for number in (1, 2)]
    assert await ledger.allocate(once) == {}
    await ledger.add("camp_1", ["a"])
    assert codes(await ledger.allocate(once)) == ["a", "a"]


async def test_codes_are_made_where_a_campaign_makes_its_own_and_its_pool_is_empty(ledger: Ledger) -> None:
    await ledger.add("camp_1", ["imported"])
    made = form("A-####")
    found = codes(await ledger.allocate([wanted(number, made=made) for number in range(500)]))
    assert found[0] == "imported"
    assert len(set(found)) == 500
    assert all(len(code) == 6 and code.startswith("A-") and code[2:].isdigit() for code in found[1:])
    assert await ledger.pools() == [Pool("camp_1", free=0, given=500)]


async def test_every_code_that_a_pattern_has_is_found_and_then_there_are_no_more(ledger: Ledger) -> None:
    made = form("##")
    several = [wanted(number, made=made) for number in range(103)]
    found = await ledger.allocate(several[:60])
    found = {**found, **await ledger.allocate(several)}
    assert sorted(codes(found)) == [f"{number:02}" for number in range(100)]
    assert len({one.id for one in several} - found.keys()) == 3
    await ledger.add("camp_1", ["more"])
    assert codes(await ledger.allocate(several[100:] + several[:1]))


async def test_a_code_that_was_imported_is_not_made_again(ledger: Ledger) -> None:
    await ledger.add("camp_1", ["0", "1"])
    await ledger.allocate(numbers(1, 2))
    made = form("#", "012")
    assert codes(await ledger.allocate([wanted(3, made=made), wanted(4, made=made)])) == ["2"]


async def test_a_code_that_is_given_back_goes_to_somebody_else(ledger: Ledger) -> None:
    await ledger.add("camp_1", ["a", "b"])
    await ledger.allocate(numbers(1, 2))
    await ledger.give_back({publication(1): 0, publication(9): 0})
    assert await ledger.pools() == [Pool("camp_1", free=1, given=1)]
    assert codes(await ledger.allocate(numbers(3))) == ["a"]
    await ledger.give_back({publication(1): 0})
    assert await ledger.allocate(numbers(3)) == {publication(3): Allocation(publication(3), "a")}


async def test_a_made_code_that_is_given_back_is_free_and_a_first_one_is_no_longer_the_customer_s(
    ledger: Ledger,
) -> None:
    once: dict[str, Any] = {"joins_once": True, "made": form("#")}
    (first,) = (await ledger.allocate([wanted(1, "ann", **once)])).values()
    await ledger.give_back({publication(1): 0})
    assert await ledger.pools() == [Pool("camp_1", free=1, given=0)]
    assert await ledger.allocate([wanted(2, "ann", **once)]) == {publication(2): Allocation(publication(2), first.code)}


@pytest.mark.parametrize("was_given", [True, False])
async def test_a_late_attempt_for_a_request_that_was_given_up_takes_no_code(ledger: Ledger, was_given: bool) -> None:
    """Of a worker that was stopped before it asked, and whose successor has settled everything meanwhile."""
    await ledger.add("camp_1", ["a", "b"])
    late = wanted(1, number=7)
    if was_given:
        await ledger.allocate([late])
    await ledger.give_back({late.id: 7})
    assert (await ledger.allocate([late, wanted(2, number=8)])).keys() == {publication(2)}
    assert await ledger.allocate([wanted(1, number=6, made=form("###"))]) == {}
    assert await ledger.pools() == [Pool("camp_1", free=1, given=1)]


async def test_the_control_an_attempt_that_is_not_the_one_given_up_is_given_a_code(ledger: Ledger) -> None:
    """A dead letter that is replayed stands behind its first attempt. Without the number it could not be told."""
    await ledger.add("camp_1", ["a", "b"])
    await ledger.give_back({publication(1): 7})
    again = await ledger.allocate([wanted(1, number=8)])
    assert again == {publication(1): Allocation(publication(1), "a", 8)}
    # By now the late attempt finds what the request was given after all.
    assert await ledger.allocate([wanted(1, number=7)]) == again
    await ledger.give_back({publication(1): 8})
    await ledger.give_back({publication(1): 7})
    assert await ledger.allocate([wanted(1, number=8)]) == {}
    assert await ledger.pools() == [Pool("camp_1", free=2, given=0)]


@pytest.mark.parametrize("made", [None, form("###")])
async def test_what_is_given_up_puts_back_only_what_it_was_given_itself(ledger: Ledger, made: CodeForm | None) -> None:
    """Another request for the same publication has sent the code before, or will send it."""
    if made is None:
        await ledger.add("camp_1", ["a"])
    sent = await ledger.allocate([wanted(1, number=7, made=made)])
    assert await ledger.allocate([wanted(1, number=9, made=made)]) == sent
    for other in (9, 6):
        await ledger.give_back({publication(1): other})
        assert await ledger.pools() == [Pool("camp_1", free=0, given=1)]
    await ledger.give_back({publication(1): 7})
    assert await ledger.pools() == [Pool("camp_1", free=1, given=0)]


async def test_who_asks_twice_in_one_go_gets_one_code_and_does_not_mix_up_who_was_given_up(ledger: Ledger) -> None:
    await ledger.add("camp_1", ["a", "b"])
    await ledger.give_back({publication(2): 5, publication(3): 5})
    asked = [wanted(1, number=1), wanted(1, number=9), wanted(2, number=2), wanted(3, number=6)]
    assert {one: given.code for one, given in (await ledger.allocate(asked)).items()} == {
        publication(1): "a",
        publication(3): "b",
    }


async def test_it_is_told_to_which_request_a_code_was_given(ledger: Ledger) -> None:
    await ledger.add("camp_1", ["a", "b"])
    once = [wanted(number, "ann", joins_once=True, number=number) for number in (1, 2)]
    first = Allocation(publication(1), "a", 1)
    assert await ledger.allocate(once) == {publication(1): first, publication(2): first}
    assert await ledger.allocate([wanted(3, "ann", joins_once=True, number=3)]) == {publication(3): first}
    assert await ledger.allocate([wanted(1, number=9)]) == {publication(1): first}


async def test_who_may_join_once_and_was_given_up_keeps_nothing_from_the_next_one(ledger: Ledger) -> None:
    await ledger.add("camp_1", ["a", "b"])
    once = [wanted(number, "ann", joins_once=True) for number in (1, 2)]
    await ledger.give_back({publication(1): 0})
    assert await ledger.allocate(once) == {publication(2): Allocation(publication(2), "a")}


async def test_free_codes_are_counted_up_to_a_limit(ledger: Ledger) -> None:
    await ledger.add("camp_1", [str(number) for number in range(20)])
    await ledger.allocate(numbers(1, 2))
    assert await ledger.free(["camp_1", "camp_none"], 100) == {"camp_1": 18, "camp_none": 0}
    assert await ledger.free(["camp_1"], 5) == {"camp_1": 5}


async def test_ids_and_codes_may_be_anything(ledger: Ledger) -> None:
    odd = ["ü € 🎁", " ", "%s", "'", "x" * 128]
    await ledger.add("camp\u2028 'ü'", odd)
    several = [
        Wanted(publication(number), "camp\u2028 'ü'", customer)
        for number, customer in enumerate(["\x00", "\x1f" * 5000, "ü", "", "'"])
    ]
    assert codes(await ledger.allocate(several)) == odd


async def test_many_at_once_are_given_codes_of_their_own(ledger: Ledger) -> None:
    await ledger.add("camp_1", [str(number) for number in range(900)])

    async def take(first: int) -> list[str]:
        return codes(await ledger.allocate([wanted(number) for number in range(first, first + 200)]))

    taken = await asyncio.gather(*(take(1000 * worker) for worker in range(4)))
    given = [code for several in taken for code in several]
    assert len(given) == len(set(given)) == 800
    assert await ledger.pools() == [Pool("camp_1", free=100, given=800)]
