"""What a group has committed, asked of the brokers until they give a whole answer."""

import asyncio
from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError
from aiokafka.structs import TopicPartition

ASK_AGAIN_SECONDS = 0.1
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
