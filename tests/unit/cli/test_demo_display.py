import asyncio
import io
from collections import Counter

from rich.console import Console

from streamproc.cli.demo.arrivals import Arrivals
from streamproc.cli.demo.display import Display

NUMBERS = ("2.0 s  4 jobs", Counter(email=3, sms=1), Counter(distr_receipt=4))


async def shown(*, terminal: bool, silent: bool = False) -> str:
    output = io.StringIO()
    display = Display(Console(file=output, force_terminal=terminal, width=100), silent=silent)
    display.say("==> begun")
    async with display.live(lambda: NUMBERS):
        await asyncio.sleep(0)
    return output.getvalue()


async def test_without_a_terminal_it_writes_plain_lines() -> None:
    assert (await shown(terminal=False)).splitlines() == [
        "==> begun",
        "2.0 s  4 jobs",
        "    by channel: email 3, sms 1",
        "    by distribution: distr_receipt 4",
    ]


async def test_on_a_terminal_it_draws_jobs_by_channel_and_distribution() -> None:
    text = await shown(terminal=True)
    assert [word for word in ("email", "sms", "distr_receipt", "█", "\x1b[") if word not in text] == []


async def test_for_json_it_says_nothing() -> None:
    assert await shown(terminal=False, silent=True) == ""


def test_a_percentile_is_a_latency_that_was_seen() -> None:
    arrivals = Arrivals()
    arrivals.latencies = [0.004, 0.001, 0.003, 0.002]
    assert [arrivals.percentile(share) for share in (0.5, 0.99, 1)] == [0.002, 0.004, 0.004]
    assert Arrivals().percentile(0.5) is None
