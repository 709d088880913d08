"""Whatever is pushed gets a verdict, and the verdict can be written."""

from typing import Any, get_args

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.domain.catalogue import CHANNELS, SELECTORS, TRIGGERS
from streamproc.domain.configuration import KINDS, Configuration, InForce
from streamproc.domain.judge import judge
from streamproc.domain.problems import RefusalCode
from streamproc.domain.rules.names import RULE_NAMES
from streamproc.domain.rules.operators import ALIASES, OPERATORS
from tests.support.configuration import campaign, distribution, put, segment, validation_rule

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXTS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)


def nearly(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object some of whose fields are missing, and some of which hold anything."""
    return st.fixed_dictionaries({}, optional={name: values | JSON for name, values in fields.items()})


IDS = st.sampled_from(["distr_1", "val_1", "seg_1", "camp_1", "promo_1", "ltr_gold", "other"])
CHANNEL = nearly(
    type=st.sampled_from(list(CHANNELS)),
    url=st.just("https://a.example"),
    event_name=TEXTS,
    headers=st.dictionaries(st.sampled_from(["x-a", "X-A", ""]), JSON, max_size=2),
    payload=st.sampled_from(['{"a": {{customer.name}}}', "{{", '{"a": "{{x}}"', '{"{{a}}": 1}', "{{customer.}}"]),
    raw=st.booleans(),
    fields=st.dictionaries(TEXTS, st.sampled_from(["{{customer.name}}", "{{x}}"]) | JSON, max_size=2),
)
DISTRIBUTION = nearly(
    id=IDS,
    name=TEXTS | st.just("Thanks"),
    status=st.just("live"),
    kind=st.sampled_from(["automatic", "manual"]),
    trigger=nearly(event=st.sampled_from(list(TRIGGERS)), **dict.fromkeys(SELECTORS, IDS)),
    audience=nearly(segment_id=IDS, customer=nearly(id=IDS)),
    action=nearly(type=st.sampled_from(["promotion", "codes", "message"]), promotion_tier_id=IDS, campaign_id=IDS),
    channels=st.lists(CHANNEL, max_size=3),
)
NODE = st.deferred(
    lambda: nearly(
        name=st.sampled_from(list(RULE_NAMES)),
        property=TEXTS,
        conditions=st.dictionaries(st.sampled_from([*OPERATORS, "$from", "$x"]), JSON, max_size=3),
        rules=RULES,
    )
)
RULES: st.SearchStrategy[Any] = st.deferred(
    lambda: st.fixed_dictionaries(
        {}, optional={"1": NODE | JSON, "2": NODE, "logic": st.sampled_from(["1 and 2", "1 or (2", "3", ""]) | JSON}
    )
)
TIERS = st.lists(nearly(id=IDS, name=TEXTS), max_size=3)
CODE = nearly(pattern=st.sampled_from(["A-##", "A", ""]), length=st.integers(-1, 200), charset=TEXTS)
ENTRY = nearly(conditions=st.dictionaries(st.sampled_from([*OPERATORS, *ALIASES, "$from", "$x"]), JSON, max_size=3))
ATTRIBUTE = st.sampled_from(["name", "metadata.a", "events.a.count", "summary.orders.total_count", "metadata", "x"])
FILTER = st.builds(
    lambda entries, junction: entries | junction,
    st.dictionaries(ATTRIBUTE | TEXTS, ENTRY | JSON, max_size=3),
    st.fixed_dictionaries({}, optional={"junction": st.sampled_from(["and", "OR", "nor"]) | JSON}),
)
RECORDS = {
    "distributions": DISTRIBUTION,
    "validation-rules": nearly(id=IDS, name=TEXTS, rules=RULES),
    "segments": nearly(
        id=IDS,
        name=TEXTS,
        type=st.sampled_from(["static", "dynamic", "dynamic", "external"]),
        customers=st.lists(TEXTS, max_size=3),
        filter=FILTER,
    ),
    "campaigns": nearly(
        id=IDS, name=TEXTS, type=st.just("static"), code=CODE, promotion_tiers=TIERS, loyalty_tiers=TIERS
    ),
}
PUSHED = st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(st.just(kind), RECORDS[kind] | JSON))


def shop() -> Configuration:
    configuration = Configuration()
    put(configuration, "campaigns", campaign(), 3)
    put(configuration, "segments", segment(), 3)
    put(configuration, "validation-rules", validation_rule(), 3)
    put(configuration, "distributions", distribution(), 3)
    return configuration


def push(kind: str, key: bytes | None, value: bytes | None, expected: bytes | None = None) -> None:
    """Judge, write the verdict, and put what was accepted in force."""
    configuration = shop()
    verdict = judge(kind, key, value, 9, expected, configuration)
    assert orjson.loads(orjson.dumps(verdict.as_json()))["accepted"] is verdict.accepted
    assert verdict.accepted is not bool(verdict.errors)
    assert {problem.code for problem in verdict.errors} <= set(get_args(RefusalCode))
    assert all(problem.path.startswith("$") and problem.message for problem in verdict.errors + verdict.warnings)
    if verdict.accepted:
        assert verdict.id is not None
        record = verdict.record
        in_force = InForce(kind, verdict.id, 9, record) if record is not None else None
        configuration.apply(kind, verdict.id, in_force)
        assert configuration.get(kind, verdict.id) == in_force
        if kind == "distributions":
            assert configuration.blocked(verdict.id) == verdict.blocked
    else:
        assert verdict.record is None
        assert verdict.blocked == []


@given(pushed=PUSHED, key=st.none() | IDS.map(str.encode) | st.binary(max_size=4))
@settings(max_examples=400)
def test_any_object_gets_a_verdict(pushed: tuple[str, Any], key: bytes | None) -> None:
    kind, record = pushed
    push(kind, key, orjson.dumps(record))


@given(
    kind=st.sampled_from(KINDS),
    key=st.none() | st.binary(max_size=4),
    value=st.none() | st.binary(max_size=30),
    expected=st.none() | st.binary(max_size=3),
)
def test_any_bytes_get_a_verdict(kind: str, key: bytes | None, value: bytes | None, expected: bytes | None) -> None:
    push(kind, key, value, expected)


@given(kind=st.sampled_from(KINDS), depth=st.integers(1, 1100), field=st.sampled_from(["rules", "channels", "note"]))
@settings(max_examples=50)
def test_deep_nesting_gets_a_verdict(kind: str, depth: int, field: str) -> None:
    for opened, closed in ((b'{"1":{"rules":', b"}}"), (b"[", b"]")):
        value = b'{"id":"x","%s":' % field.encode() + opened * depth + b"{}" + closed * depth + b"}"
        push(kind, b"x", value)
