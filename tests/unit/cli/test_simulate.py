"""`streamproc simulate`: files in, one line an event out."""

import json
import re
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.cli import main
from streamproc.cli.demo.outcome import cause_id
from streamproc.local.recount import Recount, job_id
from streamproc.local.sample import CONFIGURATION
from streamproc.local.shop import Shop, ShopOptions
from streamproc.topics import INPUT_LIMIT
from tests.support.codes import codes
from tests.support.configuration import campaign, distribution, dynamic_segment, segment, validation_rule
from tests.support.ids import publication_id

CREATED_AT = "2026-03-03T12:00:00Z"
ENTERED = {"event": "customer.segment.entered", "segment_id": "seg_1"}


def event(identity: str = "evt_1", customer: object = "ann", **fields: Any) -> dict[str, Any]:
    """A paid order of a customer with an address."""
    told = {"id": customer, "email": "ann@shop.example"}
    data = {"customer": told, "order": {"id": "ord_1", "amount": 500}} | fields.pop("data", {})
    return {"id": identity, "type": "customer.order.paid", "created_at": CREATED_AT, "data": data} | fields


def lines(*records: object) -> bytes:
    """Join lines: bytes as they are, other values as JSON."""
    return b"".join((one if isinstance(one, bytes) else orjson.dumps(one)) + b"\n" for one in records)


def configure(folder: Path, **kinds: list[object]) -> Path:
    for kind, records in kinds.items():
        place = folder / kind.replace("_", "-")
        place.mkdir(parents=True)
        (place / "all.jsonl").write_bytes(lines(*records))
    return folder


def simulate(config: Path, events: bytes, *arguments: object, customers: bytes | None = None) -> Result:
    files = config.parent / "files"
    files.mkdir(exist_ok=True)
    (files / "events.jsonl").write_bytes(events)
    given = ["--config", config, "--events", files / "events.jsonl", *arguments]
    if customers is not None:
        (files / "customers.jsonl").write_bytes(customers)
        given += ["--customers", files / "customers.jsonl"]
    return CliRunner().invoke(main, ["simulate", *map(str, given)], catch_exceptions=False, env={})


