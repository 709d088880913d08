"""States that stay decoded between chunks: the latest, and never more than there is room for."""

from dataclasses import replace
from typing import Any

import pytest

from streamproc.domain.customers import NEW_CUSTOMER, CustomerState
from streamproc.processing.customer_states import _KEPT_BYTES, DecodedStates, StagedStates
from streamproc.runtime.store import StateStore

QUARTER = _KEPT_BYTES // 4  # of which two fill the half that is for new ones


def sized(size: int, **parts: Any) -> CustomerState:
    state = replace(NEW_CUSTOMER, **parts)
    state.size = size
    return state


def kept(decoded: DecodedStates, *keys: bytes) -> list[bytes]:
    return [key for key in keys if decoded.get(key) is not None]


def test_a_state_that_is_kept_is_found() -> None:
    decoded, state = DecodedStates(), sized(10)
    decoded.keep(b"a", state)
    assert decoded.get(b"a") is state
    assert decoded.get(b"b") is None


def test_the_oldest_are_let_go_when_there_is_no_room() -> None:
    decoded = DecodedStates()
    for key in (b"a", b"b", b"c", b"d"):
        decoded.keep(key, sized(QUARTER))
    assert kept(decoded, b"a", b"b", b"c", b"d") == [b"a", b"b", b"c", b"d"]
    decoded.keep(b"e", sized(QUARTER))
    assert kept(decoded, b"a", b"b", b"c", b"d", b"e") == [b"c", b"d", b"e"]


def test_of_a_state_that_is_kept_again_the_latest_is_found() -> None:
    decoded = DecodedStates()
    decoded.keep(b"a", sized(QUARTER))
    decoded.keep(b"b", sized(QUARTER))
    member = sized(QUARTER, memberships=["seg_1"])
    decoded.keep(b"a", member)
    assert decoded.get(b"a") is member


@pytest.mark.parametrize("part", ["words", "profile_json"])
def test_what_a_state_remembers_beside_its_record_takes_room_as_well(part: str) -> None:
    decoded = DecodedStates()
    wordy = sized(10)
    setattr(wordy, part, b" " * (QUARTER - 10))
    for key in (b"a", b"b", b"c", b"d", b"e"):
        decoded.keep(key, wordy)
    assert kept(decoded, b"a", b"b", b"c", b"d", b"e") == [b"c", b"d", b"e"]


def test_a_customer_who_is_forgotten_is_found_in_neither_half() -> None:
    decoded = DecodedStates()
    for key in (b"a", b"b", b"a"):
        decoded.keep(key, sized(QUARTER))
    decoded.forget(b"a")
    assert kept(decoded, b"a", b"b") == [b"b"]


def test_what_several_inputs_of_a_chunk_bring_adds_up_in_the_bound_of_a_state() -> None:
    states = StagedStates(StateStore(), DecodedStates())
    assert states.get(b"a") is None
    bounds = []
    for _ in range(3):
        bounds.append(states.size_after(b"a", NEW_CUSTOMER, 1_000))
        states.put(b"a", NEW_CUSTOMER, bounds[-1])
    assert bounds == [bounds[0], 2 * bounds[0], 3 * bounds[0]]
    assert bounds[0] >= 4_000


def test_the_words_in_which_a_customer_was_told_of_last_are_known_while_the_state_is_decoded() -> None:
    store, decoded = StateStore(), DecodedStates()
    told_before, told_now = (replace(NEW_CUSTOMER, words=words) for words in (b"before", b"now"))
    before = StagedStates(store, decoded)
    before.put(b"a", told_before, 10)
    before.flush()
    store.commit()
    states = StagedStates(store, decoded)
    assert [states.known_words(key) for key in (b"a", b"b", None)] == [b"before", None, None]
    states.put(b"a", told_now, 10)
    assert states.known_words(b"a") == b"now"
    states.put(b"a", None, 0)
    assert states.known_words(b"a") is None
    assert StagedStates(store, DecodedStates()).known_words(b"a") is None


def test_the_size_of_a_state_is_that_of_its_record_however_it_came_about() -> None:
    store, decoded = StateStore(), DecodedStates()
    states = StagedStates(store, decoded)
    states.put(b"a", replace(NEW_CUSTOMER, profile={"name": "Ann"}), 1_000)
    states.flush()
    store.commit()
    value = store.get(b"a")
    assert value is not None
    written, found = decoded.get(b"a"), StagedStates(store, DecodedStates()).get(b"a")
    assert written is not None
    assert found is not None
    assert written.size == found.size == len(value)
