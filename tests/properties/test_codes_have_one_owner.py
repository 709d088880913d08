"""Whatever is asked for, lost, fenced, given up, made again or changed in whatever order: a code that went out belongs
to one customer and never returns, and in the end every code that was given has gone out.
"""

import asyncio
from copy import deepcopy

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from streamproc.codes.memory import MemoryLedger
from streamproc.domain.configuration import InForce
from streamproc.processing.codes import AGAIN_MILLISECONDS, Asked, CodeProcessor
from streamproc.processing.processor import Output, OutputRecord, Record, Slice
from streamproc.runtime.store import StateStore
from tests.support.codes import NOW, codes
from tests.support.configuration import campaign
from tests.unit.processing.test_customers import PARTITION, Task, event

CUSTOMERS = ("ann", "bob")
DISTRIBUTIONS = ("distr_1", "distr_2")
CAMPAIGNS = ("camp_1", "camp_2")
STATUSES = ("live", "paused", None)
#: Where an attempt ends. A frozen one does later what it was about to do.
ENDS = ("done", "done", "done", "lost", "frozen")
ids = st.sampled_from(DISTRIBUTIONS)
statuses = st.sampled_from(STATUSES)
ends = st.sampled_from(ENDS)


@pytest.fixture(autouse=True)
def few_in_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.processing.codes.STEP_REQUESTS", 2)


