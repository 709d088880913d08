"""Profiles: merging, replacing, what differs, and how deep they may be."""

from typing import Any

import orjson
import pytest

from streamproc.domain.depth import MAX_DEPTH, is_too_deep
from streamproc.domain.profiles import changed_fields, merge_profile, replace_profile

# Of so many fields the whole is compared, before each is looked at.
MANY = {f"field {number}": number for number in range(10)}


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


@pytest.mark.parametrize("known", [{}, MANY], ids=["few fields", "many fields"])
@pytest.mark.parametrize(
    "customer",
    [{"metadata": {"vip": 1}}, {"flag": 0}, {"tags": [True]}, {"other": {"a": [1]}}],
)
def test_true_is_not_one(customer: dict[str, Any], known: dict[str, Any]) -> None:
    profile = {**known, "metadata": {"vip": True}, "flag": False, "tags": [1], "other": {"a": [True]}}
    merged = merge_profile(profile, {**known, **customer})
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


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ({"email": "a", "name": "Ann"}, {"email": "b", "name": "Ann"}, {"email"}),
        ({"email": "a"}, {"name": "Ann"}, {"email", "name"}),
        (
            {"metadata": {"a": 1, "b": 1, "c": 1}},
            {"metadata": {"a": True, "b": 1, "d": 1}},
            {"metadata.a", "metadata.c", "metadata.d"},
        ),
        ({"address": {"city": "A"}}, {"address": {"city": "B"}}, {"address.city"}),
        ({"metadata": {"a": 1}}, {"metadata": "x"}, {"metadata"}),
        ({"metadata": {"a": 1}}, {}, {"metadata"}),
        ({"other": {"a": 1}}, {"other": {"a": 2}}, {"other"}),
        ({"a": [1, {"b": 1}]}, {"a": [1, {"b": 1}]}, set()),
    ],
)
def test_what_differs_is_named_and_of_metadata_and_address_key_by_key(
    before: dict[str, Any], after: dict[str, Any], names: set[str]
) -> None:
    assert changed_fields(before, after) == names


def test_a_profile_may_be_as_deep_as_the_limit_and_no_deeper() -> None:
    assert [is_too_deep({"a": nested(MAX_DEPTH)}), is_too_deep({"a": nested(MAX_DEPTH + 1)})] == [False, True]


@pytest.mark.parametrize("known", [{}, MANY], ids=["few fields", "many fields"])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 300, 1000])
def test_merging_something_too_deep_does_not_raise(depth: int, known: dict[str, Any]) -> None:
    profile = {**known, "metadata": {"a": nested(MAX_DEPTH - 1)}}
    assert is_too_deep(merge_profile(profile, {**known, "metadata": {"a": nested(depth)}}))
