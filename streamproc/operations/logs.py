"""How the worker logs: structlog, one event name and fields a line, for people or as JSON.

Faust, mode and aiokafka log through the standard library; their lines go through the same rendering.
"""

import logging
import sys
from typing import Any

import structlog

# What libraries may say, when not asked for `debug`. Faust and mode tell every step of every rebalance (the transport's
# services log under our module's name); aiokafka calls what it goes on to retry an error or a warning.
LIBRARY_LEVELS = {
    "faust": logging.WARNING,
    "mode": logging.WARNING,
    "streamproc.runtime.transport": logging.WARNING,
    "aiokafka": logging.ERROR,
    "aiokafka.consumer.group_coordinator": logging.CRITICAL,
    "aiokafka.consumer.fetcher": logging.CRITICAL,
}

#: For how long aiokafka does not say the same thing again.
SILENCE_SECONDS = 10.0
_REMEMBERED = 1_000  # things said


class Repetitions(logging.Filter):
    """Holds back what aiokafka has just said: in an outage each of its clients says the same ten times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str, str], float] = {}  # when, by logger, message and arguments

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is to be written."""
        if record.exc_info or not record.name.startswith("aiokafka"):
            return True
        # Not put together: a line that cannot be is told of by the handler, and must not raise where it was logged.
        said = (record.name, str(record.msg), repr(record.args))
        since = record.created - self._said.get(said, -SILENCE_SECONDS)
        is_new = not 0 <= since < SILENCE_SECONDS  # the machine's clock can be set back
        if is_new:
            if len(self._said) >= _REMEMBERED:
                self._said.clear()
            self._said[said] = record.created
        return is_new


def configure_logs(level: str, style: str) -> None:
    """Set up logging to standard error; `style` is `console` or `json`."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    rendering: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if style == "json"
        # The plain traceback: rich's would print local variables, and those are customers' data.
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    if level != "debug":
        handler.addFilter(Repetitions())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, quiet in LIBRARY_LEVELS.items():
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else quiet)
