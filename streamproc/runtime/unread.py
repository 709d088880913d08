"""Whether anything stands in topics behind what has been read of them, asked of the brokers.

What a consumer has fetched does not tell: it may have been stopped for a while, or be far behind.
"""

import asyncio
from collections.abc import Iterable, Mapping

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streamproc.runtime.kafka import Kafka
from streamproc.runtime.offsets import nothing_between

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 2.0
# The client waits so long for each topic that it has not heard of, and who asks for an end waits with it.
_METADATA_MILLISECONDS = 20


class Unread:
    """Looks at topics with one partition."""

    def __init__(self, kafka: Kafka, topics: Iterable[str]) -> None:
        self._kafka = kafka
        self._partitions = [TopicPartition(kafka.physical(topic), 0) for topic in topics]
        self._asking = asyncio.Lock()
        self._reader: AIOKafkaConsumer | None = None
        #: By partition, from where to where no record was found.
        self._empty: dict[TopicPartition, tuple[int, int]] = {}

    async def run(self) -> None:
        """Connect, so that the first look need not."""
        await self.look({})

    async def look(self, read: Mapping[str, int]) -> Mapping[str, int] | None:
        """Return by logical topic its end now, where a committed record stands between that and what has been read.

        `read` has by topic the offset that comes next; those without are not looked at. None: the brokers do not tell.
        """
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                async with self._asking:
                    return await self._look(read)
        except (KafkaError, TimeoutError) as error:
            log.warning("end_of_topics_not_known", error=repr(error))
            await self.close()
            return None

    async def close(self) -> None:
        """Let the connections go."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.stop()

    async def _look(self, read: Mapping[str, int]) -> dict[str, int]:
        if self._reader is None:
            self._reader = await _started(self._kafka)
        unread = {}
        for tp, end in (await self._reader.end_offsets(self._partitions)).items():
            topic = self._kafka.logical(tp.topic)
            start = read.get(topic, end)
            if start < end and not await self._holds_nothing(tp, (start, end)):
                unread[topic] = end
        return unread

    async def _holds_nothing(self, tp: TopicPartition, span: tuple[int, int]) -> bool:
        """Tell whether these offsets are markers of transactions, or compacted away."""
        if self._empty.get(tp) == span:
            return True
        # A reader of its own: the other one would go on fetching what it was assigned here.
        reader = await _started(self._kafka)
        try:
            if not await nothing_between(reader, tp, *span):
                return False
        finally:
            await reader.stop()
        self._empty[tp] = span
        return True


async def _started(kafka: Kafka) -> AIOKafkaConsumer:
    reader = kafka.reader(retry_backoff_ms=_METADATA_MILLISECONDS)
    try:
        await reader.start()
    except BaseException:
        await reader.stop()
        raise
    return reader
