"""The way of a code: event, request, jobs and publication, and what the publication starts."""

from datetime import UTC
from typing import Any

import orjson
import pytest

from streamproc.domain.commands import send_command
from streamproc.local.recount import job_id
from streamproc.matching.definitions import Definitions
from streamproc.processing.processor import Output
from tests.support.codes import CodeTask, codes
from tests.support.configuration import campaign, distribution
from tests.support.customer_task import CustomerTask
from tests.support.ids import publication_id
from tests.unit.processing.test_customers import PARTITION, Json, Task, event

OWN_ID = publication_id("evt_1", "cus_1", "distr_codes", "camp_1")
PUBLISHED = {"event": "customer.publication.succeeded", "campaign_id": "camp_1"}
OBJECTS = (("campaigns", campaign()), ("distributions", codes()))
ON_PUBLICATION = distribution(
    id="distr_news",
    name="News",
    trigger=PUBLISHED,
    channels=[{"type": "email"}, {"type": "webhook", "url": "https://x.test/", "event_name": "x"}],
)


def give(output: Output, code: str = "CODE-1") -> Output:
    """Let the code task do its part of what a customer task has put out; there is one code for each request."""
    requests = output.records["code-requests", PARTITION]
    task = CodeTask(Definitions(UTC), PARTITION)
    task.import_codes(code, *(f"more-{number}" for number in range(len(requests) - 1)))
    return task.take(requests)


def lane(output: Output, topic: str) -> list[Any]:
    return [orjson.loads(value or b"") for _, value, _ in output.records.get((topic, PARTITION), [])]


def test_a_matched_codes_distribution_asks_for_one_code_and_sends_nothing_yet() -> None:
    task = Task(*OBJECTS)
    output = task.take(event())
    assert set(output.records) == {("code-requests", PARTITION)}
    assert [one["id"] for one in lane(output, "code-requests")] == [OWN_ID]
    assert output.counts == {("events", "customer.order.paid", "processed"): 1, ("code_requests",): 1}


def test_a_request_with_its_code_becomes_jobs_and_a_publication() -> None:
    output = give(Task(*OBJECTS).take(event()))
    assert set(output.records) == {("deliveries.email", PARTITION), ("publications", PARTITION)}
    assert lane(output, "deliveries.email")[0]["action"]["voucher"] == {"code": "CODE-1"}
    assert output.counts == {("jobs", "email"): 1, ("publications",): 1}


def test_a_publication_starts_the_distributions_of_its_campaign_and_changes_no_state() -> None:
    task = Task(*OBJECTS, ("distributions", ON_PUBLICATION))
    publications = give(task.take(event())).records["publications", PARTITION]
    before = task.customers
    (publication,) = publications
    output = task.take(publication[1], topic="publications")
    email, webhook = lane(output, "deliveries.email")[0], lane(output, "deliveries.webhook")[0]
    cause_id = f"evt_1#published:{OWN_ID}"
    assert email["id"] == job_id(cause_id, "cus_1", "distr_news", "email", 0)
    assert email["cause"] == {
        "event_id": "evt_1",
        "type": "customer.order.paid",
        "created_at": "2026-11-24T10:00:00Z",
        "via": f"published:{OWN_ID}",
    }
    assert webhook["payload"]["data"] == {
        "customer": {"id": "cus_1", "name": "Ann", "email": "ann@example.com"},
        "campaign": campaign(),
        "voucher": {"code": "CODE-1"},
        "publication": {"id": OWN_ID},
    }
    assert output.counts == {("jobs", "email"): 1, ("jobs", "webhook"): 1}
    assert (task.customers, task.staged) == (before, {})


def test_contacts_are_those_at_the_time_when_the_publication_comes_back() -> None:
    task = Task(*OBJECTS, ("distributions", ON_PUBLICATION))
    (publication,) = give(task.take(event())).records["publications", PARTITION]
    task.take({"id": "cus_1", "email": "new@example.com"}, topic="customers")
    output = task.take(publication[1], topic="publications")
    assert lane(output, "deliveries.email")[0]["customer"]["email"] == "new@example.com"
    task.take(None, topic="customers")
    output = task.take(publication[1], topic="publications")
    assert [decision["reason"] for decision in lane(output, "decisions")] == ["unknown_customer"] * 2


def test_a_publication_of_another_campaign_starts_nothing() -> None:
    other = distribution(trigger={**PUBLISHED, "campaign_id": "camp_2"})
    task = Task(*OBJECTS, ("campaigns", campaign(id="camp_2")), ("distributions", other))
    (publication,) = give(task.take(event())).records["publications", PARTITION]
    assert task.take(publication[1], topic="publications").records == {}


