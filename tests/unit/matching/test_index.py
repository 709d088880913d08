from datetime import UTC, datetime
from typing import Final

from streamproc.domain.configuration import InForce
from streamproc.domain.events import Event
from streamproc.domain.facts import Facts
from streamproc.domain.rules.conditions import Access, Condition, Function
from streamproc.matching.distributions import CompiledDistribution
from streamproc.matching.groups import Group
from streamproc.matching.index import Bucket

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
COLLECTION: Final = "products_collection"


def member(object_id: str) -> CompiledDistribution:
    return CompiledDistribution(InForce("distributions", object_id, 1, {"id": object_id}))


def order(*collections: str) -> Facts:
    items = [{"collections": [collection]} for collection in collections]
    return Facts(
        Event("e", "customer.order.paid", NOW, "2026-11-24T10:00:00Z", "c", {"order": {"items": items}}), {}, []
    )


def refresh(group: Group) -> None:
    group.checked = 1
    group.ready = list(group.members)


def test_a_rule_is_decided_once_an_event_however_often_its_keys_are_there() -> None:
    decided: list[object] = []

    def decide(facts: object) -> bool:
        decided.append(facts)
        return True

    keys = Access(frozenset({(COLLECTION, "c1"), (COLLECTION, "c2")}))
    bucket = Bucket()
    bucket.add(member("dist_1"), "val_1")
    bucket.file("val_1", Condition(Function(decide), (keys,)))
    for facts in (order("c1", "c2", "c1", "c1"), order("c2", "c2"), order("c3")):
        found = bucket.match(facts, 1, refresh)
        assert [one.id for one in found] == (["dist_1"] if decided[-1] is facts else [])
    assert len(decided) == 2


def test_many_rules_that_hold_come_out_by_id() -> None:
    bucket = Bucket()
    names = [f"dist_{number:02}" for number in range(40)]
    for number, name in enumerate([*names[1::2], *reversed(names[::2])]):
        rule_id = None if number % 5 == 0 else f"val_{number}"
        bucket.add(member(name), rule_id)
        if rule_id is not None:
            bucket.file(rule_id, Condition(Function(lambda _facts: True)))
    assert [one.id for one in bucket.match(order(), 1, refresh)] == names
