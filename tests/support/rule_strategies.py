"""Hypothesis strategies: rules that pass the checks, and events for them to meet.

The wide ones hold odd values of every sort; the dense ones hold few values, so that rules and events often agree.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

INSTANTS = (
    "2026-11-24", "2026-11-23", "1990-02-28", "1988-02-29", "2026-12-01", "2026-11-24T10:00:00Z",
    "2026-11-24T09:59:59.999Z", "2026-11-24T23:30:00-05:00", "2026-03-29T02:30:00+01:00", "2026-10-25",
)  # fmt: skip
ODD_TEXTS = ("", "1", "5", "2026-13-01", "2026-02-30", "2026-11-24T25:00:00Z", "2026-11-24T10:00:00", "gold", "silver",
             "Gold", "ol", "id_1", "seg_1", "true", "²")  # fmt: skip
NOWS = (
    datetime(2026, 11, 24, 10, tzinfo=UTC),
    datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC),
    datetime(2027, 2, 28, 3, tzinfo=UTC),
    datetime(2026, 12, 31, 22, 30, tzinfo=UTC),
    datetime(2028, 2, 29, 12, tzinfo=UTC),
)
PATHS = ("plan", "a", "a.b", "a.b.c", "b")
SEGMENTS = ("seg_1", "seg_2", "seg_3")
IDS = ("id_1", "id_2", "id_3")

texts = st.sampled_from(INSTANTS + ODD_TEXTS)
numbers = st.sampled_from([0, 1, 1.0, 2, 5, -1, 1.5, 5.0, 100, 2**53 + 1])
objects = st.sampled_from(
    [{"id": "id_1"}, {"id": "gold", "source_id": "x"}, {"source_id": "id_2"}, {"id": None, "source_id": "gold"},
     {"id": ["x"]}, {"b": 1}, {"b": {"c": "gold"}}, {"b.c": 5}, {"id": 5}]
)  # fmt: skip
scalars = texts | numbers | st.booleans() | st.none()
values = scalars | objects | st.lists(scalars | objects | st.lists(scalars, max_size=1), max_size=3)
metadata = st.dictionaries(st.sampled_from(PATHS), values, max_size=4)

references = st.sampled_from(IDS) | st.builds(
    lambda one, kind: {"id": one, **({"object": kind} if kind else {})},
    st.sampled_from(IDS), st.sampled_from([None, "product", "sku", "products_collection"]),
) | st.sampled_from([{"source_id": "id_1"}, {"id": "id_2", "source_id": "id_1"}])  # fmt: skip


def one_or_list(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values stand alone or in a list."""
    return strategy | st.lists(strategy, min_size=1, max_size=1)


def some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return strategy | st.lists(strategy, min_size=1, max_size=3)


comparable = numbers | st.sampled_from(INSTANTS) | st.sampled_from(["1", "5", "-1", "1.5"])
listed = texts | numbers | st.booleans() | st.sampled_from([{"id": "id_1"}, {"source_id": "gold"}])
days = st.sampled_from([0, 1, 2, "1", 30, 1.0, 36])
partial_days = days | st.sampled_from([0.5, "0.25"])
hours = st.sampled_from(["00:00", "09:00", "10:00", "10:01", "18:30", "23:59", "24:00"])
durations = st.sampled_from(["P1D", "P1W", "PT1H", "PT12H", "P1DT30M"])
weekdays = st.lists(st.integers(0, 6), min_size=1, max_size=7)
CONDITIONS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(["$is", "$in", "$is_not", "$not_in", "$not_differ", "$not_intersect"], some(listed)),
    **dict.fromkeys(["$contains", "$not_contain"], some(listed)),
    **dict.fromkeys(["$starts_with", "$ends_with"], some(texts)),
    **dict.fromkeys(
        ["$more_than", "$less_than", "$more_than_or_equal", "$less_than_or_equal"], one_or_list(comparable)
    ),
    **dict.fromkeys(["$more_than_equal", "$greater_than", "$less_than_equal"], one_or_list(comparable)),
    **dict.fromkeys(["$count", "$count_more", "$count_less"], one_or_list(st.sampled_from([0, 1, 2, "1", 2.0]))),
    **dict.fromkeys(["$has_value", "$is_unknown"], one_or_list(st.booleans())),
    **dict.fromkeys(["$after", "$before"], one_or_list(st.sampled_from(INSTANTS))),
    **dict.fromkeys(["$more_than_ago", "$less_than_ago", "$more_than_future", "$less_than_future"], partial_days),
    **dict.fromkeys(["$is_days_ago", "$is_days_in_future"], one_or_list(days)),
    **dict.fromkeys(["$today", "$this_month", "$next_month"], one_or_list(st.just(value=True))),
    "$dow": weekdays | st.integers(0, 6) | st.lists(st.integers(0, 6).map(str), min_size=1, max_size=2),
    "$timeframe": st.tuples(st.sampled_from(INSTANTS), durations, durations).map(";".join),
    "$timeframe_absolute": st.tuples(st.sampled_from(INSTANTS), st.sampled_from(INSTANTS)).map(";".join),
    "$timeframe_daily_hours": st.tuples(hours, hours, weekdays.map(lambda found: ",".join(map(str, found)))).map(
        ";".join
    ),
}
EQUALITIES = ("$is", "$in", "$not_differ")

