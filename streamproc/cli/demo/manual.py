"""The demo's two manual distributions to a new segment: one is edited and the other called off while they are held."""

from collections.abc import AsyncIterator, Collection
from pathlib import Path

from streamproc.cli.configuration_files import read_configuration
from streamproc.cli.demo.display import Display
from streamproc.cli.demo.waiting import until
from streamproc.cli.pushing import push
from streamproc.cli.reading import Consumed, follow, opened
from streamproc.cli.status_overview import Overview, line
from streamproc.local.expectations import MUG_SALE, TEA_SALE
from streamproc.local.sample import CALLED_OFF, EDITED, MANUAL
from streamproc.runtime.kafka import Kafka
from streamproc.topics import Topic

# In place of ten minutes; long enough to edit on a slow machine.
HOLD_SECONDS = 5.0

_OVER = frozenset({"paused", "done", "canceled"})


class _Followed:
    """The status of the two, shown with each change."""

    def __init__(self, kafka: Kafka, batches: AsyncIterator[list[Consumed]], display: Display) -> None:
        self._kafka = kafka
        self._batches = batches
        self._display = display
        self._overview = Overview()
        self._known: dict[str, str] = {}

    async def until_both(self, states: Collection[str]) -> None:
        """Return when each of the two has one of these states. Raises `DemoFailedError`."""
        both = (TEA_SALE.distribution, MUG_SALE.distribution)

        async def done() -> bool:
            for record in await anext(self._batches):
                identity = self._overview.take(self._kafka.logical(record.topic), record.key, record.value)
                if identity in both:
                    self._show(identity)
            return all(self._overview.row(identity)["state"] in states for identity in both)

        await until(done, f"the manual distributions are not {' or '.join(sorted(states))}")

    def _show(self, identity: str) -> None:
        told = line(self._overview.row(identity))
        if self._known.get(identity) != told:
            self._known[identity] = told
            self._display.say(f"    {told}")


async def play_manual(kafka: Kafka, display: Display) -> dict[str, int]:
    """Save both, edit one, call the other off, and wait until all is over; return their versions."""
    display.say(f"==> two manual distributions to a new segment, held for {HOLD_SECONDS:.0f} s instead of ten minutes")
    async with opened(kafka, [Topic.DISTRIBUTION_STATUS]) as reader:
        followed = _Followed(kafka, follow(reader), display)
        versions = await _push(kafka, MANUAL)
        await followed.until_both({"held"})
        display.say("==> one is edited, the other called off")
        versions |= await _push(kafka, EDITED)
        versions |= await _push(kafka, CALLED_OFF)
        await followed.until_both(_OVER)
    return versions


async def _push(kafka: Kafka, folder: Path) -> dict[str, int]:
    judged = [one async for one in push(kafka, list(read_configuration(folder)))]
    return {one.verdict["id"]: one.verdict["version"] for one in judged if one.record.kind == Topic.DISTRIBUTIONS}
