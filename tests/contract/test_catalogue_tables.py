"""The tables of `schemas/README.md` are those of the catalogue."""

import re

from streamproc.domain.catalogue import CHANNELS, TRIGGERS
from streamproc.domain.rules.check_operators import FROM
from streamproc.domain.rules.operators import ALIASES, OPERATORS
from tests.support.catalogue_tables import DOCUMENT, matrix_table, with_tables


def test_the_tables_are_those_of_the_catalogue() -> None:
    assert DOCUMENT.read_text() == with_tables(DOCUMENT.read_text()), "run: make schemas"


def test_the_document_has_all_tables() -> None:
    text = DOCUMENT.read_text()
    assert all(f"| `{name}` |" in text for name in (*TRIGGERS, *CHANNELS))
    assert matrix_table() in text


def test_the_document_tells_of_every_operator_and_alias() -> None:
    told = re.findall(r"`(\$[a-z_]+)`", DOCUMENT.read_text())
    assert set(told) == {*OPERATORS, *ALIASES, FROM}


def test_a_cell_names_the_actions_that_go_with_a_trigger_and_a_channel() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in matrix_table().splitlines()]
    cells = {
        (row[0].strip("`"), channel): cell
        for row in rows[2:]
        for channel, cell in zip(rows[0][1:], row[1:], strict=True)
    }
    assert cells["customer.order.paid", "email"] == "PCM"
    assert cells["customer.order.paid", "klaviyo"] == "C"
    assert cells["customer.redemption.succeeded", "email"] == "M"
    assert cells["customer.redemption.succeeded", "braze"] == ""
