"""The window of recent ids behaves like a plain list of them, however the ids are cut into chunks."""

from hypothesis import given
from hypothesis import strategies as st

from streamproc.processing.duplicates import DuplicateWindow, hash_id
from streamproc.runtime.store import StateStore

IDS = st.lists(st.integers(0, 12).map(str), max_size=60)


def plain(ids: list[str], size: int) -> list[bool]:
    """Whether each id is a duplicate, the slow way."""
    seen: list[str] = []
    told = []
    for event_id in ids:
        told.append(event_id in seen[-size:])
        if not told[-1]:
            seen.append(event_id)
    return told


@given(IDS, st.integers(1, 8), st.lists(st.tuples(st.integers(1, 7), st.booleans()), max_size=60))
def test_the_window_is_the_last_ids_processed(ids: list[str], size: int, cuts: list[tuple[int, bool]]) -> None:
    store = StateStore()
    window = DuplicateWindow(store, size)
    told: list[bool] = []
    rest = ids
    for length, restarts in [*cuts, (len(ids), False)]:
        chunk, rest = rest[:length], rest[length:]
        staged = window.stage()
        for event_id in chunk:
            hashed = hash_id(event_id)
            told.append(hashed in staged)
            if not told[-1]:
                staged.add(hashed)
        window.flush(staged, store)
        store.commit()
        assert len(dict(store.items())) <= size
        if restarts:
            window = DuplicateWindow(store, size)
    assert told == plain(ids, size)


@given(st.lists(IDS, max_size=20), st.integers(1, 8))
def test_a_rebuilt_window_writes_what_the_live_one_writes(chunks: list[list[str]], size: int) -> None:
    live_store, rebuilt_store = StateStore(), StateStore()
    live = DuplicateWindow(live_store, size)
    for chunk in chunks:
        rebuilt = DuplicateWindow(rebuilt_store, size)
        for window, store in ((live, live_store), (rebuilt, rebuilt_store)):
            staged = window.stage()
            for event_id in chunk:
                if hash_id(event_id) not in staged:
                    staged.add(hash_id(event_id))
            window.flush(staged, store)
            store.commit()
        assert dict(rebuilt_store.items()) == dict(live_store.items())
