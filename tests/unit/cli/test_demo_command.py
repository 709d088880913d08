import pytest
from click.testing import CliRunner

from streamproc.cli.demo import demo
from streamproc.cli.demo.run import DemoOptions


@pytest.mark.parametrize("arguments", [[], ["--keep"]])
def test_a_named_broker_that_does_not_answer_ends_it_at_once(arguments: list[str]) -> None:
    result = CliRunner().invoke(demo, arguments, env={"STREAMPROC_KAFKA": "127.0.0.1:1"})
    assert (result.exit_code, result.output) == (
        2,
        "Error: no broker answers at 127.0.0.1:1, which STREAMPROC_KAFKA names; unset it to start one here\n",
    )


@pytest.mark.parametrize(
    ("events", "rate", "steady", "warm_up"), [(100_000, 1000, 6000, 1500), (5000, 1000, 2500, 625), (2, 1, 1, 0)]
)
def test_the_steady_part_is_some_seconds_and_at_most_half(events: int, rate: float, steady: int, warm_up: int) -> None:
    options = DemoOptions(events, rate, seed=1)
    assert (options.steady, options.warm_up) == (steady, warm_up)
