"""Turns are few, given in the order in which they were asked for, and none is lost."""

from streamproc.runtime.turns import Turn, Turns


def asked(turns: Turns, names: str) -> tuple[list[str], dict[str, Turn]]:
    """Ask for a turn under each name; the list grows as they are granted."""
    granted: list[str] = []
    return granted, {name: turns.ask(lambda name=name: granted.append(name)) for name in names}  # type: ignore[misc]


def test_only_so_many_have_a_turn_and_the_first_who_waits_is_next() -> None:
    turns = Turns(2)
    granted, by_name = asked(turns, "abcd")
    assert granted == ["a", "b"]
    turns.give_back(by_name["b"])
    assert granted == ["a", "b", "c"]
    assert [by_name[name].is_granted for name in "abcd"] == [True, False, True, False]


def test_who_gives_up_waiting_is_passed_over_and_takes_no_turn_away() -> None:
    turns = Turns(1)
    granted, by_name = asked(turns, "abc")
    turns.give_back(by_name["b"])
    turns.give_back(by_name["a"])
    assert granted == ["a", "c"]
    turns.give_back(by_name["c"])
    assert turns.ask(lambda: None).is_granted


def test_who_asks_again_comes_after_those_who_wait() -> None:
    turns = Turns(1)
    granted, by_name = asked(turns, "ab")
    turns.give_back(by_name["a"])
    again, _ = asked(turns, "a")
    assert (granted, again) == (["a", "b"], [])
