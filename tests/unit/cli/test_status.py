from click.testing import CliRunner

from streamproc.cli.status import status


def test_without_brokers_named_it_says_which_variable_to_set() -> None:
    result = CliRunner().invoke(status, [], env={"STREAMPROC_KAFKA": ""})
    assert result.exit_code == 2
    assert result.output == "Error: kafka: not set; give --kafka or set STREAMPROC_KAFKA\n"


def test_to_wait_for_a_state_needs_a_distribution() -> None:
    result = CliRunner().invoke(status, ["--until", "done"], env={"STREAMPROC_KAFKA": "127.0.0.1:1"})
    assert result.exit_code == 2
    assert result.output.endswith("Error: --until needs the ID of a distribution\n")


def test_a_state_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    result = CliRunner().invoke(status, ["distr_1", "--until", "sent"], env={"STREAMPROC_KAFKA": "127.0.0.1:1"})
    assert result.exit_code == 2
    assert "'sent' is not one of 'draft', 'blocked', 'live'" in result.output
