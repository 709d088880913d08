from itertools import islice
from zoneinfo import ZoneInfo

from streamproc.cli.configuration_files import judge_configuration
from streamproc.cli.demo.comparison import Check, compare, compare_counts
from streamproc.cli.demo.outcome import Outcome
from streamproc.domain.configuration import Configuration, InForce
from streamproc.local.sample import CALLED_OFF, CONFIGURATION, EDITED, MANUAL, REJECTED
from streamproc.local.shop import Shop, ShopOptions
from streamproc.matching.definitions import Definitions
from streamproc.matching.segments import ComputedSegments
from streamproc.processing.customers import CustomerProcessor
from streamproc.processing.processor import Record, Slice
from streamproc.runtime.store import StateStore
from streamproc.topics import CHANNELS
from tests.support.full_recount import FullRecount, differing, written_customer

EVENTS = 20_000
CHUNK = 500


def test_the_sample_configuration_is_good_but_for_the_rule_that_nobody_wrote() -> None:
    verdicts = [verdict for _, verdict in judge_configuration(CONFIGURATION, Configuration())]
    assert [(verdict.id, verdict.errors) for verdict in verdicts if not verdict.accepted] == []
    assert [(verdict.id, verdict.warnings) for verdict in verdicts if verdict.warnings] == []
    assert {verdict.id: verdict.blocked for verdict in verdicts if verdict.blocked} == {
        "distr_winter_sale": ["missing validation-rules val_winter"]
    }


def test_the_record_for_show_is_rejected() -> None:
    ((_, verdict),) = judge_configuration(REJECTED, Configuration())
    assert [(problem.path, problem.code) for problem in verdict.errors] == [
        ("$.channels[1].type", "channel_not_allowed"),
        ("$.channels[2].payload", "bad_placeholder"),
    ]


def test_what_comes_later_is_good_as_well() -> None:
    configuration = Configuration()
    for folder in (CONFIGURATION, MANUAL, EDITED, CALLED_OFF):
        verdicts = [verdict for _, verdict in judge_configuration(folder, configuration)]
        assert [(verdict.id, verdict.errors, verdict.warnings) for verdict in verdicts if not verdict.accepted] == []


def test_the_sample_shows_every_channel_that_goes_without_codes() -> None:
    channels = {
        channel["type"]
        for _, verdict in judge_configuration(CONFIGURATION, Configuration())
        if verdict.kind == "distributions" and verdict.record
        for channel in verdict.record["channels"]
    }
    assert channels == set(CHANNELS) - {"mailchimp", "shopify"}


def test_the_recount_and_the_processor_agree_on_everything() -> None:
    definitions, segments, versions = sample_in_force()
    state, task_state = StateStore(), StateStore()
    processor = CustomerProcessor(0, state, task_state, definitions, segments)
    shop = Shop(ShopOptions(oversized=True))
    profiles = list(shop.profiles())
    events = list(islice(shop.events(), EVENTS))
    outcome, counted, recount = Outcome(), dict[str, int](), FullRecount(1)
    for topic, records in (("customers", profiles), ("customer-events", events)):
        for start in range(0, len(records), CHUNK):
            block = [
                Record(start + number, 0, key, value)
                for number, (_, key, value) in enumerate(records[start : start + CHUNK])
            ]
            output = processor.process([Slice(topic, 0, block)], now=0)
            state.commit()
            task_state.commit()
            for (lane, partition), written in output.records.items():
                for key, value, headers in written:
                    outcome.take(lane, partition, key, value, headers)
            for (metric, *labels), number in output.counts.items():
                if metric == "events":
                    counted[labels[1]] = counted.get(labels[1], 0) + number
    for _, key, value in profiles:
        recount.profile(key or b"", value)
    for _, key, value in events:
        recount.event(key, value or b"")
    checks = [*compare(recount, outcome, versions), compare_counts(recount, counted)]
    assert [check for check in checks if not check.passed] == []
    assert jobs_asked(checks) > EVENTS
    known = {key.decode(): written_customer(value) for key, value in state.items()}
    assert differing(known, recount.customers()) == []


def jobs_asked(checks: list[Check]) -> int:
    return next(check.asked for check in checks if check.name == "jobs missing")


def sample_in_force() -> tuple[Definitions, ComputedSegments, dict[str, int]]:
    definitions, segments = Definitions(ZoneInfo("UTC")), ComputedSegments(ZoneInfo("UTC"))
    versions = {}
    for _, verdict in judge_configuration(CONFIGURATION, Configuration()):
        assert verdict.id is not None
        assert verdict.record is not None
        in_force = InForce(verdict.kind, verdict.id, verdict.version, verdict.record)
        definitions.put(verdict.kind, verdict.id, in_force)
        if verdict.kind == "segments":
            segments.put(verdict.id, in_force)
        if verdict.kind == "distributions":
            versions[verdict.id] = verdict.version
    return definitions, segments, versions
