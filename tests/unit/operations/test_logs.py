"""Log lines: one for each thing that happens, for people or machines, and nothing of a customer in them."""

import json
import logging
import subprocess
import sys

import pytest

from streamproc.operations.logs import SILENCE_SECONDS, Repetitions

# In a process of its own: logging is set up once for all. Without a file there are no lines of source in a traceback.
FAILS = """
import structlog
def decide(customer):
    raise KeyError("email")
try:
    decide({"email": "ann@shop.example"})
except KeyError:
    structlog.get_logger("streamproc.worker").exception("ending", reason="unexpected")
"""
LIBRARIES_SPEAK = """
import logging
for name in ("faust", "aiokafka", "aiokafka.consumer.fetcher"):
    logging.getLogger(name).warning("from " + name)
    logging.getLogger(name).error("error from " + name)
"""


def printed(code: str, style: str | None, level: str = "info") -> str:
    """Run code with these logs, None for those that structlog has by itself; return all that was printed."""
    begin = f"from streamproc.operations.logs import configure_logs\nconfigure_logs({level!r}, {style!r})\n"
    given = code if style is None else begin + code
    done = subprocess.run([sys.executable, "-c", given], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize("style", ["console", "json"])
def test_a_traceback_shows_no_values(style: str) -> None:
    told = printed(FAILS, style)
    assert "Traceback" in told
    assert "KeyError" in told
    assert "ann@" not in told


def test_values_would_be_shown_by_the_logs_that_structlog_has_by_itself() -> None:
    assert "ann@" in printed(FAILS, None)


def test_a_line_for_machines_is_one_object_with_its_event_and_fields() -> None:
    (line,) = printed(FAILS, "json").splitlines()
    told = json.loads(line)
    assert (told["event"], told["reason"], told["level"]) == ("ending", "unexpected", "error")
    assert told["logger"] == "streamproc.worker"


def test_libraries_say_only_what_matters_unless_everything_is_asked_for() -> None:
    told = [json.loads(line)["event"] for line in printed(LIBRARIES_SPEAK, "json").splitlines()]
    assert told == ["from faust", "error from faust", "error from aiokafka"]
    assert len(printed(LIBRARIES_SPEAK, "json", "debug").splitlines()) == 6


REPEATS = """
import logging
for name in ("aiokafka", "faust"):
    for node in (1, 2, 1, 1, 2):
        logging.getLogger(name).error("Unable connect to node with id %s", node)
"""


def test_a_client_that_tries_on_and_on_says_so_once_unless_everything_is_asked_for() -> None:
    told = [json.loads(line) for line in printed(REPEATS, "json").splitlines()]
    assert [line["event"][-1] for line in told if line["logger"] == "aiokafka"] == ["1", "2"]
    assert len([line for line in told if line["logger"] == "faust"]) == 5
    assert len(printed(REPEATS, "json", "debug").splitlines()) == 10


def passes(repetitions: Repetitions, created: float, error: Exception | None = None) -> bool:
    """Say the same at a time, perhaps with an exception."""
    exception = None if error is None else (type(error), error, None)
    record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, "Unexpected error", None, exception)
    record.created = created
    return repetitions.filter(record)


def test_what_was_said_long_ago_is_said_again() -> None:
    repetitions = Repetitions()
    times = (100.0 + seconds for seconds in (0, SILENCE_SECONDS - 0.1, SILENCE_SECONDS, SILENCE_SECONDS + 1))
    assert [passes(repetitions, time) for time in times] == [True, False, True, False]


def test_a_clock_that_is_set_back_silences_nothing() -> None:
    repetitions = Repetitions()
    assert [passes(repetitions, time) for time in (10_000, 6_400, 6_401)] == [True, True, False]


def test_an_exception_is_always_told() -> None:
    repetitions = Repetitions()
    assert passes(repetitions, 100.0, ValueError())
    assert passes(repetitions, 100.0, KeyError())


def test_a_message_whose_arguments_do_not_fit_raises_nothing_here() -> None:
    record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, "%s and %s", ("one",), None)
    assert Repetitions().filter(record)


def test_what_another_logger_says_is_another_thing() -> None:
    repetitions = Repetitions()
    names = ("aiokafka", "aiokafka.consumer", "aiokafka")
    records = [logging.LogRecord(name, logging.ERROR, "", 0, "the same", None, None) for name in names]
    assert [repetitions.filter(record) for record in records] == [True, True, False]
