import json

from click.testing import CliRunner

from streamproc.cli.status import Overview, status

STATUS = {"distribution_id": "distr_1", "version": 3, "state": "blocked", "problem": "missing segments seg_1"}


def told(identity: str, name: str) -> bytes:
    return json.dumps({"kind": "distributions", "id": identity, "version": 3, "object": {"name": name}}).encode()


def test_a_row_joins_the_status_with_the_name_in_force() -> None:
    overview = Overview()
    overview.take("distribution-status", b"distr_1", json.dumps(STATUS).encode())
    overview.take("definitions", b"distributions/distr_1", told("distr_1", "Thanks"))
    assert overview.rows(None) == [STATUS | {"name": "Thanks"}]


def test_rows_come_by_id_and_can_be_asked_for_one_by_one() -> None:
    overview = Overview()
    for identity in ("distr_2", "distr_1"):
        overview.take(
            "distribution-status", identity.encode(), json.dumps(STATUS | {"distribution_id": identity}).encode()
        )
    assert [row["distribution_id"] for row in overview.rows(None)] == ["distr_1", "distr_2"]
    assert [row["distribution_id"] for row in overview.rows("distr_2")] == ["distr_2"]
    assert overview.rows("distr_3") == []


def test_a_null_takes_a_distribution_away_and_other_kinds_are_passed_over() -> None:
    overview = Overview()
    overview.take("distribution-status", b"distr_1", json.dumps(STATUS).encode())
    assert overview.take("definitions", b"segments/seg_1", b"{}") is False
    assert overview.take("distribution-status", b"distr_1", None) is True
    assert overview.rows(None) == []


def test_without_brokers_named_it_says_which_variable_to_set() -> None:
    result = CliRunner().invoke(status, [], env={"STREAMPROC_KAFKA": ""})
    assert result.exit_code == 2
    assert result.output == "Error: kafka: not set; give --kafka or set STREAMPROC_KAFKA\n"
