"""`streamproc codes`: pools of unique codes, filled and looked at."""

import asyncio
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BufferedReader

import click
import orjson
from pydantic import TypeAdapter, ValidationError
from rich.table import Table
from rich.text import Text

from streamproc.cli.connection import kafka_option, prefix_option, reach, settings_and_kafka
from streamproc.cli.database import database_option, reach_database
from streamproc.cli.examples import examples
from streamproc.cli.in_force import read_in_force
from streamproc.cli.input_file import InputFile
from streamproc.cli.json_lines import read_lines
from streamproc.cli.progress import Progress
from streamproc.cli.tables import console, id_table
from streamproc.codes.ledger import Ledger, Pool
from streamproc.codes.postgres import PostgresLedger
from streamproc.domain.codes import CODE_LENGTH, can_be_seen
from streamproc.domain.form import CODE_TEXT, ID_LENGTH, Id
from streamproc.errors import LedgerUnavailable
from streamproc.topics import Topic

_CODE = re.compile(CODE_TEXT)
_MARK = "\ufeff"  # with which some programs begin a file
_AT_ONCE = 50_000  # codes in one transaction
_SHOWN = 10  # lines that are named of each sort


@click.group(
    epilog=examples("streamproc codes import camp_spring codes.txt", "streamproc codes status"),
)
def codes() -> None:
    """Fill the pools of unique codes, and look at them.

    A campaign's codes are kept in PostgreSQL, each with the publication that it was given in.
    """


