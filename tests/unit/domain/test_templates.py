from collections.abc import Callable
from typing import Any

import orjson
import pytest

from streamproc.domain.problems import Problem
from streamproc.domain.templates import check_template, check_text, compile_template, compile_texts

OFFERED = {"customer", "order"}
PAYLOAD: dict[str, Any] = {
    "customer": {"name": 'Ann "A"', "metadata": {"a.b": 1, "a": {"b": 2, "c": "x"}}, "nothing": None},
    "order": {"amount": 1000, "ratio": 1.5, "paid": True, "items": [{"id": "i1"}, {"id": "i2"}]},
}


def render(text: str) -> str:
    return compile_template(text).render(PAYLOAD).decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": {{order.amount}}}', '{"a":1000}'),
        ('{"a": "{{order.amount}}"}', '{"a":"1000"}'),
        ('{"a": "Hi {{ customer.name }}!"}', '{"a":"Hi Ann \\"A\\"!"}'),
        ('{"a": {{order.paid}}, "b": "{{order.paid}}", "c": {{order.ratio}}}', '{"a":true,"b":"true","c":1.5}'),
        ("{{order.items.1}}", '{"id":"i2"}'),
        ('["{{order.items.0.id}}", {{order.items.7.id}}]', '["i1",null]'),
        ('{"a": {{customer.nothing}}, "b": "x{{customer.nothing}}y"}', '{"a":null,"b":"xy"}'),
        ('{"a": "{{customer.none.of.it}}"}', '{"a":""}'),
        ('{"a": {{customer.metadata.a.b}}, "c": {{customer.metadata.a.c}}}', '{"a":1,"c":"x"}'),
        ('{"a.b": 1, "a.c": {"d.e": {{order.amount}}}}', '{"a":{"b":1,"c":{"d":{"e":1000}}}}'),
        ('{"a.": 1, "..": 2}', '{"a.":1,"..":2}'),
        ('{"{{order.items.0.id}}": 1}', '{"i1":1}'),
        ('{"a": "{{order.items}}"}', '{"a":"[{\\"id\\":\\"i1\\"},{\\"id\\":\\"i2\\"}]"}'),
        ('{"a": "\\"{{order.amount}}\\" \\u00e9 \\\\"}', '{"a":"\\"1000\\" é \\\\"}'),
        ('{"a": {{order.paid}}, "b": [null, [], {}]}', '{"a":true,"b":[null,[],{}]}'),
        ('{"a": {"b": {{order.amount}}}}', '{"a":{"b":1000}}'),
        ('"\ue000 \\ue001 {{order.amount}}"', '"\ue000 \ue001 1000"'),
    ],
)  # fmt: skip
def test_placeholders_are_filled_quoted_as_text_and_bare_with_their_type(text: str, expected: str) -> None:
    assert check_template(text, OFFERED, "$.payload") == []
    assert render(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "not json", '{"a": 1{{order.amount}}}', '{"a": {{order.amount}', '{"a": "{{segment.id}}"}', "{{}}",
        '{"a": "{{ }}"}',
        "{{{order.amount}}}", "{ {{order.amount}}: 1}", '{"a": 1, "a.b": 2}', '{"a.b": 1, "a": {"b": 2}}', '"\\ud800"',
        '{"a": NaN}', '{"a": {{order.amount}},}', "[" * 150 + "]" * 150,
        '{"a": "{{order.' + "." * 1_000 + '}}"}', '{"' + "a." * 100_000 + 'a": 1}',
        '{"x.y": {"' + "a." * 60_000 + 'b": 1}, "x": {"y": {"' + "a." * 60_000 + 'c": 2}}}',
    ],
)  # fmt: skip
def test_what_is_no_json_once_filled_or_not_offered_is_refused(text: str) -> None:
    assert {problem.code for problem in check_template(text, OFFERED, "$.payload")} == {"bad_placeholder"}


@pytest.mark.parametrize(
    "nested",
    [
        lambda levels: '{"a":' * levels + "1" + "}" * levels,
        lambda levels: '{"' + "a." * (levels - 1) + 'a": 1}',
        lambda levels: '[{"a": {"' + "a." * (levels - 4) + 'a": [1]}}]',
    ],
    ids=["objects", "dots", "both"],
)
def test_a_key_with_dots_is_as_deep_as_the_objects_that_it_stands_for(nested: Callable[[int], str]) -> None:
    assert check_template(nested(99), OFFERED, "$") == []
    deepest = compile_template(nested(99)).fixed
    assert deepest is not None
    assert orjson.loads(deepest)
    (problem,) = check_template(nested(100), OFFERED, "$")
    assert problem == Problem("$", "bad_placeholder", "lists and objects stand at most 100 deep")


def test_each_name_that_is_not_offered_is_told_once_with_what_is_offered() -> None:
    assert check_text("{{a.b}} {{order.x}} {{c}} {{a.d}}", OFFERED, "$.fields.x") == [
        Problem(
            "$.fields.x", "bad_placeholder", "{{a.b}} is not offered; this trigger and action offer: customer, order"
        ),
        Problem(
            "$.fields.x", "bad_placeholder", "{{c}} is not offered; this trigger and action offer: customer, order"
        ),
    ]


def test_plain_texts_render_to_one_object_of_texts_and_their_names_do_not_nest() -> None:
    texts = compile_texts({"a.b": "{{order.amount}}", "c": "fixed", "d": "{{customer.nothing}}"})
    assert texts.render(PAYLOAD) == b'{"a.b":"1000","c":"fixed","d":""}'


def test_a_template_without_placeholders_is_known_to_be_fixed() -> None:
    assert compile_template('{"a.b": [1]}').fixed == b'{"a":{"b":[1]}}'
    assert compile_template('{"a": {{order.x}}}').fixed is None


def test_a_megabyte_of_open_quotes_or_of_strings_is_looked_through_once() -> None:
    texts = ['"' + '\\"' * 500_000, '"a",' * 250_000, "{{a " * 250_000, "{{" + " x" * 500_000, "{{order.x" * 100_000]
    assert [bool(check_template(text, OFFERED, "$")) for text in texts] == [True] * 5
