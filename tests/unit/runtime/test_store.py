"""The state store: staged over committed."""

from hypothesis import given
from hypothesis import strategies as st

from streamproc.runtime.store import StateStore

KEYS = st.sampled_from([b"a", b"b", b"c"])
WRITES = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=3)))


def write(store: StateStore, writes: list[tuple[bytes, bytes | None]]) -> None:
    for key, value in writes:
        if value is None:
            store.delete(key)
        else:
            store.put(key, value)


def test_a_staged_value_is_seen_by_the_chunk_and_not_by_a_walk_over_what_is_committed() -> None:
    store = StateStore({b"a": b"1"})
    store.put(b"a", b"2")
    assert store.get(b"a") == b"2"
    assert dict(store.items()) == {b"a": b"1"}


def test_a_staged_deletion_hides_what_is_committed() -> None:
    store = StateStore({b"a": b"1"})
    store.delete(b"a")
    assert store.get(b"a") is None
    assert store.staged == {b"a": None}


@given(before=WRITES, chunk=WRITES)
def test_a_rollback_leaves_what_was_before_and_a_commit_what_was_staged(
    before: list[tuple[bytes, bytes | None]], chunk: list[tuple[bytes, bytes | None]]
) -> None:
    store = StateStore()
    write(store, before)
    store.commit()
    committed = dict(store.items())
    write(store, chunk)
    store.rollback()
    assert dict(store.items()) == committed
    write(store, chunk)
    seen = {key: store.get(key) for key in (b"a", b"b", b"c")}
    store.commit()
    assert dict(store.items()) == {key: value for key, value in seen.items() if value is not None}
    assert store.staged == {}


@given(chunks=st.lists(WRITES))
def test_the_changelog_rebuilds_the_store(chunks: list[list[tuple[bytes, bytes | None]]]) -> None:
    store, rebuilt = StateStore(), StateStore()
    for chunk in chunks:
        write(store, chunk)
        for key, value in store.staged.items():
            rebuilt.restore(key, value)
        store.commit()
    assert dict(rebuilt.items()) == dict(store.items())
