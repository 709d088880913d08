"""`streamproc audit` on real topics and a real database: sound books, and each kind of damage."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from click.testing import CliRunner, Result

from streamproc.cli import main
from streamproc.codes.audit import ADVICE, FindingKind
from streamproc.codes.keys import publication_key
from streamproc.codes.postgres import PostgresLedger
from streamproc.codes.sql import migrations, query
from streamproc.domain.configuration import InForce
from streamproc.matching.definitions import Definitions
from streamproc.operations.topic_admin import create_topics
from streamproc.processing.codes import CodeProcessor
from streamproc.processing.processor import OutputRecord, Record, Slice
from streamproc.runtime.kafka import Kafka
from streamproc.runtime.store import StateStore
from streamproc.topics import Topic, deliveries
from tests.support.codes import NOW, codes
from tests.support.configuration import campaign
from tests.support.customer_task import CustomerTask
from tests.support.databases import fetch, fresh_database
from tests.support.streams import Sent, send

pytestmark = pytest.mark.broker

APP_ID = "audited"
IMPORTED = [f"CODE-{number}" for number in range(10)]


def requests(count: int) -> list[OutputRecord]:
    """Have a customer task ask for so many codes, each sent through two channels."""
    task = CustomerTask()
    task.put("campaigns", campaign())
    task.put("distributions", codes(channels=[{"type": "email"}, {"type": "sms"}]))
    for number in range(count):
        customer = {"id": f"cust_{number}", "email": "a@shop.example", "phone": "1"}
        data = {"customer": customer, "order": {"id": "ord_1", "amount": 9000}}
        created_at = "2026-11-24T10:00:00Z"
        task.events({"id": f"evt_{number}", "type": "customer.order.paid", "created_at": created_at, "data": data})
    return task.lanes[Topic.CODE_REQUESTS]


@dataclass
class Shop:
    """Requests, of which some were fulfilled; what stands in the topics and in the database."""

    kafka: Kafka
    database: str
    done: list[OutputRecord] = field(default_factory=list)
    written: dict[str, list[OutputRecord]] = field(default_factory=dict)

    def publication(self, number: int) -> str:
        """Return the id of one that is done."""
        return str(orjson.loads(self.done[number][1] or b"")["id"])

    async def fill(self) -> None:
        """Three requests are done; one is not read, one waits, one gives back, and each of these was given a code."""
        await create_topics(self.kafka.bootstrap, self.kafka.prefix, 1, 1)
        ledger = PostgresLedger(self.database)
        await ledger.add("camp_1", IMPORTED)
        several = requests(6)
        self.done, rest = several[:3], several[3:]
        offsets = await send(self.kafka, Topic.CODE_REQUESTS, cast("list[Sent]", several), 0)
        self.written = await self._fulfil(ledger, self.done)
        for topic, records in self.written.items():
            await self.write(topic, *records)
        await self._commit(offsets[3])
        await self._fulfil(ledger, rest)  # and the transaction is aborted
        waiting, returning = (orjson.loads(value or b"")["id"].encode() for _, value, _ in rest[1:])
        state: list[OutputRecord] = [
            (b"waiting/distr_codes\x00" + bytes(8), b'{"id":"%b"}' % waiting, []),
            (b"waiting/distr_codes\x00" + bytes(7) + b"\x01", b'{"id":"%b"}' % self.publication(0).encode(), []),
            (b"waiting/distr_codes\x00" + bytes(7) + b"\x01", None, []),
            (b"returning/" + returning, b'{"number":5}', []),
        ]
        await self.write(Topic.CODE_STATE, *state)
        await self._commit(offsets[3])
        await ledger.close()

    async def write(self, topic: str, *records: OutputRecord) -> None:
        """Append records."""
        await send(self.kafka, topic, cast("list[Sent]", records), 0)

    def audit(self, database: str | None = None, *arguments: str) -> Result:
        """Run the command."""
        given = ["audit", "--kafka", self.kafka.bootstrap, "--prefix", self.kafka.prefix, "--app-id", APP_ID]
        given += ["--postgres", database or self.database, *arguments]
        return CliRunner().invoke(main, given, env={}, catch_exceptions=False)

    def found(self, database: str | None = None) -> dict[str, int]:
        """Return what the command finds, by kind."""
        result = self.audit(database, "--json")
        told = orjson.loads(result.stdout)
        found = {kind: number for kind, number in told["found"].items() if number}
        assert (result.exit_code, told["adds_up"]) == ((1, False) if found else (0, True))
        assert len(told["findings"]) == sum(found.values())
        return found

    @staticmethod
    async def _fulfil(ledger: PostgresLedger, several: list[OutputRecord]) -> dict[str, list[OutputRecord]]:
        definitions = Definitions(ZoneInfo("UTC"))
        definitions.put("distributions", "distr_codes", InForce("distributions", "distr_codes", 0, codes()))
        processor = CodeProcessor(0, StateStore(), definitions)
        records = [Record(place, NOW, *request) for place, request in enumerate(several)]
        slices = [Slice(Topic.CODE_REQUESTS, 0, records)]
        processor.answer(await ledger.allocate(processor.ask(slices, NOW).wanted))
        return {topic: lane for (topic, _), lane in processor.process(slices, NOW).records.items()}

    async def _commit(self, offset: int) -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap, group_id=APP_ID, enable_auto_commit=False)
        await consumer.start()
        partition = TopicPartition(self.kafka.physical(Topic.CODE_REQUESTS), 0)
        consumer.assign([partition])
        await consumer.commit({partition: offset})
        await consumer.stop()


@pytest.fixture
def shop(kafka: str, topic_prefix: str, database: str) -> Shop:
    """One that is sound."""
    filled = Shop(Kafka(kafka, topic_prefix), database)
    asyncio.run(filled.fill())
    return filled


def test_sound_books_add_up_also_while_some_requests_are_not_done(shop: Shop) -> None:
    result = shop.audit(None, "--json")
    assert (result.exit_code, orjson.loads(result.stdout)) == (
        0,
        {
            "adds_up": True,
            "campaigns": [{"campaign": "camp_1", "imported": 10, "made": 0, "free": 4, "given": 6}],
            "published": 3,
            "jobs": 6,
            "under_way": 3,
            "found": dict.fromkeys(get_args(FindingKind), 0),
            "findings": [],
        },
    )
    assert [line.split() for line in shop.audit().stdout.splitlines()[:2]] == [
        ["campaign", "imported", "made", "free", "given", "wrong"],
        ["camp_1", "10", "0", "4", "6", "0"],
    ]


#: What is done to the database, and what has to be found; $1 is a publication that was published.
IN_DATABASE: dict[str, tuple[str, dict[FindingKind, int]]] = {
    "a free code is lost": (
        "DELETE FROM streamproc.codes WHERE code = 'CODE-9' AND $1::uuid IS NOT NULL",
        {"codes_missing": 1},
    ),
    "a publication is forgotten": (
        "UPDATE streamproc.codes SET publication = NULL, customer = NULL, given_at = NULL WHERE publication = $1",
        {"not_in_ledger": 1},
    ),
    "a publication is lost with its code": (
        "DELETE FROM streamproc.codes WHERE publication = $1",
        {"codes_missing": 1, "not_in_ledger": 1},
    ),
    "a code that was sent is given to somebody else": (
        "UPDATE streamproc.codes SET publication = gen_random_uuid() WHERE publication = $1",
        {"code_of_another": 1, "never_published": 1},
    ),
    "a code is another one": (
        "UPDATE streamproc.codes SET code = 'ANOTHER' WHERE publication = $1",
        {"wrong_code": 1},
    ),
    "a code is in another pool": (
        (
            "WITH other AS (INSERT INTO streamproc.pools (campaign_id, imported) VALUES ('camp_2', 1) RETURNING id)"
            "UPDATE streamproc.codes SET pool = other.id FROM other WHERE publication = $1"
        ),
        {"wrong_code": 1, "codes_missing": 1},
    ),
    "a code is another customer's": (
        "UPDATE streamproc.codes SET customer = gen_random_uuid() WHERE publication = $1",
        {"wrong_customer": 1},
    ),
    "codes are burnt": (
        (
            "UPDATE streamproc.codes SET publication = gen_random_uuid(), customer = $1::uuid, given_at = now() "
            "WHERE publication IS NULL"
        ),
        {"never_published": 4},
    ),
}


def test_each_damage_of_the_database_is_found(shop: Shop, postgres: str) -> None:
    name = urlsplit(shop.database).path.strip("/")
    found = {}
    for damage, (statement, _) in IN_DATABASE.items():
        with fresh_database(postgres, name) as copy:
            asyncio.run(fetch(copy, statement, publication_key(shop.publication(0))))
            found[damage] = shop.found(copy)
    assert found == {damage: expected for damage, (_, expected) in IN_DATABASE.items()}


def test_each_damage_of_the_topics_is_found_and_named_with_what_to_do(shop: Shop) -> None:
    (job, *_), (publication, *_) = shop.written[deliveries("email")], shop.written[Topic.PUBLICATIONS]

    def other(record: OutputRecord, **more: Any) -> OutputRecord:
        key, value, headers = record
        return (
            key,
            orjson.dumps(orjson.loads(value or b"") | {"publication": {"id": "pub_" + "f" * 32}} | more),
            headers,
        )

    asyncio.run(shop.write(deliveries("email"), job))
    assert shop.found() == {"sent_twice": 1}
    # The code of another one, in a publication that nobody has made.
    asyncio.run(shop.write(Topic.PUBLICATIONS, other(publication)))
    assert shop.found() == {"sent_twice": 1, "code_of_another": 1, "never_sent": 1}
    asyncio.run(shop.write(deliveries("sms"), other(job, id="job_other")))
    result = shop.audit()
    assert result.exit_code == 1
    assert [line.rstrip() for line in result.stdout.splitlines() if not line.startswith(" ")][1:] == [
        "camp_1    10        0     4     6      2",
        "4 publications, 8 delivery jobs with codes, 3 given to requests that are not done",
        f"code_of_another: 1: {ADVICE['code_of_another']}",
        f"sent_twice: 1: {ADVICE['sent_twice']}",
        "it does not add up",
    ]
    code = orjson.loads(publication[1] or b"")["voucher"]["code"]
    assert f"  campaign camp_1, publication pub_{'f' * 32}, code {code}\n" in result.stdout


def test_what_somebody_else_has_written_is_named_and_passed_over(shop: Shop) -> None:
    foreign: list[OutputRecord] = [(b"x", value, []) for value in (b"{}", b"[]", b"{", b'{"action":{"type":"codes"}}')]
    asyncio.run(shop.write(Topic.PUBLICATIONS, *foreign))
    asyncio.run(shop.write(deliveries("email"), *foreign))
    result = shop.audit()
    assert result.exit_code == 0
    assert result.stderr.count("no record of streamproc's making; passed over") == 5


def test_a_damage_of_every_kind_is_among_these() -> None:
    in_topics = {"sent_twice", "never_sent"}
    assert {kind for _, kinds in IN_DATABASE.values() for kind in kinds} | in_topics == set(get_args(FindingKind))


def test_without_its_database_or_its_topics_it_says_so(kafka: str, topic_prefix: str, database: str) -> None:
    shop = Shop(Kafka(kafka, topic_prefix), database)
    missing = shop.audit("postgresql://postgres@127.0.0.1:1/none")
    assert (missing.exit_code, missing.stderr[:19]) == (2, "Error: PostgreSQL: ")
    newer = len(migrations()) + 1
    assert "no topic" in shop.audit().stderr  # but a schema by now
    asyncio.run(fetch(database, query("note_migration"), newer, newer))
    refused = shop.audit()
    assert (refused.exit_code, "upgrade streamproc" in refused.stderr) == (2, True)
    asyncio.run(fetch(database, "DELETE FROM streamproc.migrations WHERE number = $1", newer))
    without_topics = shop.audit()
    assert without_topics.exit_code == 2
    assert "make the topics with `streamproc topics create`" in without_topics.stderr
