"""The desk: who wants codes waits for the database, and is answered when it is back."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from streamproc.codes import desk, levels
from streamproc.codes.desk import Desk, NoLedger
from streamproc.codes.levels import LevelReader, codes_free
from streamproc.codes.memory import MemoryLedger
from streamproc.domain.codes import Allocation, Wanted
from streamproc.domain.configuration import Configuration
from streamproc.errors import LedgerUnavailable
from streamproc.processing.codes import Asked
from tests.support.configuration import campaign, put

ONE = Wanted("pub_" + "0" * 32, "camp_1", "ann")


class Heard:
    """A listener, and somebody who asks at the desk, that remember."""

    def __init__(self) -> None:
        self.answers: list[bool] = []
        self.seconds: list[float] = []
        self.free: list[Mapping[str, int]] = []
        self.given: list[Mapping[str, Allocation]] = []

    def ledger_answers(self, *, answers: bool) -> None:
        self.answers.append(answers)

    def allocated(self, seconds: float) -> None:
        self.seconds.append(seconds)

    def codes_free(self, free: Mapping[str, int]) -> None:
        self.free.append(free)

    def answer(self, allocations: Mapping[str, Allocation]) -> None:
        self.given.append(allocations)


class Failing(MemoryLedger):
    """Does not answer the first few times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._times = times

    async def allocate(self, wanted: Sequence[Wanted]) -> Mapping[str, Allocation]:
        self._times -= 1
        if self._times >= 0:
            raise LedgerUnavailable("away")
        return await super().allocate(wanted)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "_BACKOFF_SECONDS", 0)
    monkeypatch.setattr(desk, "_BACKOFF_LIMIT_SECONDS", 0)


async def test_it_asks_until_it_is_answered_and_tells_whether_it_is() -> None:
    heard, ledger = Heard(), Failing(3)
    await ledger.add("camp_1", ["a"])
    await Desk(ledger, heard).serve(heard, Asked([ONE]))
    assert heard.given == [{ONE.id: Allocation(ONE.id, "a")}]
    assert heard.answers == [False, False, False, True]
    (seconds,) = heard.seconds
    assert seconds >= 0


async def test_codes_go_back_before_others_are_given() -> None:
    heard, ledger = Heard(), MemoryLedger()
    await ledger.add("camp_1", ["a"])
    await ledger.allocate([ONE])
    other = Wanted("pub_" + "1" * 32, "camp_1", "bob")
    await Desk(ledger, heard).serve(heard, Asked([other], {ONE.id: 0}))
    assert heard.given == [{other.id: Allocation(other.id, "a")}]


async def test_who_asks_for_nothing_does_not_wait_for_anything() -> None:
    heard = Heard()
    await Desk(NoLedger(), heard).serve(heard, Asked())
    assert (heard.given, heard.answers) == ([{}], [])


async def test_without_a_ledger_one_waits_until_it_is_too_long() -> None:
    heard = Heard()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await Desk(NoLedger(), heard).serve(heard, Asked([ONE]))
    assert heard.given == []
    assert set(heard.answers) == {False}


async def test_codes_left_are_told_of_the_campaigns_in_force_by_one_worker() -> None:
    heard, ledger, configuration = Heard(), MemoryLedger(), Configuration()
    put(configuration, "campaigns", campaign())
    put(configuration, "campaigns", campaign(id="camp_made", name="Made", type="auto_update"))
    await ledger.add("camp_1", ["a", "b"])
    await ledger.add("camp_old", ["c"])
    mine = True
    reader = LevelReader(ledger, configuration, lambda: mine, heard)
    assert await reader.count() == 1
    mine = False
    assert await reader.count() == 0
    assert heard.free == [{"camp_1": 2}, {}]
    await LevelReader(NoLedger(), configuration, lambda: True, heard).count()
    assert len(heard.free) == 2


async def test_codes_are_counted_for_a_release_unless_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "_PATIENCE_SECONDS", 0.01)
    ledger = MemoryLedger()
    await ledger.add("camp_1", ["a", "b", "c"])
    assert await codes_free(ledger, {"camp_1": 2, "camp_2": 1}) == {"camp_1": 2, "camp_2": 0}
    assert await codes_free(NoLedger(), {"camp_1": 2}) == {}
    assert await codes_free(NoLedger(), {}) == {}

    class Silent(MemoryLedger):
        async def free(self, campaigns: Sequence[str], limit: int) -> Mapping[str, int]:
            await asyncio.Event().wait()
            return await super().free(campaigns, limit)

    assert await codes_free(Silent(), {"camp_1": 2}) == {}