@codes.command(
    name="import",
    epilog=examples(
        "streamproc codes import camp_spring codes.txt",
        "zcat codes.gz | streamproc codes import camp_spring - --unchecked",
    ),
)
@click.argument("campaign", callback=lambda _context, _parameter, campaign: _checked_id(campaign))
@click.argument("file", type=InputFile())
@click.option("--unchecked", is_flag=True, help="Do not look whether the campaign is in force.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@database_option
@kafka_option
@prefix_option
def import_(
    *,
    address: str,
    campaign: str,
    file: BufferedReader,
    unchecked: bool,
    as_json: bool,
    brokers: str | None,
    prefix: str | None,
) -> None:
    """Put the codes of a FILE, one a line, into the pool of a CAMPAIGN; - is standard input.

    Blanks around a code and empty lines are passed over. Codes that the pool has or had already are told and change
    nothing, so an import that was broken off is simply made again. Lines that are no codes are told and left out.

    Exit status: 0; 1 when a line is no code, the campaign is not in force, or the import was broken off; 2 when the
    database or the brokers are not there, or the file cannot be read.
    """
    if not unchecked and not _is_in_force(campaign, brokers, prefix):
        click.echo(f"Error: no campaigns/{campaign} in force; push it first, or give --unchecked", err=True)
        sys.exit(1)
    report = ImportReport()
    try:
        _import(PostgresLedger(address), campaign, file, report)
    except (LedgerUnavailable, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        report.tell_so_far(campaign)
        sys.exit(2)
    except KeyboardInterrupt:
        report.tell_so_far(campaign)
        raise
    if as_json:
        click.echo(orjson.dumps({"campaign": campaign, **report.as_json()}))
    else:
        click.echo(f"{campaign}: {report.new:,} new, {report.duplicates:,} already there, {report.wrong:,} no codes")
    sys.exit(1 if report.wrong else 0)


def _checked_id(campaign: str) -> str:
    try:
        return TypeAdapter(Id).validate_python(campaign)
    except ValidationError:
        raise click.BadParameter(f"an id has 1 to {ID_LENGTH} characters, and no control characters") from None


@codes.command(epilog=examples("streamproc codes status", "streamproc codes status camp_spring --json"))
@click.argument("campaign", required=False)
@click.option("--json", "as_json", is_flag=True, help="One object a line, as JSON.")
@database_option
def status(*, address: str, campaign: str | None, as_json: bool) -> None:
    """Show how many codes each pool has left, and how many were given; or only that of one CAMPAIGN.

    Exit status: 0; 1 when there is no pool of this campaign; 2 when the database is not there.
    """
    pools = reach_database(_pools(address))
    shown = [pool for pool in pools if campaign in {None, pool.campaign_id}]
    if as_json:
        for pool in shown:
            click.echo(orjson.dumps({"campaign": pool.campaign_id, "free": pool.free, "given": pool.given}))
    elif shown:
        console().print(_table(shown))
    if campaign is not None and not shown:
        click.echo(f"Error: no codes of {campaign}; import some with `streamproc codes import`", err=True)
        sys.exit(1)


def _is_in_force(campaign: str, brokers: str | None, prefix: str | None) -> bool:
    _, kafka = settings_and_kafka({"kafka": brokers, "prefix": prefix}, "; or give --unchecked")
    return campaign in reach(kafka, read_in_force(kafka, Topic.CAMPAIGNS)).definitions


@dataclass(slots=True)
class ImportReport:
    """What has become of the lines of a file. Of each sort the first few lines are named on standard error."""

    new: int = 0
    duplicates: int = 0
    wrong: int = 0
    progress: Progress = field(default_factory=lambda: Progress("codes"))
    _named: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, int]:
        """Return the counts."""
        return {"new": self.new, "duplicates": self.duplicates, "wrong": self.wrong}

    def name(self, line: int, what: str) -> None:
        """Say what is the matter with a line, unless enough of the sort have been named."""
        named = self._named[what] = self._named.get(what, 0) + 1
        if named <= _SHOWN + 1:
            self.progress.end()
        if named <= _SHOWN:
            click.echo(f"line {line}: {what}", err=True)
        elif named == _SHOWN + 1:
            click.echo(f"more lines: {what}", err=True)

    def tell_so_far(self, campaign: str) -> None:
        """Say what is in the pool, though the import was broken off."""
        if done := self.new + self.duplicates:
            told = f"{campaign}: broken off; {done:,} codes are there, {self.new:,} of them new; import the file again"
            click.echo(told, err=True)


def _import(ledger: Ledger, campaign: str, file: BufferedReader, report: ImportReport) -> None:
    # The file is read outside of the event loop: there an interrupt would wait for the next line.
    with asyncio.Runner() as runner:
        try:
            for several in _batches(_read(file, report)):
                places = runner.run(ledger.add(campaign, [code for _, code in several]))
                report.duplicates += len(places)
                report.new += len(several) - len(places)
                for place in places:
                    report.name(several[place][0], "already there")
                report.progress.add(len(several))
        finally:
            report.progress.end()
            runner.run(ledger.close())


def _read(file: BufferedReader, report: ImportReport) -> Iterator[tuple[int, str]]:
    """Yield the codes with the numbers of their lines."""
    number = 0
    for lines in read_lines(file):
        for line in lines:
            number += 1
            code = _as_code(line)
            if code == "":
                continue
            if code is None:
                report.wrong += 1
                report.name(
                    number,
                    f"no code: 1 to {CODE_LENGTH} characters in UTF-8 that can be seen, no quotes or backslashes",
                )
            else:
                yield number, code


def _as_code(line: bytes) -> str | None:
    try:
        code = line.decode().removeprefix(_MARK).strip()
    except UnicodeDecodeError:
        return None
    # Beyond what a code may hold, nothing that a customer cannot see in it: files come from spreadsheets.
    is_code = len(code) <= CODE_LENGTH and _CODE.match(code) and can_be_seen(code)
    return code if is_code or not code else None


def _batches(found: Iterator[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    batch: list[tuple[int, str]] = []
    for one in found:
        batch.append(one)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


async def _pools(address: str) -> Sequence[Pool]:
    ledger = PostgresLedger(address)
    try:
        return await ledger.pools()
    finally:
        await ledger.close()


def _table(pools: list[Pool]) -> Table:
    table = id_table([pool.campaign_id for pool in pools], "campaign", "free", "given")
    for pool in pools:
        table.add_row(Text(pool.campaign_id), f"{pool.free:,}", f"{pool.given:,}")
    return table
