"""One worker process: from settings to an exit code."""

import asyncio
import gc
import os
import signal
import sys
from contextlib import AsyncExitStack
from time import monotonic
from typing import NoReturn

import structlog
import uvloop

from streamproc.app import Application, build_application
from streamproc.errors import FatalError, SettingsError
from streamproc.operations.logs import configure_logs
from streamproc.operations.web import served_pages
from streamproc.runtime.compiled import event_path_is_compiled, require_compiled_parts
from streamproc.runtime.process_memory import keep_freed_memory, use_large_pages
from streamproc.settings import Settings

log = structlog.get_logger(__name__)

STOPPED, FAILED = 0, 1
# Young objects die with their chunk and the old ones are for ever: collecting often costs a tenth of the event path.
GC_THRESHOLDS = (200_000, 20, 100)
LOOK_SECONDS = 1.0
# Half a minute: moving takes a core for as long as it takes, and a worker that has just started has better use for it.
LOOKS_BEFORE_LARGE_PAGES = 30


def run_worker(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT. Returns 0 after a clean stop; a fatal error ends the process from inside, with 1.

    Raises `SettingsError` when nothing can be started.
    """
    require_compiled_parts()
    configure_logs(settings.log_level, settings.log_format)
    gc.set_threshold(*GC_THRESHOLDS)
    keep_freed_memory()
    # By policy and not by uvloop.run, so that Faust's consumer thread gets one too.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(_run(settings))
    return STOPPED


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    application = build_application(settings)
    pages = served_pages(settings.web_host, settings.web_port, application.metrics, application.health, monotonic)
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(pages)
        except OSError as error:
            told = f"web_host, web_port: cannot serve there: {error}"
            raise SettingsError([f"{told} (variables STREAMPROC_WEB_HOST, STREAMPROC_WEB_PORT)"]) from error
        await _work(application, stop)


async def _work(application: Application, stop: asyncio.Event) -> None:
    log.info(
        "starting",
        kafka=application.settings.kafka,
        prefix=application.settings.prefix,
        pid=os.getpid(),
        event_path="compiled" if event_path_is_compiled() else "interpreted",
    )
    keeping = asyncio.create_task(_keep_what_is_restored(application, stop))
    try:
        in_time = not await _ready_to_start(application, stop) or await application.run(stop)
    except SettingsError:
        raise
    except FatalError as error:
        log.error("ending", reason=type(error).__name__, detail=str(error))  # noqa: TRY400  (expected; its text says all)
        _end_now(FAILED)
    except BaseException:
        log.exception("ending", reason="unexpected")
        _end_now(FAILED)
    finally:
        keeping.cancel()
    log.info("stopped")
    if not in_time:
        _end_now(STOPPED)  # what still waits for the brokers would keep the process


async def _keep_what_is_restored(application: Application, stop: asyncio.Event) -> None:
    """Whenever all tasks have become ready: what they hold will stay, so it is put where it is out of the way and near.

    It is taken out of the garbage collector's sight at once, and moved to large pages half a minute later. A move that
    is under way is given up when the worker is told to stop.

    The first time nothing is collected before: that looks at every object there is, all threads wait meanwhile (1.2 s
    with 100,000 definitions), and starting leaves next to nothing to collect. Later it looks at what has come since.
    """
    looks = 0
    kept = False
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        ready = application.gate.is_open and bool(application.tasks.owned) and application.tasks.ready
        looks = looks + 1 if ready else 0
        if looks == 1:
            if kept:
                gc.collect()
            gc.freeze()
            kept = True
        elif looks == LOOKS_BEFORE_LARGE_PAGES:
            log.info("memory_in_large_pages", bytes=await asyncio.to_thread(use_large_pages, stop.is_set))


async def _ready_to_start(application: Application, stop: asyncio.Event) -> bool:
    """Wait for the brokers, but not longer than until told to stop."""
    preflight, stopping = asyncio.create_task(application.preflight()), asyncio.create_task(stop.wait())
    await asyncio.wait([preflight, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not preflight.done():
        preflight.cancel()
        return False
    preflight.result()
    return True


def _end_now(code: int) -> NoReturn:
    """End without tidying up: nothing that runs after a fatal error may commit, and a restart restores everything."""
    sys.stderr.flush()
    os._exit(code)