class Codes(RuleBasedStateMachine):
    """A code task that is built anew from what is committed, whenever an attempt comes to nothing."""

    @initialize(joins_once=st.booleans())
    def begin(self, joins_once: bool) -> None:
        self.joins_once = joins_once
        self.customers = Task()
        self.ledger = MemoryLedger()
        self.state = StateStore()
        self.now, self.version, self.events, self.imported, self.done = NOW, 0, 0, 0, 0
        self.requests: list[OutputRecord] = []
        self.whole: dict[bytes, OutputRecord] = {}  # by the broken request
        self.parked: list[bytes] = []
        self.frozen: list[Asked] = []
        self.sent: dict[tuple[str, str], str] = {}  # by campaign and code: the customer
        self.published: dict[str, tuple[str, str]] = {}
        for one in CAMPAIGNS:
            self.put("campaigns", campaign(id=one, name=one, join_once=joins_once))
        for one in DISTRIBUTIONS:
            self.change(one, "live", "camp_1")
        self.restart()

    # What happens

    @rule(customer=st.sampled_from(CUSTOMERS))
    def order(self, customer: str) -> None:
        self.events += 1
        output = self.customers.take(event(f"e{self.events}", customer={"id": customer}), key=customer.encode())
        self.requests += output.records.get(("code-requests", PARTITION), [])

    @rule(which=st.integers(0, 30))
    def ask_once_more(self, which: int) -> None:
        """An event that nobody remembers, a dead letter that is replayed."""
        if self.requests:
            self.requests.append(self.requests[which % len(self.requests)])

    @rule(customer=st.sampled_from(CUSTOMERS))
    def order_what_fails(self, customer: str) -> None:
        before = len(self.requests)
        self.order(customer)
        for place, (key, value, headers) in enumerate(self.requests[before:], before):
            broken = orjson.loads(value or b"")
            del broken["jobs"][0]["channel"]
            self.requests[place] = (key, orjson.dumps(broken), headers)
            self.whole[orjson.dumps(broken)] = (key, value, headers)

    @rule()
    def replay(self) -> None:
        """A dead letter comes again without its defect."""
        if self.parked:
            self.requests.append(self.whole[self.parked.pop(0)])

    @rule(which=st.sampled_from(CAMPAIGNS), number=st.integers(1, 3))
    def bring(self, which: str, number: int) -> None:
        several = [f"{self.imported + one}" for one in range(number)]
        self.imported += number
        asyncio.run(self.ledger.add(which, several))

    @rule(identity=ids, status=statuses, of=st.sampled_from(CAMPAIGNS))
    def change(self, identity: str, status: str | None, of: str) -> None:
        if status is None:
            self.customers.definitions.put("distributions", identity, None)
        else:
            action = {"type": "codes", "campaign_id": of}
            self.put("distributions", codes(id=identity, name=identity, status=status, action=action))

    @rule(number=st.integers(1, 4), end=ends, meanwhile=st.none() | st.tuples(ids, statuses))
    def do_a_chunk(self, number: int, end: str, meanwhile: tuple[str, str | None] | None) -> None:
        several = self.requests[self.done : self.done + number]
        records = [Record(self.done + place, NOW, *request) for place, request in enumerate(several)]
        if records and self.attempt([Slice("code-requests", PARTITION, records)], end, meanwhile):
            self.done += len(records)

    @rule(end=ends, meanwhile=st.none() | st.tuples(ids, statuses))
    def do_a_step(self, end: str, meanwhile: tuple[str, str | None] | None = None) -> None:
        if self.wants_a_step:
            self.attempt([], end, meanwhile)

    @rule(gives_back=st.booleans())
    def wake(self, gives_back: bool) -> None:
        """A frozen one does what it was about to do, and ends."""
        if self.frozen:
            asked = self.frozen.pop(0)
            if gives_back:
                asyncio.run(self.ledger.give_back(asked.returned))
            self.ledger.allocate_now(asked.wanted)

    @rule()
    def wait(self) -> None:
        self.now += AGAIN_MILLISECONDS

    # What has to be true

    def teardown(self) -> None:
        if not hasattr(self, "requests"):
            return
        while self.frozen:
            self.wake(gives_back=True)
        while self.done < len(self.requests):
            self.do_a_chunk(4, "done", None)
        self.settle()
        for one in DISTRIBUTIONS:
            self.change(one, None, "camp_1")
        self.settle()
        assert list(self.state.items()) == []
        given = {(wanted.campaign_id, code) for wanted, code in self.ledger._given.values()}
        assert given == self.sent.keys()

    def note(self, output: Output) -> None:
        self.parked += [value or b"" for _, value, _ in output.records.get(("dead-letters", PARTITION), [])]
        for _, value, _ in output.records.get(("deliveries.email", PARTITION), []):
            job = orjson.loads(value or b"")
            code = (job["action"]["campaign"]["id"], job["action"]["voucher"]["code"])
            assert self.sent.setdefault(code, job["customer"]["id"]) == job["customer"]["id"]
            if self.joins_once:
                of_customer = [of for (of, _), owner in self.sent.items() if owner == job["customer"]["id"]]
                assert len(of_customer) == len(set(of_customer))
        for _, value, _ in output.records.get(("publications", PARTITION), []):
            record = orjson.loads(value or b"")
            code = (record["campaign"]["id"], record["voucher"]["code"])
            assert self.published.setdefault(record["publication"]["id"], code) == code
        assert len(set(self.published.values())) == len(self.published)
        assert self.sent.keys() == set(self.published.values())

    def nothing_that_was_sent_is_free(self) -> None:
        free = {(of, code) for of, several in self.ledger._free.items() for code in several}
        assert not free & self.sent.keys()

    # How it is done

    def put(self, kind: str, record: dict[str, object]) -> None:
        self.version += 1
        in_force = InForce(kind, str(record["id"]), self.version, record)
        self.customers.definitions.put(kind, in_force.id, in_force)

    def restart(self) -> None:
        self.state.rollback()
        self.processor = CodeProcessor(PARTITION, self.state, self.customers.definitions)

    @property
    def wants_a_step(self) -> bool:
        return self.processor.wake_at is not None and self.processor.wake_at <= self.now

    def attempt(self, slices: list[Slice], end: str, meanwhile: tuple[str, str | None] | None) -> bool:
        asked = self.processor.ask(slices, self.now)
        if end == "frozen":
            self.frozen.append(deepcopy(asked))
            self.restart()
            return False
        asyncio.run(self.ledger.give_back(asked.returned))
        allocations = self.ledger.allocate_now(asked.wanted)
        if meanwhile is not None:
            self.change(*meanwhile, "camp_1")
        if end == "lost":
            self.restart()
            return False
        self.processor.answer(allocations)
        output = self.processor.process(slices, self.now)
        self.state.commit()
        self.note(output)
        self.nothing_that_was_sent_is_free()
        return True

    def settle(self) -> None:
        for _ in range(200):
            if not self.wants_a_step:
                return
            self.do_a_step("done")
        raise AssertionError("it never ends")


