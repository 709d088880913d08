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


def test_keys_are_walked_in_their_order_from_the_first_after_a_key_whether_it_is_there_or_not() -> None:
    store = StateStore({b"c": b"", b"a": b"", b"e": b""})
    assert store.keys_after(None, 2) == [b"a", b"c"]
    assert store.keys_after(b"c", 2) == store.keys_after(b"d", 2) == [b"e"]
    assert store.keys_after(b"e", 2) == []
    assert [store.count_after(key) for key in (None, b"a", b"b", b"e")] == [3, 2, 2, 0]


def test_a_walk_sees_what_is_committed_and_not_what_is_staged() -> None:
    store = StateStore({b"a": b"", b"c": b""})
    assert store.keys_after(None, 9) == [b"a", b"c"]
    store.put(b"b", b"")
    store.delete(b"c")
    assert store.keys_after(None, 9) == [b"a", b"c"]
    store.commit()
    assert store.keys_after(None, 9) == [b"a", b"b"]


@given(chunks=st.lists(st.tuples(WRITES, st.booleans())), asked_at=st.integers(0, 5), restored=st.booleans())
def test_the_order_is_that_of_what_is_committed_whenever_it_is_first_asked_for(
    chunks: list[tuple[list[tuple[bytes, bytes | None]], bool]], asked_at: int, restored: bool
) -> None:
    store = StateStore()
    for place, (chunk, commits) in enumerate(chunks):
        if place == asked_at:
            if restored:
                assert list(store.put_in_order()) in ([], [None])
            store.keys_after(None, 1)
        write(store, chunk)
        (store.commit if commits else store.rollback)()
    keys = sorted(key for key, _ in store.items())
    assert store.keys_after(None, 9) == keys
    assert store.keys_after(b"a", 1) == [key for key in keys if key > b"a"][:1]
    assert store.count_after(b"b") == sum(key > b"b" for key in keys)
    assert len(store) == len(keys)


def test_a_restore_into_pieces_makes_one_order() -> None:
    keys = [b"%d" % (n * 7919 % 30_000) for n in range(30_000)]
    store = StateStore(dict.fromkeys(keys, b""))
    assert len(list(store.put_in_order())) == 4
    assert store.keys_after(None, 30_000) == sorted(keys)


@given(chunks=st.lists(WRITES))
def test_the_changelog_rebuilds_the_store(chunks: list[list[tuple[bytes, bytes | None]]]) -> None:
    store, rebuilt = StateStore(), StateStore()
    for chunk in chunks:
        write(store, chunk)
        for key, value in store.staged.items():
            rebuilt.restore(key, value)
        store.commit()
    assert dict(rebuilt.items()) == dict(store.items())
