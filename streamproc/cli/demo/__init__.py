"""`streamproc demo`: the whole thing on this machine, with a verdict.

Reading order: `run` (what happens), `manual` (the part with a hold), `worker`, `waiting`, `arrivals` and `display`
(while it runs), `outcome` and `comparison` (the verdict).
"""

import asyncio
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
import orjson
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from streamproc.cli.connection import kafka_of, silence_client
from streamproc.cli.demo.display import Display
from streamproc.cli.demo.run import DemoOptions, DemoResult, run_demo
from streamproc.cli.examples import examples
from streamproc.errors import LocalBrokerError, SettingsError, StreamprocError
from streamproc.local import state
from streamproc.local.jars import has_to_fetch
from streamproc.local.kafka import answering_broker, existing_broker
from streamproc.local.kafka import kafka as local_or_existing_kafka
from streamproc.runtime.kafka import Kafka
from streamproc.settings import load_settings


@click.command(epilog=examples("streamproc demo", "streamproc demo --events 20000 --seed 7 --json"))
@click.option(
    "--events", type=click.IntRange(2), default=100_000, show_default=True, help="How many events are played."
)
@click.option(
    "--rate", type=click.FloatRange(1), default=1000, show_default=True, help="Events a second in the steady part."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed plays the same shop.")
@click.option("--keep", is_flag=True, help="Play on the broker of `streamproc local up`, and leave all topics there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document at the end, and nothing else.")
def demo(*, events: int, rate: float, seed: int, keep: bool, as_json: bool) -> None:
    """Play a made-up shop through a real Kafka and a worker, and check what comes out.

    Starts a broker (STREAMPROC_KAFKA names an existing one instead), pushes a sample configuration, starts a worker
    and plays events: first at a steady rate, to measure latency, then as fast as they go. At the end everything that
    came out is compared with a separate count of what had to. Nothing is left running, and no topics, but with --keep.

    Exit status: 0 when all is as it has to be; 1 when not; 2 when there is no broker or a setting is wrong.
    """
    silence_client()
    display = Display(Console(), silent=as_json)
    options = DemoOptions(events, rate, seed)
    begun = time.monotonic()
    try:
        with _terminated_as_interrupted(), _broker(display, keep=keep) as bootstrap, _log(keep=keep) as log:
            result = asyncio.run(_play(bootstrap, options, display, log, keep=keep))
    except (LocalBrokerError, SettingsError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except (StreamprocError, KafkaError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo("interrupted; everything has been stopped", err=True)
        sys.exit(130)
    if as_json:
        click.echo(orjson.dumps(_as_json(options, result)))
    else:
        _show(display, options, result, time.monotonic() - begun)
    sys.exit(0 if result.passed else 1)


async def _play(bootstrap: str, options: DemoOptions, display: Display, log: Path, *, keep: bool) -> DemoResult:
    name = f"demo-{uuid.uuid4().hex[:8]}"
    kafka = kafka_of(load_settings({"kafka": bootstrap, "prefix": f"{name}."}))
    try:
        return await run_demo(kafka, name, options, display, log)
    finally:
        if keep:
            display.say(f"kept: export STREAMPROC_KAFKA={bootstrap} STREAMPROC_PREFIX={kafka.prefix}; log {log}")
        elif existing_broker():
            await _delete_topics(kafka)


async def _delete_topics(kafka: Kafka) -> None:
    admin = kafka.admin()
    await admin.start()
    try:
        if topics := [topic for topic in await admin.list_topics() if topic.startswith(kafka.prefix)]:
            await admin.delete_topics(topics)
    finally:
        await admin.close()


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Tidy up on SIGTERM as on Ctrl-C, for the block."""
    former = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


@contextmanager
def _broker(display: Display, *, keep: bool) -> Iterator[str]:
    if not answering_broker():
        fetching = ", fetched first (43 MB, this once)" if has_to_fetch() else ""
        display.say(f"==> starting a Kafka broker on this machine{fetching}")
        if keep:
            found, _ = state.up(state.default_folder())
            assert found.bootstrap is not None
            yield found.bootstrap
            return
    with local_or_existing_kafka() as bootstrap:
        yield bootstrap


@contextmanager
def _log(*, keep: bool) -> Iterator[Path]:
    if keep:
        yield Path(tempfile.mkdtemp(prefix="streamproc-demo-")) / "worker.log"
        return
    with tempfile.TemporaryDirectory(prefix="streamproc-demo-") as folder:
        yield Path(folder) / "worker.log"


def _show(display: Display, options: DemoOptions, result: DemoResult, seconds: float) -> None:
    table = Table("check", "of", "wrong", box=None, pad_edge=False)
    for check in result.checks:
        table.add_row(check.name, f"{check.asked:,}", f"{check.wrong:,}", style="" if check.passed else "bold red")
    display.show(table)
    for check in result.checks:
        for example in check.examples:
            display.say(f"    {check.name}: {example}")
    figures = result.figures
    if figures.latency_p50 is not None and figures.latency_p99 is not None:
        display.say(
            f"latency, from sending an event to reading its job, at {options.rate:,.0f} events/s, warmed up: "
            f"p50 {figures.latency_p50 * 1000:.0f} ms, p99 {figures.latency_p99 * 1000:.0f} ms"
        )
    display.say(
        f"burst: {figures.burst_events:,} events in {figures.burst_seconds:.1f} s, {figures.events_per_second:,.0f} "
        "events/s (one worker; broker, player and reader on the same machine)"
    )
    verdict = "PASSED" if result.passed else "FAILED"
    display.say(f"{verdict}: {options.events:,} events, {result.jobs:,} jobs, in {seconds:.0f} s")


def _as_json(options: DemoOptions, result: DemoResult) -> dict[str, object]:
    figures = result.figures
    return {
        "passed": result.passed,
        "events": options.events,
        "jobs": result.jobs,
        "checks": [asdict(check) for check in result.checks],
        "latency_p50_seconds": figures.latency_p50,
        "latency_p99_seconds": figures.latency_p99,
        "burst_events": figures.burst_events,
        "burst_seconds": figures.burst_seconds,
        "events_per_second": figures.events_per_second,
    }