def told(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [orjson.loads(line) for line in result.stdout_bytes.splitlines()]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A message by e-mail on every paid order."""
    return configure(tmp_path / "config", distributions=[distribution()])


def test_an_event_becomes_a_line_with_the_jobs_and_decisions_of_the_worker(tmp_path: Path) -> None:
    both = distribution(channels=[{"type": "email", "template_id": "tpl_1"}, {"type": "sms"}])
    config = configure(tmp_path / "config", distributions=[both])
    cause = {"event_id": "evt_1", "type": "customer.order.paid", "created_at": CREATED_AT}
    assert told(simulate(config, lines(event()))) == [
        {
            "event_id": "evt_1",
            "outcome": "processed",
            "jobs": [
                {
                    # Taken with: printf 'evt_1\037ann\037distr_1\037email\0370' | b2sum -l 128
                    "id": "job_0620e83a3449ae2f47770c95c4dfbd15",
                    "distribution": {"id": "distr_1", "name": "Thanks", "version": 0},
                    "channel": "email",
                    "channel_index": 0,
                    "action": {"type": "message"},
                    "settings": {"template_id": "tpl_1"},
                    "customer": {"id": "ann", "email": "ann@shop.example", "name": None},
                    "cause": cause,
                    "created_at": CREATED_AT,
                }
            ],
            "decisions": [
                {
                    "distribution_id": "distr_1",
                    "version": 0,
                    "channel": "sms",
                    "channel_index": 1,
                    "reason": "missing_contact",
                    "cause": cause,
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    ("line", "event_id", "outcome", "reason"),
    [
        (b"{", None, "dead_letter", "invalid_json"),
        (b"\xff", None, "dead_letter", "invalid_json"),
        (b"null", None, "dead_letter", "invalid_event"),
        (b"[]", None, "dead_letter", "invalid_event"),
        (event(id=17), None, "dead_letter", "invalid_event"),
        (event(created_at="soon"), "evt_1", "dead_letter", "invalid_event"),
        (event(data={"customer": None}), "evt_1", "dead_letter", "invalid_event"),
        (event(customer=17), "evt_1", "dead_letter", "invalid_event"),
        (event(customer=""), "evt_1", "dead_letter", "invalid_event"),
        (event(type="till.opened", data={}), "evt_1", "ignored", "unknown_type"),
        (event(type="customer.updated"), "evt_1", "processed", None),
        (b" " * (INPUT_LIMIT + 1), None, "dead_letter", "too_large"),
        (orjson.dumps(event()).ljust(INPUT_LIMIT + 1), None, "dead_letter", "too_large"),
    ],
)
def test_every_line_has_its_outcome(
    config: Path, line: object, event_id: str | None, outcome: str, reason: str | None
) -> None:
    told_reason: dict[str, Any] = {"reason": reason} if reason else {}
    expected = {"event_id": event_id, "outcome": outcome, **told_reason, "jobs": [], "decisions": []}
    assert told(simulate(config, lines(line))) == [expected]


def test_an_id_that_comes_again_is_a_duplicate_whoever_the_customer_is(config: Path) -> None:
    outcomes = told(simulate(config, lines(event(), event(customer="bob"), event("evt_2"))))
    assert [(one["outcome"], len(one["jobs"])) for one in outcomes] == [
        ("processed", 1),
        ("duplicate", 0),
        ("processed", 1),
    ]


def test_an_upstream_echo_of_a_publication_of_ours_is_ignored(config: Path) -> None:
    echo = event(type="customer.publication.succeeded", data={"publication": {"id": "pub_" + "0" * 32}})
    assert [(one["outcome"], one["reason"]) for one in told(simulate(config, lines(echo)))] == [
        ("ignored", "own_publication")
    ]


def test_blank_lines_are_passed_over_and_the_last_line_needs_no_end(config: Path) -> None:
    events = b"\n" + lines(event()) + b"  \r\n\n" + lines(event("evt_2")).rstrip(b"\n")
    assert [one["event_id"] for one in told(simulate(config, events))] == ["evt_1", "evt_2"]


def test_dead_letters_do_not_stop_it_however_many(config: Path) -> None:
    outcomes = told(simulate(config, b"{\n" * 3_000 + lines(event())))
    assert Counter(one["outcome"] for one in outcomes) == {"dead_letter": 3_000, "processed": 1}


def test_customers_are_known_before_the_first_event_and_start_nothing(config: Path) -> None:
    nameless = event(data={"customer": {"id": "ann"}})
    profile = {"id": "ann", "email": "ann@home.example", "name": "Ann"}
    (without,) = told(simulate(config, lines(nameless)))
    (known,) = told(simulate(config, lines(nameless), customers=lines({"id": "ann"}, b"", profile)))
    assert [one["reason"] for one in without["decisions"]] == ["missing_contact"]
    assert [job["customer"] for job in known["jobs"]] == [profile]


def test_customers_are_loaded_also_when_the_first_lines_are_no_events(config: Path) -> None:
    nameless = event(data={"customer": {"id": "ann"}})
    profile = lines({"id": "ann", "email": "ann@home.example"})
    outcomes = told(simulate(config, b"{\n" * 200_000 + lines(nameless), customers=profile))
    assert [len(one["jobs"]) for one in outcomes[-2:]] == [0, 1]


def test_profiles_that_cannot_be_read_are_named_and_the_rest_is_loaded(config: Path) -> None:
    profile = {"id": "ann", "email": "ann@home.example"}
    result = simulate(
        config, lines(event(data={"customer": {"id": "ann"}})), customers=lines(b"{", b"", {"name": "Ann"}, profile)
    )
    assert [len(one["jobs"]) for one in told(result)] == [1]
    assert [line.rpartition("/")[2] for line in result.stderr.splitlines()] == [
        "customers.jsonl:1: not a customer: invalid_json",
        "customers.jsonl:3: not a customer: invalid_event",
    ]


def test_state_builds_up_from_the_events(tmp_path: Path) -> None:
    rules = {"1": {"name": "customer.segment", "conditions": {"$is": ["seg_1"]}}, "logic": "1"}
    paid = {"event": "customer.order.paid", "validation_rule_id": "val_1"}
    config = configure(
        tmp_path / "config",
        segments=[segment()],
        validation_rules=[validation_rule(rules=rules)],
        distributions=[distribution(trigger=paid)],
    )
    entered = event("evt_2", type="customer.segment.entered", data={"segment": {"id": "seg_1"}})
    outcomes = told(simulate(config, lines(event("evt_1"), entered, event("evt_3"))))
    assert [len(one["jobs"]) for one in outcomes] == [0, 0, 1]


def test_rejected_and_blocked_records_are_named_and_the_rest_runs(tmp_path: Path) -> None:
    config = configure(
        tmp_path / "config",
        segments=[segment(id="seg_2", type="passive")],
        distributions=[
            distribution(),
            distribution(channels=[]),
            distribution(id="distr_2", name="On entering", trigger=ENTERED),
        ],
    )
    result = simulate(config, lines(event()))
    assert [[job["distribution"]["version"] for job in one["jobs"]] for one in told(result)] == [[0]]
    assert [line.removeprefix(f"{config}/")[:70] for line in result.stderr.splitlines()] == [
        'segments/all.jsonl:1: segments/seg_2: rejected: schema at $.type: "pas',
        "distributions/all.jsonl:2: distributions/distr_1: rejected: schema at ",
        "distributions/all.jsonl:3: distributions/distr_2: blocked: missing seg",
    ]


def test_a_directory_without_configuration_runs_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    result = simulate(tmp_path / "config", lines(event()))
    assert [(one["outcome"], one["jobs"]) for one in told(result)] == [("processed", [])]
    assert result.stderr == f"{tmp_path / 'config'}: no configuration in it, so nothing will match\n"


@pytest.mark.parametrize(("zone", "jobs"), [([], 0), (["--time-zone", "Pacific/Auckland"], 1)])
def test_days_are_those_of_the_zone_and_without_one_of_utc(tmp_path: Path, zone: list[str], jobs: int) -> None:
    # Noon of a Tuesday in UTC is the first hour of Wednesday in Auckland.
    rules = {"1": {"name": "order.metadata", "property": "at", "conditions": {"$dow": [3]}}, "logic": "1"}
    paid = {"event": "customer.order.paid", "validation_rule_id": "val_1"}
    config = configure(
        tmp_path / "config",
        validation_rules=[validation_rule(rules=rules)],
        distributions=[distribution(trigger=paid)],
    )
    at = event(data={"order": {"id": "ord_1", "metadata": {"at": CREATED_AT}}})
    assert [len(one["jobs"]) for one in told(simulate(config, lines(at), *zone))] == [jobs]


def test_events_may_come_from_standard_input(config: Path) -> None:
    command = ["simulate", "--config", str(config), "--events", "-"]
    result = CliRunner().invoke(main, command, input=lines(event()))
    assert [one["event_id"] for one in told(result)] == ["evt_1"]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--events", "-"], "Missing option '--config'"),
        (["--config", "."], "Missing option '--events'"),
        (["--config", "nowhere", "--events", "-"], "Directory 'nowhere' does not exist"),
        (["--config", ".", "--events", "nowhere"], "'nowhere': No such file or directory"),
        (["--config", ".", "--events", "."], "'.': Is a directory"),
        (["--config", ".", "--events", "-", "--customers", "nowhere"], "'nowhere': No such file or directory"),
        (["--config", ".", "--events", "-", "--customers", "-"], "standard input can be read once"),
        (["--config", ".", "--events", "-", "--time-zone", "Mars"], "no time zone 'Mars'"),
    ],
)
def test_bad_use_ends_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], what: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["simulate", *arguments], env={})
    assert (result.exit_code, result.stdout) == (2, "")
    assert what in result.stderr


def test_configuration_that_cannot_be_read_ends_with_2(config: Path) -> None:
    (config / "distributions" / "b.json").symlink_to(config / "nowhere.json")
    result = simulate(config, lines(event()))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert "b.json" in result.stderr


def test_a_reader_that_has_seen_enough_is_no_error(config: Path) -> None:
    command = [sys.executable, "-m", "streamproc", "simulate", "--config", str(config), "--events", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdin.write(lines(event()))
        running.stdin.flush()
        # The first answer comes while the input is still open.
        assert orjson.loads(running.stdout.readline())["event_id"] == "evt_1"
        running.stdout.close()
        running.stdin.write(lines(event("evt_2")))
        running.stdin.close()
        assert running.stderr.read() == b""
        assert running.wait() == 0


def test_it_starts_without_the_parts_that_talk_to_kafka(config: Path) -> None:
    script = (
        "import sys\n"
        "from streamproc.cli import main\n"
        "try:\n"
        f"    main(['simulate', '--config', {str(config)!r}, '--events', '/dev/null'])\n"
        "finally:\n"
        "    print(*{'faust', 'aiokafka', 'mode', 'rich'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_on_the_sample_shop_it_agrees_with_the_separate_count(tmp_path: Path) -> None:
    """The recount shares nothing with what decides. Records without a value cannot stand in files."""
    shop = Shop(ShopOptions(seed=3, customers=500))
    profiles = [(key, value) for _, key, value in shop.profiles() if key is not None and value is not None]
    values = [value for _, _, value in islice(shop.events(), 20_000) if value]
    recount = Recount()
    for key, value in profiles:
        recount.profile(key, value)
    for value in values:
        recount.event(key_of(value), value)
    (tmp_path / "config").symlink_to(CONFIGURATION)
    outcomes = told(simulate(tmp_path / "config", lines(*values), customers=lines(*(value for _, value in profiles))))
    counts = Counter(one["outcome"] for one in outcomes)
    assert counts == {
        "processed": recount.processed,
        "ignored": recount.ignored,
        "duplicate": recount.duplicates,
        "dead_letter": recount.dead_letters.total(),
    }
    jobs = {job["id"]: (job, place) for place, one in enumerate(outcomes, 1) for job in one["jobs"]}
    assert {
        identity: (job["customer"]["id"], job["distribution"]["id"], job["channel"], place)
        for identity, (job, place) in jobs.items()
    } == {identity: (job.customer, job.distribution, job.channel, job.place) for identity, job in recount.jobs.items()}
    assert len(jobs) == sum(len(one["jobs"]) for one in outcomes) > 10_000
    decisions = Counter(
        (
            orjson.loads(values[place])["data"]["customer"]["id"],
            decision["distribution_id"],
            decision["channel"],
            decision["channel_index"],
            decision["reason"],
            cause_id(decision["cause"]),
        )
        for place, one in enumerate(outcomes)
        for decision in one["decisions"]
    )
    assert decisions == recount.decisions


def key_of(value: bytes) -> bytes | None:
    """Read the customer id with another parser than the command does."""
    try:
        identity = json.loads(value)["data"]["customer"]["id"]
    except (ValueError, KeyError, TypeError):
        return None
    return identity.encode() if isinstance(identity, str) else None


def test_codes_are_given_at_once_and_what_their_publication_starts_stands_behind_the_event_s_own(
    tmp_path: Path,
) -> None:
    published = {"event": "customer.publication.succeeded", "campaign_id": "camp_1"}
    config = configure(
        tmp_path / "config",
        campaigns=[campaign(code={"pattern": "PROMO-#####", "charset": "0123456789"})],
        distributions=[
            distribution(id="a", name="a", trigger=published, channels=[{"type": "email"}, {"type": "sms"}]),
            codes(id="b", name="b", channels=[{"type": "email"}, {"type": "sms"}, {"type": "shopify"}]),
            distribution(id="c", name="c"),
        ],
    )
    first, second = told(simulate(config, lines(event(), event("evt_2"))))
    jobs = first["jobs"]
    assert [(job["distribution"]["id"], job["channel"]) for job in jobs] == [
        ("b", "email"), ("b", "shopify"), ("c", "email"), ("a", "email"),
    ]  # fmt: skip
    publication = {"id": publication_id("evt_1", "ann", "b", "camp_1")}
    assert [job.get("publication") for job in jobs] == [publication, publication, None, None]
    assert jobs[0]["action"] == jobs[1]["action"]
    assert re.fullmatch(r"PROMO-\d{5}", jobs[0]["action"]["voucher"]["code"])
    assert second["jobs"][0]["action"]["voucher"] != jobs[0]["action"]["voucher"]
    assert jobs[3]["cause"]["via"] == f"published:{publication['id']}"
    assert [(one["distribution_id"], one["channel"], one["reason"]) for one in first["decisions"]] == [
        ("b", "sms", "missing_contact"), ("a", "sms", "missing_contact"),
    ]  # fmt: skip


def test_a_publication_comes_back_before_the_next_event(tmp_path: Path) -> None:
    published = {"event": "customer.publication.succeeded", "campaign_id": "camp_1"}
    config = configure(
        tmp_path / "config",
        campaigns=[campaign()],
        distributions=[distribution(trigger=published), codes()],
    )
    moved = event("evt_2", type="customer.updated", data={"customer": {"id": "ann", "email": "new@shop.example"}})
    first, _ = told(simulate(config, lines(event(), moved)))
    assert [job["customer"]["email"] for job in first["jobs"]] == ["ann@shop.example"] * 2


def test_whoever_joins_once_gets_the_same_code_again_and_starts_nothing_anew(tmp_path: Path) -> None:
    published = {"event": "customer.publication.succeeded", "campaign_id": "camp_1"}
    config = configure(
        tmp_path / "config",
        campaigns=[campaign(join_once=True)],
        distributions=[distribution(trigger=published), codes()],
    )
    first, again, other = told(simulate(config, lines(event(), event("evt_2"), event("evt_3", "bob"))))
    assert [len(one["jobs"]) for one in (first, again, other)] == [2, 1, 2]
    assert again["jobs"][0]["publication"] == first["jobs"][0]["publication"]
    assert again["jobs"][0]["action"] == first["jobs"][0]["action"] != other["jobs"][0]["action"]
    assert again["jobs"][0]["id"] != first["jobs"][0]["id"]


GOLD = dynamic_segment(id="seg_gold")
ON_GOLD = distribution(id="hello", name="hello", trigger=ENTERED | {"segment_id": "seg_gold"})


def updated(identity: str, club: str) -> dict[str, Any]:
    customer = {"id": "ann", "email": "ann@shop.example", "metadata": {"club": club}}
    return event(identity, type="customer.updated", data={"customer": customer})


def test_a_dynamic_segment_is_entered_as_the_state_builds_up(tmp_path: Path) -> None:
    config = configure(tmp_path / "config", segments=[GOLD], distributions=[ON_GOLD])
    result = told(simulate(config, lines(updated("a", "silver"), updated("b", "gold"), updated("c", "gold"))))
    assert [[job["cause"].get("via") for job in line["jobs"]] for line in result] == [[], ["entered:seg_gold"], []]


def test_those_known_from_the_start_have_entered_silently(tmp_path: Path) -> None:
    config = configure(tmp_path / "config", segments=[GOLD], distributions=[ON_GOLD])
    known = lines({"id": "ann", "metadata": {"club": "gold"}})
    result = told(
        simulate(config, lines(updated("a", "gold"), updated("b", "x"), updated("c", "gold")), customers=known)
    )
    assert [len(line["jobs"]) for line in result] == [0, 0, 1]


def test_those_known_from_the_start_are_known_since_the_first_event(tmp_path: Path) -> None:
    newcomers = {"created_at": {"conditions": {"$less_than_ago": [7]}}}
    newcomer = dynamic_segment(id="seg_new", filter=newcomers)
    left = {"event": "customer.segment.left", "segment_id": "seg_new"}
    config = configure(tmp_path / "config", segments=[newcomer], distributions=[distribution(trigger=left)])
    known = lines({"id": "ann", "email": "ann@shop.example", "created_at": "2026-03-01T00:00:00Z"})
    events = lines(event("a"), event("b", created_at="2026-03-09T00:00:00Z"))
    result = told(simulate(config, events, customers=known))
    assert [[job["cause"]["via"] for job in line["jobs"]] for line in result] == [[], ["left:seg_new"]]


def test_upstream_may_not_tell_who_belongs_to_a_computed_segment(tmp_path: Path) -> None:
    config = configure(tmp_path / "config", segments=[GOLD], distributions=[ON_GOLD])
    (line,) = told(simulate(config, lines(event(type=ENTERED["event"], data={"segment": {"id": "seg_gold"}}))))
    assert (line["outcome"], line["reason"], line["jobs"]) == ("dead_letter", "segment_is_computed", [])


def test_a_code_for_entering_a_segment_follows_from_the_event_and_its_publication_from_the_code(tmp_path: Path) -> None:
    bought = {"summary.orders.total_count": {"conditions": {"$more_than": [0]}}}
    buyers = segment(id="seg_1", name="Buyers", type="dynamic", filter=bought)
    published = {"event": "customer.publication.succeeded", "campaign_id": "camp_1"}
    config = configure(
        tmp_path / "config",
        campaigns=[campaign()],
        segments=[buyers],
        distributions=[codes(trigger=ENTERED), distribution(id="news", name="News", trigger=published)],
    )
    (line,) = told(simulate(config, lines(event())))
    code, news = line["jobs"]
    cause = {"event_id": "evt_1", "type": "customer.order.paid", "created_at": CREATED_AT}
    publication = publication_id("evt_1#entered:seg_1", "ann", "distr_codes", "camp_1")
    assert (code["cause"], code["publication"]) == ({**cause, "via": "entered:seg_1"}, {"id": publication})
    assert news["cause"] == {**cause, "via": f"published:{publication}"}
    assert news["id"] == job_id(f"evt_1#published:{publication}", "ann", "news", "email", 0)