def test_an_upstream_publication_starts_distributions_unless_its_id_has_our_form() -> None:
    task = Task(*OBJECTS, ("distributions", ON_PUBLICATION))
    told = {"campaign": {"id": "camp_1"}, "voucher": {"code": "U"}}
    upstream = event("e_1", PUBLISHED["event"], publication={"id": "pub_upstream"}, **told)
    assert len(lane(task.take(upstream), "deliveries.email")) == 1
    ours = event("e_2", PUBLISHED["event"], publication={"id": OWN_ID}, **told)
    assert task.take(ours).records == {}
    assert task.told == [("ignored", "own_publication")]


def test_an_edited_campaign_is_in_the_next_request() -> None:
    task = Task(*OBJECTS)
    task.take(event())
    task.definitions.put("campaigns", "camp_1", task.in_force("campaigns", campaign(name="Summer")))
    (request,) = lane(task.take(event("evt_2")), "code-requests")
    assert request["publication"]["campaign"]["name"] == "Summer"


def test_a_codes_distribution_without_its_campaign_is_blocked() -> None:
    task = Task(("distributions", codes()))
    assert task.take(event()).records == {}
    task.definitions.put("campaigns", "camp_1", task.in_force("campaigns", campaign()))
    assert len(lane(task.take(event("evt_2")), "code-requests")) == 1


@pytest.mark.parametrize("value", [b"{", b"{}", b"[]", None])
def test_a_record_that_nobody_here_has_written_is_parked(value: Any) -> None:
    task = CodeTask(Definitions(UTC), PARTITION)
    output = task.take([(b"cus_1", value, [])])
    ((_, parked, headers),) = output.records["dead-letters", PARTITION]
    assert (parked, dict(headers)["reason"], dict(headers)["source-offset"]) == (value, b"unexpected_error", b"0")
    customers = Task()
    customers.take(value, topic="publications")
    assert customers.told == [("dead_letter", "unexpected_error")]


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "pub_1"},
        {"id": "pub_" + "A" * 32},
        {"id": None},
        {"publication": {"campaign": {"id": 5}}},
        {"publication": {"customer": {"id": None}}},
        {"publication": {"distribution": {}}},
    ],
)
def test_a_request_that_the_ledger_could_not_take_is_parked_and_the_others_get_their_codes(changed: Any) -> None:
    task = Task(("campaigns", campaign()), ("distributions", codes()))
    outputs = [task.take(event(one)) for one in ("e1", "e2")]
    (key, value, _), other = (one.records["code-requests", PARTITION][0] for one in outputs)
    record = orjson.loads(value or b"")
    for name, part in changed.items():
        record[name] = record[name] | part if isinstance(part, dict) else part
    line = CodeTask(task.definitions, PARTITION)
    line.import_codes("a")
    output = line.take([(key, orjson.dumps(record), []), other])
    assert output.counts["dead_letters", "unexpected_error"] == 1
    assert output.counts["jobs", "email"] == 1


def test_jobs_with_codes_of_one_chunk_go_to_their_channels_in_order() -> None:
    many: Json = {"channels": [{"type": "email"}, {"type": "shopify"}]}
    task = Task(("campaigns", campaign()), ("distributions", codes(**many)))
    output = give(task.take(event("e_1"), event("e_2")))
    for channel in ("email", "shopify"):
        jobs = lane(output, f"deliveries.{channel}")
        assert [job["cause"]["event_id"] for job in jobs] == ["e_1", "e_2"]


def test_a_release_asks_for_a_code_for_each_customer_and_the_publication_names_the_release() -> None:
    task = CustomerTask()
    task.put("campaigns", campaign())
    task.put("distributions", distribution(id="news", name="News", trigger=PUBLISHED))
    task.customers({"id": "ann", "email": "ann@x.y"}, {"id": "bob"})
    for customer in ("ann", "bob"):
        record = codes(kind="manual", audience={"customer": {"id": customer}}, id=f"d_{customer}")
        definition = orjson.dumps({"kind": "distributions", "id": record["id"], "version": 7, "object": record})
        task.commands(send_command(record["id"], definition, {"campaign": campaign()}, record["audience"]))
    task.run()
    assert [decision["reason"] for decision in task.told("decisions")] == ["missing_contact"]
    own_id = publication_id("release:d_ann", "ann", "d_ann", "camp_1")
    assert [one["id"] for one in task.told("code-requests")] == [own_id]
    code_task = CodeTask(task.definitions)
    code_task.import_codes("CODE-1")
    output = code_task.take(task.lanes["code-requests"])
    ((_, job, headers),) = output.records["deliveries.email", 0]
    assert orjson.loads(job or b"")["cause"] == {"release": "d_ann"}
    assert dict(headers)["cause-id"] == b"release:d_ann"
    task.take("publications", [record[:2] for record in output.records["publications", 0]])
    (news,) = task.told("deliveries.email")
    assert news["id"] == job_id(f"release:d_ann#published:{own_id}", "ann", "news", "email", 0)
    assert news["cause"] == {"release": "d_ann", "via": f"published:{own_id}"}
