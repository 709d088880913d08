"""Updates: one walk for all, whom it has reached, what supersedes what, and going on from the store."""

from hypothesis import given
from hypothesis import strategies as st

from streamproc.domain.events import instant_of
from streamproc.processing.updates import Update, UpdateKind, Updates
from streamproc.runtime.store import StateStore

CUSTOMERS = [b"a", b"b", b"c", b"d", b"e"]


def update(subject: str = "seg_1", kind: UpdateKind = "sync", *, at: int = 1) -> Update:
    return Update(f"{kind}:{subject}:{at}", kind, subject, at)


def customers(*keys: bytes) -> StateStore:
    return StateStore(dict.fromkeys(keys or CUSTOMERS, b""))


def ids(updates: list[Update]) -> list[str]:
    return [one.id for one in updates]


def walk(updates: Updates, store: StateStore, limit: int = 2) -> list[str]:
    keys = updates.next_keys(store, limit)
    return [one.id for one in updates.move(keys[-1] if len(keys) == limit else None)]


def test_an_update_is_pending_for_whom_the_walk_has_not_reached() -> None:
    updates = Updates(StateStore())
    assert updates.pending(b"a") == []
    updates.begin(update(), total=5)
    assert ids([*updates.pending(b"a")]) == ["sync:seg_1:1"]
    walk(updates, customers())
    assert [bool(updates.pending(key)) for key in CUSTOMERS] == [False, False, True, True, True]


def test_one_that_begins_in_the_middle_of_a_walk_ends_when_the_walk_comes_round() -> None:
    updates, store = Updates(StateStore()), customers()
    updates.begin(update("seg_1"), total=5)
    walk(updates, store)
    updates.begin(update("seg_2"), total=5)
    assert [len(updates.pending(key)) for key in CUSTOMERS] == [1, 1, 2, 2, 2]
    assert walk(updates, store) == []
    assert [len(updates.pending(key)) for key in CUSTOMERS] == [1, 1, 0, 0, 2]
    assert walk(updates, store) == ["sync:seg_1:1"]
    assert [len(updates.pending(key)) for key in CUSTOMERS] == [1, 1, 0, 0, 0]
    assert walk(updates, store) == ["sync:seg_2:1"]
    assert updates.running == []


def test_a_walk_whose_starting_place_is_gone_ends_at_the_end() -> None:
    updates, store = Updates(StateStore()), customers()
    updates.begin(update("seg_1"), total=5)
    walk(updates, store, 4)
    updates.begin(update("seg_2"), total=5)
    assert walk(updates, store, 4) == ["sync:seg_1:1"]
    assert walk(updates, customers(b"a"), 4) == ["sync:seg_2:1"]


def test_with_nobody_there_an_update_is_through_with_the_first_step() -> None:
    updates = Updates(StateStore())
    updates.begin(update(), total=0)
    assert walk(updates, StateStore()) == ["sync:seg_1:1"]


def test_a_later_update_about_the_same_segment_or_a_later_day_takes_the_place_of_an_earlier_one() -> None:
    updates = Updates(StateStore())
    for one in (update("seg_1"), update("seg_2"), update("2026-11-24", "tick"), update("seg_1", "drop", at=2)):
        updates.begin(one, total=5)
    assert ids(updates.running) == ["sync:seg_2:1", "tick:2026-11-24:1", "drop:seg_1:2"]
    updates.begin(update("2026-11-25", "tick", at=3), total=5)
    updates.begin(update("seg_1", at=4), total=5)
    assert ids(updates.running) == ["sync:seg_2:1", "tick:2026-11-25:3", "sync:seg_1:4"]


def test_the_latest_time_never_goes_back() -> None:
    updates = Updates(StateStore())
    updates.begin(update("seg_1", at=5), total=0)
    updates.begin(update("seg_2", at=3), total=0)
    updates.begin_day("2026-11-24")
    assert (updates.latest, updates.day) == (instant_of(5), "2026-11-24")


def test_everything_is_found_again_in_the_store() -> None:
    store = StateStore()
    updates = Updates(store)
    updates.begin(update("seg_1"), total=5)
    walk(updates, customers())
    updates.begin(update("seg_2"), total=5)
    updates.begin_day("2026-11-24")
    again = Updates(store)
    assert (again.running, again.latest, again.day) == (updates.running, instant_of(1), "2026-11-24")
    assert [ids([*again.pending(key)]) for key in CUSTOMERS] == [ids([*updates.pending(key)]) for key in CUSTOMERS]


STEPS = st.lists(
    st.tuples(st.just("begin"), st.integers(0, 4))
    | st.tuples(st.just("walk"), st.integers(1, 3))
    | st.tuples(st.sampled_from(["come", "go"]), st.integers(0, 9))
    | st.tuples(st.just("restart"), st.just(0)),
    max_size=40,
)


class Model:
    """A walk, and for each update under way whom it has reached and whom it has to reach: who is there all the time."""

    def __init__(self) -> None:
        self.customers, self.store = customers(*(b"%d" % number for number in range(6))), StateStore()
        self.updates = Updates(self.store)
        self.reached: dict[str, set[bytes]] = {}
        self.waiting: dict[str, set[bytes]] = {}

    def begin(self, number: int) -> None:
        one = update(f"seg_{number}", at=len(self.reached))
        self.updates.begin(one, total=len(self.customers))
        self.reached[one.id], self.waiting[one.id] = set(), {key for key, _ in self.customers.items()}

    def walk(self, limit: int) -> None:
        keys = self.updates.next_keys(self.customers, limit)
        for key in keys:
            for one in self.updates.pending(key):
                assert key not in self.reached[one.id], "twice"
                self.reached[one.id].add(key)
        for one in self.updates.move(keys[-1] if len(keys) == limit else None):
            assert self.waiting[one.id] <= self.reached[one.id]
        for one in self.updates.running:
            assert not any(one in self.updates.pending(key) for key in self.reached[one.id])

    def come(self, number: int) -> None:
        self.customers.put(b"%d" % number, b"")
        self.customers.commit()

    def go(self, number: int) -> None:
        self.customers.delete(b"%d" % number)
        self.customers.commit()
        for there in self.waiting.values():
            there.discard(b"%d" % number)

    def restart(self, _: int) -> None:
        self.updates = Updates(self.store)


@given(STEPS)
def test_every_update_reaches_every_customer_who_was_there_all_the_time_exactly_once(
    steps: list[tuple[str, int]],
) -> None:
    model = Model()
    for what, value in steps:
        if what != "walk" or model.updates.running:
            getattr(model, what)(value)
    for _ in range(30):
        if model.updates.running:
            model.walk(3)
    assert model.updates.running == []
