"""Hypothesis strategies: filters that pass the checks, and customers for them to meet."""

from dataclasses import replace

from hypothesis import strategies as st

from streamproc.domain.customers import NEW_CUSTOMER, CustomerState
from streamproc.domain.orders import from_version_3
from tests.support.naive_filters import Known, Order
from tests.support.remembered_orders import remembered_orders
from tests.support.rule_strategies import conditions, metadata, moments, some, values

NAMES = ("left_review", "v1.2")
CAMPAIGNS = (("camp_1", "Spring v1.2"), ("camp_2", "camp_1"), ("camp_3", None))
ATTRIBUTES = (
    "name", "created_at", "birthdate", "source", "address.city", "metadata.a", "metadata.a.b", "metadata.a.b.c",
    "metadata.plan", "system_metadata.a", "loyalty.points", "summary.orders.total_count",
    "summary.orders.total_amount", "summary.orders.average_amount", "summary.orders.last_order_amount",
    "summary.orders.last_order_date", "summary.redemptions", "events.left_review.count", "events.left_review.last",
    "events.v1.2.count", "events.v1.2.last", "events.other.count", "events.left_review.first",
    "loyalty_points.campaigns.camp_1.points", "loyalty_points.campaigns.Spring v1.2.points",
    "loyalty_tier.campaigns.camp_1", "loyalty_tier.campaigns.camp_3",
)  # fmt: skip

#: Conditions of few sorts on which events and profiles often agree and disagree, beside those of every sort.
near = st.fixed_dictionaries(
    {},
    optional={
        "$is": some(st.sampled_from(["gold", 1, 0])),
        "$more_than": st.sampled_from([0, 1, "2", 30, -1]),
        "$less_than": st.sampled_from([[1], 2, "30"]),
        "$less_than_ago": st.sampled_from([1, 30]),
        "$is_not": st.just("gold"),
        "$has_value": st.booleans(),
    },
)
entries = st.fixed_dictionaries({}, optional={"conditions": near | conditions | st.none()})
filters = st.builds(
    lambda attributes, junction: {**junction, **attributes},
    st.dictionaries(st.sampled_from(ATTRIBUTES), entries, min_size=1, max_size=3),
    st.fixed_dictionaries({}, optional={"junction": st.sampled_from(["and", "or", "OR", None])}),
)

near_values = st.sampled_from(["gold", 0, 1, 2, 30]) | moments
profiles = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("name", "source", "created_at", "birthdate"), near_values | values),
        "metadata": st.dictionaries(st.sampled_from(["a", "plan", "a.b"]), near_values, max_size=2) | metadata | values,
        "address": st.dictionaries(st.just("city"), near_values) | values,
        "system_metadata": metadata,
        "metadata.a": near_values,
    },
)
amounts = st.sampled_from([0, 1, 2, 30, 0.5])
of_campaigns = st.lists(st.sampled_from(CAMPAIGNS), unique=True, max_size=3)
instants = st.sampled_from(["2026-11-24T09:59:59.999Z", "2026-11-23T10:00:00Z", "2026-10-25T10:00:00+02:00"])
customers = st.builds(
    Known,
    profiles,
    st.lists(st.builds(Order, amounts, instants), max_size=3),
    st.dictionaries(st.sampled_from(NAMES), st.tuples(st.integers(1, 3), instants)),
    of_campaigns.flatmap(lambda found: st.tuples(*(st.tuples(*map(st.just, one), amounts) for one in found)).map(list)),
    of_campaigns.flatmap(
        lambda found: st.tuples(*(st.tuples(*map(st.just, one), st.sampled_from(["gold", "1"])) for one in found)).map(
            list
        )
    ),
)


def state_of(known: Known) -> CustomerState:
    """The state that holds what is known."""
    counted = known.orders
    columns = [
        ",".join(f"ord_{place}" for place in range(len(counted))),
        ",".join(str(order.amount) for order in counted),
        ",".join(str(place) for place in range(len(counted))),
        ",".join(order.counted_at for order in counted),
    ]
    orders = from_version_3([*columns, len(counted), 0, 0])
    assert [order.counted for order in remembered_orders(orders)] == [order.counted_at for order in counted]
    return replace(
        NEW_CUSTOMER,
        profile=known.profile,
        orders=orders,
        occurrences={name: list(one) for name, one in known.events.items()},
        points={campaign: [value, name] for campaign, name, value in known.points},
        tiers={campaign: [value, name] for campaign, name, value in known.tiers},
    )