conditions = st.one_of(
    st.dictionaries(st.sampled_from(EQUALITIES), some(listed), min_size=1, max_size=1),
    st.lists(st.sampled_from(sorted(CONDITIONS)), max_size=2, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: CONDITIONS[name] for name in names})
    ),
)
quantified = st.fixed_dictionaries({}, optional={"$is": some(references), "$from": some(references)})
segments_named = st.fixed_dictionaries({"$is": some(st.sampled_from(SEGMENTS))})

PLAIN = ("customer.loyalty.tier", "order.amount", "order.total_amount", "order.initial_amount", "order.items.count",
         "order.items.price_any", "order.items.price_each")  # fmt: skip
WITH_PROPERTY = ("customer.metadata", "order.metadata", "custom_event.metadata", "order.items.metadata_any",
                 "order.items.metadata_each")  # fmt: skip
QUANTIFIERS = ("order.items.any", "order.items.every", "order.items.none", "order.items.cheapest",
               "order.items.most_expensive")  # fmt: skip
IN_LINES = ("order.items.quantity", "order.items.price", "order.items.aggregated_quantity",
            "order.items.aggregated_amount")  # fmt: skip


def nodes(place: str, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """Rule nodes that may stand at a place: anywhere, in a quantifier (`line`), in `product` or `sku`."""

    def node(
        names: tuple[str, ...], own: st.SearchStrategy[Any], inside: str, **more: st.SearchStrategy[Any]
    ) -> st.SearchStrategy[dict[str, Any]]:
        below = rules(inside, depth - 1) if depth else st.just({})
        return st.fixed_dictionaries(
            {"name": st.sampled_from(names), "conditions": own, **more}, optional={"rules": below}
        )

    kinds = [
        node(PLAIN, conditions, place, property=st.sampled_from([None, "a", "", 5, True, ["a"], {"a": "b"}])),
        node(WITH_PROPERTY, conditions, place, property=st.sampled_from(PATHS)),
        node(("customer.segment",), segments_named | conditions, place),
        node(QUANTIFIERS, quantified, "line"),
        node(("product.id",), st.fixed_dictionaries({}, optional={"$is": some(references)}), "product"),
        node(("sku.id",), st.fixed_dictionaries({}, optional={"$is": some(references)}), "sku"),
    ]
    if place == "line":
        kinds += [
            node(IN_LINES, conditions, place),
            node(("order.items.metadata",), conditions, place, property=st.sampled_from(PATHS)),
        ]
    elif place != "anywhere":
        kinds.append(node((f"{place}.quantity", f"{place}.price", f"{place}.discount_applicable"), conditions, place))
    return st.one_of(kinds)


def rules(place: str = "anywhere", depth: int = 2) -> st.SearchStrategy[dict[str, Any]]:
    """Rule trees with a logic, none, or one that leaves keys out."""
    return st.lists(nodes(place, depth), max_size=4).flatmap(_with_logic)


def _with_logic(found: list[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    keyed = {str(place): node for place, node in enumerate(found, 1)}
    if not keyed:
        return st.sampled_from([{}, {"logic": ""}, {"logic": None}])
    return st.one_of(st.just(keyed), logics(tuple(keyed)).map(lambda logic: {**keyed, "logic": logic}))


def logics(keys: tuple[str, ...]) -> st.SearchStrategy[str]:
    word = st.sampled_from([" and ", " or ", " AND ", "  Or "])

    def widen(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        joined: Callable[[str, str, str], str] = lambda one, between, other: one + between + other  # noqa: E731
        return st.builds(joined, inner, word, inner) | inner.map(lambda one: f"( {one})")

    return st.recursive(st.sampled_from(keys), widen, max_leaves=5)


lines = st.fixed_dictionaries(
    {},
    optional={
        "quantity": numbers | st.none() | texts,
        "price": numbers | st.none() | texts,
        "amount": numbers | st.none(),
        "subtotal_amount": numbers,
        "product_id": st.sampled_from([*IDS, None]),
        "product": st.sampled_from([{"id": "id_1"}, {"source_id": "id_1"}, {"id": "id_3", "source_id": "id_1"}, "x"]),
        "sku_id": st.sampled_from(IDS),
        "sku": st.sampled_from([{"id": "id_1"}, {"source_id": "id_2"}]),
        "collections": st.lists(st.sampled_from([*IDS, {"id": "id_2"}, None, {}]), max_size=2) | st.just("id_1"),
        "metadata": metadata,
    },
)
orders = st.fixed_dictionaries(
    {},
    optional={
        "amount": values,
        "total_amount": values,
        "initial_amount": values,
        "metadata": metadata | values,
        "items": st.lists(lines | st.just("odd"), max_size=3) | st.none(),
    },
)
data_of_order = st.fixed_dictionaries({}, optional={"order": orders | st.none()})
data_of_custom_event = st.fixed_dictionaries(
    {}, optional={"event": st.fixed_dictionaries({"metadata": metadata | values})}
)
profiles = st.fixed_dictionaries({}, optional={"metadata": metadata | values})
memberships = st.lists(st.sampled_from(SEGMENTS), unique=True).map(sorted)
tiers: st.SearchStrategy[Any] = st.sampled_from([None, "gold", ["gold", "id_1"]])


def _moment(now: datetime, days_off: float, seconds_off: int) -> str:
    return (now + timedelta(days=days_off, seconds=seconds_off)).isoformat()


moments = (
    st.builds(
        _moment,
        st.sampled_from(NOWS),
        st.sampled_from([0, 0, -1, 1, -2, 2, -0.5, 0.25, -30, 30, -36, 36, 366]),
        st.sampled_from([0, 0, 0, 1, -1, 3600, -3600, 1800]),
    )
    | st.sampled_from(INSTANTS)
    | st.dates(datetime(1970, 1, 1).date(), datetime(1974, 12, 31).date()).map(str)  # noqa: DTZ001  (only the day)
)

few = st.sampled_from(["gold", "silver", 1, True])
dense_metadata = st.dictionaries(st.sampled_from(["a", "b"]), few | st.lists(few, max_size=2), max_size=2)
dense_lines = st.fixed_dictionaries(
    {"price": st.sampled_from([1, 2]), "product_id": st.sampled_from(IDS[:2])},
    optional={"quantity": st.sampled_from([1, 2]), "collections": st.sampled_from([["id_1"], [{"id": "id_3"}]])},
)
dense_orders = st.fixed_dictionaries(
    {"items": st.lists(dense_lines, max_size=4)},
    optional={"metadata": dense_metadata, "amount": st.sampled_from([1, 2])},
)
dense_profiles = st.fixed_dictionaries({"metadata": dense_metadata})
limits = st.fixed_dictionaries({"$more_than": st.sampled_from([1, 2, 3])})


def dense_rules() -> st.SearchStrategy[dict[str, Any]]:
    """Rules about few values, with all sorts of logic."""
    equals = st.fixed_dictionaries({"$is": some(few)})
    leaf = st.fixed_dictionaries(
        {
            "name": st.sampled_from(["customer.metadata", "order.metadata"]),
            "property": st.sampled_from(["a", "b"]),
            "conditions": equals | equals | st.fixed_dictionaries({"$is_not": some(few)}),
        }
    )
    segment = st.fixed_dictionaries({"name": st.just("customer.segment"), "conditions": segments_named})
    below = st.fixed_dictionaries({"name": st.sampled_from(IN_LINES), "conditions": limits})
    around = st.fixed_dictionaries(
        {"name": st.sampled_from(QUANTIFIERS), "conditions": quantified},
        optional={"rules": st.fixed_dictionaries({"1": below}, optional={"2": below})},
    )
    inner = st.lists(leaf | segment | around, min_size=1, max_size=4).flatmap(_with_logic)
    outer = st.builds(lambda one, rules: {**one, "rules": rules}, leaf, inner)
    return st.lists(leaf | segment | around | outer, min_size=1, max_size=4).flatmap(_with_logic)
