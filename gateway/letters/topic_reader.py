"""Reads a Kafka topic from where it begins to where it ends, a page at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import ConsumerRecord, TopicPartition, errors
from aiokafka.admin import RecordsToDelete

from gateway.errors import SinkUnavailable
from gateway.kafka.cluster import Cluster
from gateway.kafka.reader import POLL, Clients, connected, partitions
from gateway.settings import KafkaSettings

PAGE = 200
"""Records that are taken over in one step."""


class Extent(NamedTuple):
    """What a partition holds now: offsets from `begin` on, and before `end`."""

    partition: int
    begin: int
    end: int


class TopicReader:
    """A consumer in no group, so that reading changes nothing. One partition at a time.

    Raises the client library's errors, and `TimeoutError` where the brokers say nothing.
    """

    def __init__(self, topic: str, clients: Clients, deadline: float) -> None:
        self._topic = topic
        self._consumer, self._admin = clients
        self._deadline = deadline

    async def extents(self) -> list[Extent]:
        """Return what each partition holds; raises `UnknownTopicOrPartitionError` without any."""
        async with asyncio.timeout(self._deadline):
            places = await partitions(self._admin, self._topic.__eq__)
        if not places:
            raise errors.UnknownTopicOrPartitionError
        async with asyncio.timeout(self._deadline):
            begins = await self._consumer.beginning_offsets(places)
            ends = await self._consumer.end_offsets(places)
        # Once for all: a client that is stopped soon after a new assignment does not stop.
        self._consumer.assign(places)
        self._consumer.pause(*places)
        return [Extent(each.partition, begins[each], ends[each]) for each in places]

    async def records(self, extent: Extent) -> AsyncGenerator[ConsumerRecord, None]:
        """Yield the records of `extent`, the oldest first. One extent at a time."""
        place = TopicPartition(self._topic, extent.partition)
        self._consumer.seek(place, extent.begin)
        self._consumer.resume(place)
        try:
            while page := await self._page(place, extent.end):
                for record in page:
                    yield record
        finally:
            self._consumer.pause(place)

    async def delete(self, partition: int, before: int) -> None:
        """Have the brokers delete what stands before the offset `before`."""
        place = TopicPartition(self._topic, partition)
        async with asyncio.timeout(self._deadline):
            await self._admin.delete_records({place: RecordsToDelete(before_offset=before)})

    async def _page(self, place: TopicPartition, end: int) -> list[ConsumerRecord]:
        """Return the next records before `end`; nothing only when there are none."""
        async with asyncio.timeout(self._deadline):
            # The end of a transaction takes an offset, and what compaction took leaves one.
            while await self._consumer.position(place) < end:
                found = await self._consumer.getmany(place, timeout_ms=POLL, max_records=PAGE)
                if page := [one for one in found.get(place, ()) if one.offset < end]:
                    return page
        return []


@asynccontextmanager
async def reading(
    topic: str, cluster: Cluster, settings: KafkaSettings
) -> AsyncIterator[TopicReader]:
    """Connect for the length of the block."""
    async with connected(cluster, settings) as clients:
        yield TopicReader(topic, clients, settings.request_timeout)


def unavailable(doing: str, topic: str, error: Exception) -> SinkUnavailable:
    """Return `error` as a sentence that says what to do, where there is something."""
    match error:
        case TimeoutError():
            why = "the brokers did not answer in time"
        case errors.UnknownTopicOrPartitionError():
            why = "the brokers have no such topic; create it, or correct delivery.deadLetter.kafka"
        case errors.TopicAuthorizationFailedError():
            why = "the brokers deny it; allow this user to read, write and delete there"
        case _:
            why = type(error).__name__
    return SinkUnavailable(f"{doing} the dead letters in Kafka topic {topic}: {why}")
