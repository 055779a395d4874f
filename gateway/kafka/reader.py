"""A consumer in no group: what it reads changes nothing at the brokers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from gateway.kafka.cluster import Cluster
from gateway.settings import KafkaSettings

POLL = 100
"""Milliseconds that the brokers may wait for records. Other requests wait behind such a poll."""

_FETCH_BYTES = 8 * 1024 * 1024

_FAREWELL = 5.0
"""For a client to close. Seconds."""

Isolation = Literal["read_committed", "read_uncommitted"]
Clients = tuple[AIOKafkaConsumer, AIOKafkaAdminClient]


@asynccontextmanager
async def connected(
    cluster: Cluster, settings: KafkaSettings, isolation: Isolation = "read_committed"
) -> AsyncIterator[Clients]:
    """Connect for the length of the block. Raises the library's errors, and `TimeoutError`."""
    common = {"bootstrap_servers": list(cluster.brokers), "client_id": "tidegate", **cluster.login}
    timeout = int(settings.request_timeout * 1000)
    consumer = AIOKafkaConsumer(
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation,
        fetch_max_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=POLL,
        request_timeout_ms=timeout,
        **common,
    )
    admin = AIOKafkaAdminClient(request_timeout_ms=timeout, **common)
    try:
        async with asyncio.timeout(settings.connect_timeout):
            await consumer.start()
            await admin.start()
        yield consumer, admin
    finally:
        await _closed(consumer, admin)


async def partitions(
    admin: AIOKafkaAdminClient, wanted: Callable[[str], bool]
) -> list[TopicPartition]:
    """Return the partitions of the topics that are wanted, in order."""
    # All topics: to ask for one by its name may create it.
    topics = await admin.describe_topics()
    return sorted(
        TopicPartition(topic["topic"], partition["partition"])
        for topic in topics
        if wanted(topic["topic"])
        for partition in topic["partitions"]
    )


async def _closed(consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> None:
    try:
        async with asyncio.timeout(_FAREWELL):
            await consumer.stop()
    except TimeoutError:
        await consumer._client.close()  # its own stop waits for brokers that are away
    await admin.close()
