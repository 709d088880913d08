"""What a designed payload renders is JSON, and what was designed, whatever the event holds."""

import json
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.domain.templates import check_template, compile_template

keys = st.text(st.characters(codec="utf-8", exclude_characters=".{}"), min_size=1, max_size=4)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="{}"), max_size=6)
)  # fmt: skip
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)
)

quick = settings(max_examples=200)


@quick
@given(json_values, json_values)
def test_bare_placeholders_keep_the_value_and_the_rest_of_the_payload_is_as_designed(fixed: Any, value: Any) -> None:
    text = '{"fixed": %s, "bare": {{order.x}}, "list": [{{order.x}}, {{order.none}}]}' % json.dumps(fixed)  # noqa: UP031
    assert check_template(text, {"order"}, "$") == []
    rendered = orjson.loads(compile_template(text).render({"order": {"x": value}}))
    assert rendered == {"fixed": fixed, "bare": value, "list": [value, None]}


@quick
@given(st.text(st.characters(codec="utf-8", exclude_characters="{}")), st.text(st.characters(codec="utf-8")))
def test_quoted_placeholders_are_filled_with_any_text(around: str, value: str) -> None:
    text = orjson.dumps({"a": around + "{{order.x}}" + around}).decode()
    rendered = orjson.loads(compile_template(text).render({"order": {"x": value}}))
    assert rendered == {"a": around + value + around}


@quick
@given(st.text(st.sampled_from('{}"\\:,[]order.x 1'), max_size=30))
def test_the_check_takes_any_text_and_what_it_passes_renders_to_json(text: str) -> None:
    if check_template(text, {"order"}, "$") == []:
        orjson.loads(compile_template(text).render({"order": {"x": {"a": ['"']}}}))
