"""The pages "Write your first (manual) distribution" tell the truth: each command works and prints what they show."""

import asyncio
from pathlib import Path

import pytest

from streamproc.operations.topic_admin import create_topics
from streamproc.runtime.kafka import Kafka
from tests.support.first_distribution import LIVE, MANUAL_PAGE, PAGE, run, steps, timeless
from tests.support.workers import Workers

# Long enough for the steps that come before its end, on a slow machine.
HOLD_SECONDS = 9
OFFLINE_PART, _, LIVE_PART = PAGE.read_text().partition(LIVE)
FIVE, _, REST = OFFLINE_PART.partition("\n## Only some orders")


def test_five_commands_lead_from_an_empty_directory_to_a_job(tmp_path: Path) -> None:
    done = [(step.output, run(step, tmp_path, {})) for step in steps(FIVE)]
    assert len(done) == 5
    assert [printed for _, printed in done] == [shown or "" for shown, _ in done]
    assert '"id": "job_' in done[-1][1]


def test_the_rest_works_after_them(tmp_path: Path) -> None:
    for step in steps(OFFLINE_PART):
        assert run(step, tmp_path, {}) == (step.output or "")
    assert len(list(steps(REST))) == 3


@pytest.mark.broker
async def test_what_was_written_is_put_in_force_and_taken_out_again(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    await create_topics(kafka, topic_prefix, 2, 1)
    for step in steps(OFFLINE_PART):
        run(step, tmp_path, {})
    async with Workers(Kafka(kafka, topic_prefix), tmp_path, app_id=topic_prefix.strip(".")) as workers:
        await workers.started()
        for step in steps(LIVE_PART):
            settings = {"STREAMPROC_KAFKA": kafka, "STREAMPROC_PREFIX": topic_prefix}
            assert await asyncio.to_thread(run, step, tmp_path, settings) == step.output


@pytest.mark.broker
async def test_a_manual_distribution_is_saved_edited_called_off_and_sent(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    await create_topics(kafka, topic_prefix, 2, 1)
    settings = {"STREAMPROC_KAFKA": kafka, "STREAMPROC_PREFIX": topic_prefix}
    brokers = Kafka(kafka, topic_prefix)
    async with Workers(brokers, tmp_path, app_id=topic_prefix.strip("."), settings={"HOLD": HOLD_SECONDS}) as workers:
        await workers.started()
        for step in steps(MANUAL_PAGE.read_text()):
            printed = await asyncio.to_thread(run, step, tmp_path, settings)
            assert timeless(printed) == timeless(step.output or "")
