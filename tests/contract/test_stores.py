"""What a task relies on in its stores, of both kinds: staged over committed, in the order of the keys."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamproc.runtime.disk_store import DiskStore, DiskStores
from streamproc.runtime.store import StateStore, TaskStore

Make = Callable[[], TaskStore]
Writes = list[tuple[bytes, bytes | None]]

KEYS = st.sampled_from([b"a", b"b", b"c", b"c\0", b"\xff"])
WRITES = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=3)))

# The stores that one test makes are new each time, so it may keep what makes them.
generated = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)


@pytest.fixture(params=["memory", "disk"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """What makes a store of one kind."""
    if request.param == "memory":
        yield StateStore
        return
    stores = DiskStores(tmp_path)
    made: list[DiskStore] = []

    def make() -> DiskStore:
        made.append(stores.make("customer-state", 3))
        return made[-1]

    yield make
    for store in made:
        store.close()
    stores.close()


def write(store: TaskStore, writes: Writes) -> None:
    for key, value in writes:
        if value is None:
            store.delete(key)
        else:
            store.put(key, value)


def holding(make: Make, *keys: bytes, value: bytes = b"") -> TaskStore:
    store = make()
    write(store, [(key, value) for key in keys])
    store.commit()
    return store


def test_a_staged_value_is_seen_by_the_chunk_and_not_by_a_walk_over_what_is_committed(make: Make) -> None:
    store = holding(make, b"a", value=b"1")
    store.put(b"a", b"2")
    assert store.get(b"a") == b"2"
    assert dict(store.items()) == {b"a": b"1"}


def test_a_staged_deletion_hides_what_is_committed(make: Make) -> None:
    store = holding(make, b"a", value=b"1")
    store.delete(b"a")
    assert store.get(b"a") is None
    assert store.staged == {b"a": None}


def test_an_empty_value_is_a_value_and_a_large_one_is_kept(make: Make) -> None:
    store = make()
    large = bytes(range(256)) * 4096
    write(store, [(b"empty", b""), (b"large", large)])
    store.commit()
    assert (store.get(b"empty"), store.get(b"large"), store.get(b"none")) == (b"", large, None)


@generated
@given(before=WRITES, chunk=WRITES)
def test_a_rollback_leaves_what_was_before_and_a_commit_what_was_staged(
    make: Make, before: Writes, chunk: Writes
) -> None:
    check_rollback_and_commit(make(), before, chunk)


def check_rollback_and_commit(store: TaskStore, before: Writes, chunk: Writes) -> None:
    write(store, before)
    store.commit()
    committed = dict(store.items())
    write(store, chunk)
    store.rollback()
    assert dict(store.items()) == committed
    write(store, chunk)
    seen = {key: store.get(key) for key, _ in (*before, *chunk)}
    store.commit()
    assert dict(store.items()) == {key: value for key, value in seen.items() if value is not None}
    assert store.staged == {}
    assert len(store) == len(dict(store.items()))


class Eager(DiskStore):
    """Writes what is staged at once, as one might to save the memory."""

    def put(self, key: bytes, value: bytes) -> None:
        """Write a value."""
        super().put(key, value)
        self._write({key: value})


def test_the_check_of_a_rollback_finds_a_store_that_writes_before_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamproc.runtime.disk_store.DiskStore", Eager)
    stores = DiskStores(tmp_path)
    store = stores.make("customer-state", 0)
    with pytest.raises(AssertionError):
        check_rollback_and_commit(store, [(b"a", b"1")], [(b"a", b"2")])
    store.close()
    stores.close()


def test_keys_are_walked_in_their_order_from_the_first_after_a_key_whether_it_is_there_or_not(make: Make) -> None:
    store = holding(make, b"c", b"a", b"e")
    assert store.keys_after(None, 2) == [b"a", b"c"]
    assert store.keys_after(b"c", 2) == store.keys_after(b"d", 2) == [b"e"]
    assert store.keys_after(b"e", 2) == []
    assert [store.count_after(key) for key in (None, b"a", b"b", b"e")] == [3, 2, 2, 0]


def test_a_walk_sees_what_is_committed_and_not_what_is_staged(make: Make) -> None:
    store = holding(make, b"a", b"c")
    assert store.keys_after(None, 9) == [b"a", b"c"]
    store.put(b"b", b"")
    store.delete(b"c")
    assert store.keys_after(None, 9) == [b"a", b"c"]
    store.commit()
    assert store.keys_after(None, 9) == [b"a", b"b"]


@generated
@given(chunks=st.lists(st.tuples(WRITES, st.booleans())), asked_at=st.integers(0, 5), restored=st.booleans())
def test_the_order_is_that_of_what_is_committed_whenever_it_is_first_asked_for(
    make: Make, chunks: list[tuple[Writes, bool]], asked_at: int, restored: bool
) -> None:
    store = make()
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


def test_a_restore_is_put_in_order_in_short_pieces(make: Make) -> None:
    keys = [b"%d" % (n * 7919 % 30_000) for n in range(30_000)]
    store = make()
    for key in keys:
        store.restore(key, b"old")
        store.restore(key, b"new")
    assert 3 < len(list(store.put_in_order())) < 10
    assert (len(store), store.get(b"17")) == (30_000, b"new")
    assert store.keys_after(None, 30_000) == sorted(keys)


@generated
@given(chunks=st.lists(WRITES))
def test_the_changelog_rebuilds_the_store(make: Make, chunks: list[Writes]) -> None:
    store, rebuilt = make(), make()
    for chunk in chunks:
        write(store, chunk)
        for key, value in store.staged.items():
            rebuilt.restore(key, value)
        store.commit()
    list(rebuilt.put_in_order())
    assert dict(rebuilt.items()) == dict(store.items())
    assert len(rebuilt) == len(store)


def test_a_restore_that_begins_anew_begins_with_nothing(make: Make) -> None:
    store = holding(make, b"a")
    store.put(b"b", b"")
    store.restore(b"c", b"")
    store.clear()
    store.restore(b"d", b"")
    list(store.put_in_order())
    assert (dict(store.items()), store.staged, len(store)) == ({b"d": b""}, {}, 1)
