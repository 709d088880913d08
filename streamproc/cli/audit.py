"""`streamproc audit`: whether the books of unique codes add up."""

import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, get_args

import click
import orjson
from rich.text import Text

from streamproc.cli.connection import kafka_option, prefix_option, reach, settings_and_kafka
from streamproc.cli.database import database_option
from streamproc.cli.examples import examples
from streamproc.cli.latest import keep_latest
from streamproc.cli.progress import Progress
from streamproc.cli.reading import Consumed, read_to_end
from streamproc.cli.tables import console, id_table
from streamproc.clock import now_milliseconds
from streamproc.codes.audit import ADVICE, Audit, Audited, Claim, Finding, FindingKind
from streamproc.codes.books import Books
from streamproc.operations.topic_admin import shortest_retention
from streamproc.processing.waiting_requests import request_of
from streamproc.runtime.kafka import Kafka
from streamproc.topics import CHANNELS, Topic, deliveries

_DELIVERIES = tuple(deliveries(channel) for channel in CHANNELS)
_OF_CODES = b'"type":"codes"'
# Records that the broker is about to delete are not relied on.
_MARGIN_MILLISECONDS = 3_600_000
_AT_ONCE = 5_000
_NAMED = 10  # of each kind, without --json


@click.command(epilog=examples("streamproc audit", "streamproc audit --json"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@database_option
@kafka_option
@prefix_option
@click.option("--app-id", help="Consumer group of the workers; else STREAMPROC_APP_ID, else streamproc.")
def audit(*, address: str, as_json: bool, brokers: str | None, prefix: str | None, app_id: str | None) -> None:
    """Tell whether the books of unique codes add up: pools, publications and delivery jobs.

    Every code is free or given; what was given was published and sent, to one customer, once. Workers may go on
    meanwhile. Topics are looked at as far back as they keep their records, pools as a whole.

    Exit status: 0 when all adds up; 1 when something does not; 2 when the database or the brokers are not there.
    """
    settings, kafka = settings_and_kafka({"kafka": brokers, "prefix": prefix, "app_id": app_id})
    audited = reach(kafka, audit_codes(kafka, settings.app_id, address))
    if as_json:
        click.echo(orjson.dumps(_as_json(audited)))
    else:
        _show(audited)
    sys.exit(0 if audited.adds_up else 1)


async def audit_codes(kafka: Kafka, app_id: str, address: str) -> Audited:
    """Read everything, in the order that an audit wants. Names what somebody else has written, and passes it over."""
    books = Books(address)
    try:
        since = await _whole_since(kafka)
        auditing = Audit(books, datetime.fromtimestamp(since / 1000, UTC))
        await auditing.begin()
        auditing.under_way(await _under_way(kafka, app_id))
        for topics, is_job in (((Topic.PUBLICATIONS,), False), (_DELIVERIES, True)):
            progress = Progress("records of " + topics[0].partition(".")[0])
            async for records in _several(read_to_end(kafka, topics)):
                for is_whole in (False, True):
                    claims = [_read(one, is_job) for one in records if (one.timestamp >= since) is is_whole]
                    await auditing.take([claim for claim in claims if claim is not None], is_whole=is_whole)
                progress.add(len(records))
            progress.end()
        return await auditing.end()
    finally:
        await books.close()


async def _whole_since(kafka: Kafka) -> int:
    """Return from when on nothing is missing in the topics, in milliseconds."""
    topics = (Topic.PUBLICATIONS, *_DELIVERIES)
    kept = await shortest_retention(kafka.bootstrap, kafka.prefix, topics, security=kafka.security)
    return 0 if kept is None else max(now_milliseconds() - kept + _MARGIN_MILLISECONDS, 0)


async def _under_way(kafka: Kafka, app_id: str) -> set[str]:
    """Return the requests that are not done: not read yet, waiting for codes, or about to give theirs back."""
    asked = {
        (dict(record.headers).get("request-id") or b"").decode()
        async for record in read_to_end(kafka, [Topic.CODE_REQUESTS], app_id)
    }
    waiting: dict[tuple[int, bytes], str] = {}
    async for record in read_to_end(kafka, [Topic.CODE_STATE]):
        key, value = record.key or b"", record.value
        keep_latest(waiting, (record.partition, key), None if value is None else request_of(key, value))
    return asked | set(waiting.values())


def _read(one: Consumed, is_job: bool) -> Claim | None:
    try:
        return _claim(one.value, is_job)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        place = f"{one.topic} {one.partition}, offset {one.offset}"
        click.echo(f"{place}: no record of streamproc's making; passed over", err=True)
        return None


def _claim(value: bytes | None, is_job: bool) -> Claim | None:
    if value is None or (is_job and _OF_CODES not in value):
        return None
    record = orjson.loads(value)
    if is_job and record["action"]["type"] != "codes":
        return None
    said = record["action"] if is_job else record
    return Claim(
        record["publication"]["id"],
        said["campaign"]["id"],
        said["voucher"]["code"],
        record["customer"]["id"],
        record["id"] if is_job else None,
    )


async def _several(found: AsyncIterator[Consumed]) -> AsyncIterator[list[Consumed]]:
    """Yield many at a time."""
    several: list[Consumed] = []
    async for one in found:
        several.append(one)
        if len(several) == _AT_ONCE:
            yield several
            several = []
    if several:
        yield several


def _as_json(audited: Audited) -> dict[str, Any]:
    return {
        "adds_up": audited.adds_up,
        "campaigns": [
            {"campaign": one.campaign_id, **{name: getattr(one, name) for name in _COLUMNS}} for one in audited.pools
        ],
        "published": audited.published,
        "jobs": audited.jobs,
        "under_way": audited.under_way,
        "found": {kind: audited.of_kind(kind) for kind in get_args(FindingKind)},
        "findings": [asdict(finding) | {"advice": ADVICE[finding.kind]} for finding in audited.findings],
    }


_COLUMNS = ("imported", "made", "free", "given")


def _show(audited: Audited) -> None:
    shown = console()
    wrong = {campaign: 0 for _, campaign in audited.counts}
    campaigns = {*wrong, *(pool.campaign_id for pool in audited.pools)}
    table = id_table(campaigns, "campaign", *_COLUMNS, "wrong")
    for (_, campaign), number in audited.counts.items():
        wrong[campaign] += number
    for pool in audited.pools:
        numbers = [getattr(pool, name) for name in _COLUMNS] + [wrong.pop(pool.campaign_id, 0)]
        table.add_row(Text(pool.campaign_id), *(f"{number:,}" for number in numbers))
    for campaign, number in wrong.items():  # of which there is no pool
        table.add_row(Text(campaign), *("-" for _ in _COLUMNS), f"{number:,}")
    if table.rows:
        shown.print(table)
    shown.print(
        f"{audited.published:,} publications, {audited.jobs:,} delivery jobs with codes, "
        f"{audited.under_way:,} given to requests that are not done"
    )
    for kind in get_args(FindingKind):
        if number := audited.of_kind(kind):
            shown.print(Text(f"{kind}: {number:,}: {ADVICE[kind]}"))
            for finding in _first(audited.findings, kind):
                shown.print(Text(f"  {_told(finding)}"))
    shown.print("all adds up" if audited.adds_up else "it does not add up")


def _first(findings: Sequence[Finding], kind: FindingKind) -> list[Finding]:
    return [finding for finding in findings if finding.kind == kind][:_NAMED]


def _told(finding: Finding) -> str:
    told = {"campaign": finding.campaign_id, "publication": finding.publication_id, "code": finding.code}
    return ", ".join(f"{name} {value}" for name, value in told.items() if value is not None)
