"""Customer state: merging, replacing, memberships and bytes."""

from typing import Any

import orjson
import pytest

from streamproc.domain.customers import (
    CustomerState,
    decode_customer,
    encode_customer,
    join_segment,
    leave_segment,
    merge_profile,
    replace_profile,
)
from streamproc.domain.depth import MAX_DEPTH, is_too_deep
from streamproc.errors import FatalError


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("profile", "customer", "merged"),
    [
        pytest.param({}, {"id": "c", "name": "Ann"}, {"id": "c", "name": "Ann"}, id="new customer"),
        pytest.param({"name": "Ann", "a": 1}, {"name": "Bob"}, {"name": "Bob", "a": 1}, id="overwrites, missing stays"),
        pytest.param({"name": "Ann"}, {"name": None}, {"name": "Ann"}, id="null leaves"),
        pytest.param({"name": "Ann"}, {"name": ""}, {"name": ""}, id="an empty text overwrites"),
        pytest.param(
            {"metadata": {"a": 1, "b": 2}},
            {"metadata": {"b": 3, "c": 4, "a": None}},
            {"metadata": {"a": 1, "b": 3, "c": 4}},
            id="metadata key by key",
        ),
        pytest.param(
            {"address": {"city": "A", "country": "PL"}},
            {"address": {"city": "B"}},
            {"address": {"city": "B", "country": "PL"}},
            id="address key by key",
        ),
        pytest.param(
            {"metadata": {"a": {"x": 1, "y": 2}}},
            {"metadata": {"a": {"x": 3}}},
            {"metadata": {"a": {"x": 3}}},
            id="not deeper than one level",
        ),
        pytest.param({}, {"metadata": {"a": None, "b": 1}}, {"metadata": {"b": 1}}, id="no nulls come in"),
        pytest.param({"metadata": {"a": 1}}, {"metadata": "x"}, {"metadata": "x"}, id="metadata that is a text"),
        pytest.param({"metadata": "x"}, {"metadata": {"a": 1}}, {"metadata": {"a": 1}}, id="metadata that was a text"),
        pytest.param(
            {"a": 1},
            {"summary": {"x": 1}, "loyalty": "x", "referrals": [1], "a": 2},
            {"a": 2},
            id="upstream's sums are ignored",
        ),
        pytest.param({"unsubscribed": ["sms"]}, {"unsubscribed": []}, {"unsubscribed": []}, id="lists are replaced"),
        pytest.param({"unsubscribed": ["sms"]}, {"unsubscribed": True}, {"unsubscribed": True}, id="list to true"),
        pytest.param({"other": {"a": 1}}, {"other": {"b": 1}}, {"other": {"b": 1}}, id="other objects are replaced"),
    ],
)
def test_data_customer_overwrites_key_by_key(
    profile: dict[str, Any], customer: dict[str, Any], merged: dict[str, Any]
) -> None:
    before = orjson.dumps(profile)
    assert merge_profile(profile, customer) == merged
    assert orjson.dumps(profile) == before


@pytest.mark.parametrize(
    "customer",
    [
        {},
        {"name": "Ann"},
        {"name": None, "metadata": None},
        {"metadata": {}},
        {"metadata": {"vip": True, "n": None}},
        {"tags": ["a", {"b": 1}]},
        {"name": "Ann", "metadata": {"vip": True, "score": 1, "list": [1, 2]}, "tags": ["a", {"b": 1}]},
        {"summary": {"orders": 1}},
    ],
)
def test_an_unchanged_customer_is_the_same_object(customer: dict[str, Any]) -> None:
    profile = {"name": "Ann", "metadata": {"vip": True, "score": 1, "list": [1, 2]}, "tags": ["a", {"b": 1}]}
    assert merge_profile(profile, customer) is profile


@pytest.mark.parametrize(
    "customer",
    [{"metadata": {"vip": 1}}, {"flag": 0}, {"tags": [True]}, {"other": {"a": [1]}}],
)
def test_true_is_not_one(customer: dict[str, Any]) -> None:
    profile = {"metadata": {"vip": True}, "flag": False, "tags": [1], "other": {"a": [True]}}
    merged = merge_profile(profile, customer)
    assert orjson.dumps(merged) == orjson.dumps({**profile, **customer})


def test_a_record_of_customers_replaces_the_profile() -> None:
    record = {"id": "c", "email": None, "name": "Ann", "summary": {"x": 1}, "metadata": {"a": None}}
    assert replace_profile({"email": "a@b.c", "tags": [1]}, record) == {
        "id": "c",
        "name": "Ann",
        "metadata": {"a": None},
    }


def test_a_record_that_says_what_is_known_changes_nothing() -> None:
    profile = {"id": "c", "name": "Ann"}
    assert replace_profile(profile, {"name": "Ann", "id": "c", "email": None}) is profile


def test_a_state_survives_its_bytes() -> None:
    state = CustomerState({"id": "c", "metadata": {"a": [1, 2.5, None, True]}}, ["seg_1", "seg_2"])
    assert decode_customer(encode_customer(state)) == state


def test_the_bytes_of_a_state_are_versioned() -> None:
    assert orjson.loads(encode_customer(CustomerState({"id": "c"}, []))) == {
        "v": 1,
        "profile": {"id": "c"},
        "memberships": [],
    }


def test_a_state_of_another_version_ends_the_worker() -> None:
    with pytest.raises(FatalError, match="version 2"):
        decode_customer(b'{"v":2}')


def test_memberships_stay_sorted() -> None:
    assert join_segment(["a", "c"], "b") == ["a", "b", "c"]


def test_joining_again_changes_nothing() -> None:
    memberships = ["a", "b"]
    assert join_segment(memberships, "b") is memberships


def test_leaving_takes_the_segment_out() -> None:
    assert leave_segment(["a", "b"], "a") == ["b"]


def test_leaving_as_a_non_member_changes_nothing() -> None:
    memberships = ["a"]
    assert leave_segment(memberships, "b") is memberships


def test_a_profile_may_be_as_deep_as_the_limit_and_no_deeper() -> None:
    assert [is_too_deep({"a": nested(MAX_DEPTH)}), is_too_deep({"a": nested(MAX_DEPTH + 1)})] == [False, True]


def test_a_profile_at_the_limit_can_be_encoded() -> None:
    state = CustomerState({"metadata": nested(MAX_DEPTH)}, [])
    assert decode_customer(encode_customer(state)) == state


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 300, 1000])
def test_merging_something_too_deep_does_not_raise(depth: int) -> None:
    profile = {"metadata": {"a": nested(MAX_DEPTH - 1)}}
    assert is_too_deep(merge_profile(profile, {"metadata": {"a": nested(depth)}}))