TestCodes = Codes.TestCase
TestCodes.settings = settings(max_examples=150, stateful_step_count=50)


@pytest.mark.parametrize("codes_at_the_end", [0, 1])
def test_a_frozen_attempt_at_one_that_joined_and_then_waits_burns_no_code(codes_at_the_end: int) -> None:
    life = Codes()
    life.begin(joins_once=True)
    life.order_what_fails("ann")
    life.order("bob")
    life.bring("camp_1", 1)
    life.do_a_chunk(1, "done", None)  # the code has to go back
    life.order("ann")
    life.do_a_step("frozen")
    life.do_a_chunk(1, "frozen", None)
    life.do_a_chunk(2, "done", None)  # what was frozen joined that code, and now stands behind bob
    life.bring("camp_1", codes_at_the_end)
    life.teardown()


def three_ask() -> tuple[Codes, list[OutputRecord]]:
    """Return a life in which nothing was asked for yet, and what three customers ask for in each distribution."""
    life = Codes()
    life.begin(joins_once=True)
    for customer in ("bob", "carol", "dave"):
        life.order(customer)
    asked, life.requests = life.requests, []
    return life, asked


def test_a_request_that_comes_again_at_the_number_under_which_it_was_sent_keeps_its_code() -> None:
    life, (bob, bob_2, carol, _, dave, _) = three_ask()
    life.requests = [bob, bob_2, carol, dave, bob]
    life.do_a_chunk(1, "done", None)
    life.bring("camp_1", 1)
    life.change("distr_1", "live", "camp_1")
    life.do_a_step("lost")
    life.do_a_chunk(2, "done", None)  # the second of bob's joins the first, which stands behind all others by now
    life.change("distr_2", "paused", "camp_1")
    life.do_a_chunk(1, "done", None)
    life.bring("camp_1", 1)
    life.change("distr_1", "live", "camp_1")
    life.do_a_step("done")
    assert [customer for _, customer in sorted(life.sent.items())] == ["bob", "carol"]
    life.do_a_chunk(1, "done", None)
    life.settle()
    life.change("distr_1", "live", "camp_1")
    life.teardown()


@pytest.mark.parametrize("others", [1, 2])
@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_request_that_comes_again_in_a_topic_made_anew_keeps_its_code(others: int, is_deleted: bool) -> None:
    life, (bob, _, carol, _, dave, _) = three_ask()
    life.requests = [bob, carol, dave][: others + 1]
    life.bring("camp_1", 1)
    life.do_a_chunk(1, "done", None)
    life.do_a_chunk(2, "done", None)
    life.requests, life.done = [bob], 0
    life.restart()
    life.do_a_chunk(1, "done", None)
    life.change("distr_1", None if is_deleted else "live", "camp_1")
    life.settle()
    life.nothing_that_was_sent_is_free()
    life.teardown()


def test_nobody_is_sent_the_code_of_a_request_that_is_still_to_be_read() -> None:
    life = Codes()
    life.begin(joins_once=True)
    life.order("ann")
    life.do_a_chunk(1, "done", None)
    life.bring("camp_1", 1)
    life.do_a_chunk(1, "lost", None)
    life.do_a_step("done")
    assert life.sent == {}
    life.teardown()
    assert list(life.sent.values()) == ["ann"]
