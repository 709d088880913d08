"""Questions about offsets: what a group has committed, and whether records stand between two of them."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError
from aiokafka.structs import TopicPartition

ASK_AGAIN_SECONDS = 0.1
POLL_MILLISECONDS = 100
FINAL = (GroupAuthorizationFailedError, TopicAuthorizationFailedError)


async def committed_offsets(
    admin: AIOKafkaAdminClient, group_id: str, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int | None]:
    """Return the committed offset of each partition, None where there is none.

    While the group's coordinator moves or loads, the client raises all kinds of errors or leaves partitions out of its
    answer; all of that means "ask again". Only a refusal is final.
    """
    while True:
        try:
            found = await admin.list_consumer_group_offsets(group_id, partitions=list(partitions))
        except FINAL:
            raise
        except KafkaError:
            found = {}
        if all(tp in found for tp in partitions):
            return {tp: found[tp].offset if found[tp].offset >= 0 else None for tp in partitions}
        await asyncio.sleep(ASK_AGAIN_SECONDS)


async def nothing_between(reader: AIOKafkaConsumer, tp: TopicPartition, start: int, end: int) -> bool:
    """Say whether no committed record stands from `start` up to `end`: offsets may be markers, or compacted away.

    Takes over the assignment of `reader`.
    """
    if start >= end:
        return True
    reader.assign([tp])
    reader.seek(tp, start)
    while await reader.position(tp) < end:
        fetched = await reader.getmany(tp, timeout_ms=POLL_MILLISECONDS, max_records=1)
        if any(record.offset < end for record in fetched.get(tp, ())):
            return False
    return True
