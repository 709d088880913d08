"""The window of recent ids: its edges, its ring of slots, and its way through the store."""

from streamproc.processing.duplicates import DuplicateWindow, hash_id
from streamproc.runtime.store import StateStore


def chunk(window: DuplicateWindow, store: StateStore, *event_ids: str) -> list[str]:
    """Process ids as one chunk; return those that were no duplicates."""
    staged = window.stage()
    new = []
    for event_id in event_ids:
        if hash_id(event_id) not in staged:
            staged.add(hash_id(event_id))
            new.append(event_id)
    window.flush(staged, store)
    store.commit()
    return new


def keys(store: StateStore) -> list[bytes]:
    return sorted(key for key, _ in store.items())


def ids(first: int, last: int) -> list[str]:
    return [f"evt_{number}" for number in range(first, last + 1)]


def test_an_id_seen_in_an_earlier_chunk_is_a_duplicate() -> None:
    store = StateStore()
    window = DuplicateWindow(store)
    chunk(window, store, "a", "b")
    assert chunk(window, store, "b", "c", "a") == ["c"]


def test_an_id_seen_in_the_same_chunk_is_a_duplicate() -> None:
    store = StateStore()
    assert chunk(DuplicateWindow(store), store, "a", "b", "a") == ["a", "b"]


def test_what_is_staged_is_unseen_until_the_flush() -> None:
    window = DuplicateWindow(StateStore())
    window.stage().add(hash_id("a"))
    assert hash_id("a") not in window.stage()


def test_what_is_remembered_of_an_id_stays_the_same_from_one_release_to_the_next() -> None:
    assert hash_id("evt_1").hex() == "d16be18de14ab05f"


def test_the_oldest_of_a_full_window_is_still_a_duplicate() -> None:
    store = StateStore()
    window = DuplicateWindow(store, size=100)
    chunk(window, store, *ids(1, 100))
    assert chunk(window, store, "evt_1") == []


def test_one_more_id_pushes_the_oldest_out() -> None:
    store = StateStore()
    window = DuplicateWindow(store, size=100)
    chunk(window, store, *ids(1, 100))
    chunk(window, store, "evt_101")
    assert chunk(window, store, "evt_2", "evt_1") == ["evt_1"]


def test_the_edge_is_exact_inside_a_chunk() -> None:
    store = StateStore()
    window = DuplicateWindow(store, size=3)
    assert chunk(window, store, "a", "b", "c", "a", "d", "a", "b") == ["a", "b", "c", "d", "a", "b"]


def test_the_edge_is_exact_at_a_hundred_thousand() -> None:
    store = StateStore()
    window = DuplicateWindow(store)
    for first in range(0, 100_000, 2_000):
        chunk(window, store, *ids(first, first + 1_999))
    assert chunk(window, store, "evt_0", "evt_100000", "evt_1", "evt_0") == ["evt_100000", "evt_0"]


def test_an_id_that_came_again_after_it_had_left_stays_when_its_first_chunk_is_dropped() -> None:
    store = StateStore()
    window = DuplicateWindow(store, size=3)
    chunk(window, store, "a", "x")
    chunk(window, store, "b", "c")
    assert chunk(window, store, "a") == ["a"]
    assert chunk(window, store, "d", "a") == ["d"]


def test_duplicates_do_not_move_the_window() -> None:
    store = StateStore()
    window = DuplicateWindow(store, size=2)
    chunk(window, store, "a", "b")
    chunk(window, store, "a", "b", "a", "b")
    assert chunk(window, store, "a") == []


def test_a_chunk_without_new_ids_writes_nothing() -> None:
    store = StateStore()
    window = DuplicateWindow(store)
    chunk(window, store, "a")
    window.flush(window.stage(), store)
    assert dict(store.staged) == {}


def test_a_record_holds_the_number_of_the_chunk_and_its_hashes() -> None:
    store = StateStore()
    window = DuplicateWindow(store)
    chunk(window, store, "a")
    chunk(window, store, "b", "c")
    assert dict(store.items()) == {
        b"ids/0": (1).to_bytes(8, "big") + hash_id("a"),
        b"ids/1": (2).to_bytes(8, "big") + hash_id("b") + hash_id("c"),
    }


def test_small_chunks_take_many_slots_and_large_ones_few() -> None:
    store = StateStore()
    window = DuplicateWindow(store, size=100)
    counts = []
    for number in range(150):
        chunk(window, store, f"small_{number}")
    counts.append(len(keys(store)))
    for number in range(20):
        chunk(window, store, *ids(number * 20, number * 20 + 19))
    counts.append(len(keys(store)))
    assert counts == [100, 5]


def test_the_lowest_free_slot_is_used_first() -> None:
    store = StateStore()
    window = DuplicateWindow(store, size=3)
    for event_id in "abc":
        chunk(window, store, event_id)
    chunk(window, store, "d", "e")
    assert keys(store) == [b"ids/0", b"ids/2"]
    chunk(window, store, "f")
    assert keys(store) == [b"ids/0", b"ids/1"]


def test_a_chunk_larger_than_the_window_keeps_its_last_ids() -> None:
    store = StateStore()
    window = DuplicateWindow(store, size=3)
    chunk(window, store, *ids(1, 10))
    assert chunk(window, store, "evt_8", "evt_7") == ["evt_7"]


def test_a_rebuilt_window_knows_the_same_ids() -> None:
    store = StateStore()
    window = DuplicateWindow(store, size=5)
    for number in range(0, 12, 3):
        chunk(window, store, *ids(number, number + 2))
    again = ids(0, 14)
    assert chunk(DuplicateWindow(store, size=5), store, *again) == chunk(window, StateStore(), *again)


def test_a_rebuilt_window_goes_on_with_numbers_and_slots() -> None:
    store = StateStore()
    chunk(DuplicateWindow(store), store, "a")
    chunk(DuplicateWindow(store), store, "b")
    assert dict(store.items()) == {
        b"ids/0": (1).to_bytes(8, "big") + hash_id("a"),
        b"ids/1": (2).to_bytes(8, "big") + hash_id("b"),
    }


def test_other_keys_of_the_store_are_left_alone() -> None:
    store = StateStore({b"sync/1": b"x"})
    window = DuplicateWindow(store, size=1)
    chunk(window, store, "a")
    chunk(window, store, "b")
    assert keys(store) == [b"ids/0", b"sync/1"]
