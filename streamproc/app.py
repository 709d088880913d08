"""The composition root: settings in, a worker's parts put together out. The only place that knows them all."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import faust
from faust.auth import SASLCredentials, SSLCredentials

from streamproc.agents.codes import SOURCES as CODE_SOURCES
from streamproc.agents.codes import add_codes_agent
from streamproc.agents.control import SOURCES as CONTROL_SOURCES
from streamproc.agents.control import add_control_agent
from streamproc.agents.customers import SOURCES as CUSTOMER_SOURCES
from streamproc.agents.customers import add_customers_agent
from streamproc.clock import now_milliseconds
from streamproc.codes.desk import Desk, NoLedger
from streamproc.codes.ledger import Ledger
from streamproc.codes.levels import LevelReader, codes_free
from streamproc.codes.postgres import PostgresLedger
from streamproc.errors import SettingsError
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegments
from streamproc.operations.health import Health
from streamproc.operations.metrics import Metrics
from streamproc.operations.watch import Watch
from streamproc.processing.codes import CodeProcessor
from streamproc.processing.control import STORES as CONTROL_STORES
from streamproc.processing.control import ControlProcessor
from streamproc.processing.customers import CustomerProcessor
from streamproc.processing.processor import Slice
from streamproc.runtime.gate import Gate
from streamproc.runtime.host import Host, build_faust_app
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.lag import LagMonitor
from streamproc.runtime.preflight import require_topics, require_transactions, wait_for_brokers
from streamproc.runtime.security import client_security
from streamproc.runtime.store import TaskStore
from streamproc.runtime.table import TableReader
from streamproc.runtime.task import Stores, TaskOptions, TaskSpec, in_memory
from streamproc.runtime.tasks import Tasks
from streamproc.runtime.unread import Unread
from streamproc.settings import Settings
from streamproc.topics import CONFIG_TOPICS, Topic

if TYPE_CHECKING:
    from streamproc.runtime.disk_store import DiskStores

# Judging a record takes about 0.1 ms, in which no event of this worker is decided.
JUDGED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Application:
    """One worker, put together and not yet started."""

    settings: Settings
    kafka: Kafka
    faust: faust.App
    host: Host
    tasks: Tasks
    definitions: Definitions
    table: TableReader
    gate: Gate
    lag: LagMonitor
    metrics: Metrics
    health: Health
    watch: Watch
    ledger: Ledger
    unread: Unread
    levels: LevelReader
    disk: "DiskStores | None"
    #: How many partitions each topic has, once they were looked at.
    partitions: dict[str, int]

    async def preflight(self) -> None:
        """Wait for the brokers; raise `SettingsError` when they or their topics do not fit."""
        await wait_for_brokers(self.kafka, self.watch)
        await require_transactions(self.kafka)
        self.partitions.update(await require_topics(self.kafka, self.tasks.topics_together))

    async def run(self, stop: asyncio.Event) -> bool:
        """Work until told to stop, and say whether everything was let go in time; raises what is fatal."""
        readers = (self.table.run, self.gate.run, self.lag.run, self.levels.run, self.unread.run, self._follow_table)
        try:
            return await self.host.run(self.faust, self.tasks, readers, stop)
        finally:
            await self.ledger.close()
            await self.unread.close()
            if self.disk is not None:
                self.disk.close()

    async def _follow_table(self) -> None:
        """Keep what metrics and health say of the definitions up to date."""
        await self.gate.passed()
        self.health.tables_read = True
        while True:
            self.metrics.table_position.labels(self.table.topic).set(self.table.position)
            for kind, number in self.definitions.counts().items():
                self.metrics.definitions.labels(kind).set(number)
            await asyncio.sleep(1)


def build_application(settings: Settings) -> Application:
    """Put a worker together. Needs a running event loop; connects to nothing.

    Raises `SettingsError` when stores are to be on disk and cannot be.
    """
    disk = _disk_stores(settings.store_directory)
    kafka = Kafka(settings.kafka, settings.prefix, client_security(settings))
    metrics, health = Metrics(), Health(started_at=monotonic())
    watch = Watch(metrics, health, monotonic, kafka.logical)
    host = Host()
    definitions = Definitions(ZoneInfo(settings.time_zone))
    table = TableReader(kafka, Topic.DEFINITIONS, definitions.apply)
    gate = Gate(kafka, settings.app_id, CONFIG_TOPICS, table, watch, settings.tables_timeout, definitions.prepare)
    ledger = PostgresLedger(settings.postgres) if settings.postgres else NoLedger()
    health.code_requests = kafka.physical(Topic.CODE_REQUESTS)
    unread = Unread(kafka, CONFIG_TOPICS)
    partitions: dict[str, int] = {}
    specs = (
        _control_spec(settings, partitions, ledger, unread),
        _customer_spec(settings, definitions, gate, partitions),
        _code_spec(definitions, gate, Desk(ledger, watch)),
    )
    tasks = Tasks(specs, kafka, _task_options(settings, disk), watch, host.on_fatal)
    app = build_faust_app(
        group_id=settings.app_id,
        bootstrap=settings.kafka,
        credentials=_faust_credentials(settings),
        session_timeout_seconds=settings.session_timeout,
        tasks=tasks,
    )
    for add_agent in (add_control_agent, add_customers_agent, add_codes_agent):
        add_agent(app, kafka, tasks)
    return Application(
        settings=settings,
        kafka=kafka,
        faust=app,
        host=host,
        tasks=tasks,
        definitions=definitions,
        table=table,
        gate=gate,
        lag=LagMonitor(kafka, tasks, watch),
        metrics=metrics,
        health=health,
        watch=watch,
        ledger=ledger,
        unread=unread,
        disk=disk,
        levels=LevelReader(ledger, definitions.configuration, lambda: _owns_first_code_task(tasks), watch),
        partitions=partitions,
    )


def _task_options(settings: Settings, disk: "DiskStores | None") -> TaskOptions:
    return TaskOptions(
        group_id=settings.app_id,
        chunk_records=settings.chunk_records,
        linger_seconds=settings.linger_milliseconds / 1000,
        transaction_timeout_seconds=settings.transaction_timeout,
        make_store=in_memory if disk is None else partial(_make_store, disk),
    )


def _disk_stores(directory: str) -> "DiskStores | None":
    if not directory:
        return None
    try:
        from streamproc.runtime.disk_store import DiskStores  # noqa: PLC0415  (needs what comes with an extra)
    except ImportError:
        raise SettingsError(
            ["store_directory: needs RocksDB; install it with: pip install 'streamproc[disk]'"]
        ) from None
    return DiskStores(Path(directory))


def _make_store(disk: "DiskStores", name: str, partition: int) -> TaskStore:
    """Make a store, on disk if it grows with the number of customers."""
    return disk.make(name, partition) if name == Topic.CUSTOMER_STATE else in_memory(name, partition)


def _control_spec(settings: Settings, partitions: Mapping[str, int], ledger: Ledger, unread: Unread) -> TaskSpec:
    def build(_: int, stores: Stores) -> ControlProcessor:
        return ControlProcessor(
            stores,
            partitions=partitions[Topic.CUSTOMER_EVENTS],
            hold_milliseconds=round(settings.hold * 1000),
        )

    async def prepare(processor: ControlProcessor, _: Sequence[Slice]) -> None:
        read = processor.read_before_release(now_milliseconds())
        found = None if read is None else await unread.look(read)
        if found is not None:
            processor.take_unread(found)
        processor.take_codes_free(await codes_free(ledger, processor.codes_needed(now_milliseconds())))

    return TaskSpec("control", CONTROL_SOURCES, CONTROL_STORES, build, prepare=prepare, chunk_records=JUDGED_AT_ONCE)


def _customer_spec(settings: Settings, definitions: Definitions, gate: Gate, partitions: Mapping[str, int]) -> TaskSpec:
    def build(partition: int, stores: Stores) -> CustomerProcessor:
        return CustomerProcessor(
            partition,
            stores[Topic.CUSTOMER_STATE],
            stores[Topic.TASK_STATE],
            definitions,
            ComputedSegments(definitions.zone),
            partitions=partitions[Topic.CUSTOMER_EVENTS],
            dead_letter_limit=settings.dead_letter_limit,
        )

    return TaskSpec("customer", CUSTOMER_SOURCES, (Topic.CUSTOMER_STATE, Topic.TASK_STATE), build, gate.passed)


def _code_spec(definitions: Definitions, gate: Gate, desk: Desk) -> TaskSpec:
    def build(partition: int, stores: Stores) -> CodeProcessor:
        return CodeProcessor(partition, stores[Topic.CODE_STATE], definitions)

    async def prepare(processor: CodeProcessor, slices: Sequence[Slice]) -> None:
        await desk.serve(processor, processor.ask(slices, now_milliseconds()))

    return TaskSpec("code", CODE_SOURCES, (Topic.CODE_STATE,), build, gate.passed, prepare)


def _owns_first_code_task(tasks: Tasks) -> bool:
    return any((task.spec.kind, task.partition) == ("code", 0) for task in tasks.owned)


def _faust_credentials(settings: Settings) -> SASLCredentials | SSLCredentials | None:
    security = client_security(settings)
    if settings.security_protocol.startswith("SASL"):
        return SASLCredentials(
            mechanism=settings.sasl_mechanism,
            username=settings.sasl_username,
            password=settings.sasl_password,
            ssl_context=security.get("ssl_context"),
        )
    return SSLCredentials(security["ssl_context"]) if security else None
