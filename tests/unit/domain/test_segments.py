"""The form of segments."""

import pytest

from streamproc.domain.problems import Problem
from tests.support.configuration import findings, judged, segment


def test_an_external_segment_is_accepted_with_all_that_it_holds() -> None:
    record = segment(note={"kept": [1, None]})
    assert judged("segments", record).record == record


@pytest.mark.parametrize("kind", ["static", "dynamic", "passive"])
def test_another_type_is_refused_with_what_is_allowed(kind: str) -> None:
    assert judged("segments", segment(type=kind)).errors == [
        Problem("$.type", "schema", f'"{kind}" is not allowed here; allowed: external')
    ]


def test_all_missing_fields_are_told_at_once() -> None:
    assert findings(judged("segments", {})) == [("$.id", "schema"), ("$.name", "schema"), ("$.type", "schema")]
