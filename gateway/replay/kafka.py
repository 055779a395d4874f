"""Topics as a log: read by time, in no group, so that no group's offsets move."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition, errors

from gateway.context import Context
from gateway.errors import ConfigError, GatewayError, SourceUnavailable
from gateway.kafka.cluster import cluster_of
from gateway.kafka.reader import POLL, Clients, connected, partitions
from gateway.replay.log import Entry, Window
from gateway.sources.kafka.events import RecordEvents
from tidegate.api.subscription import KafkaTopic, Subscription

PAGE = 200
"""Records that are taken over in one step."""

_EPOCH = datetime.fromtimestamp(0, UTC)


class Extent(NamedTuple):
    """What a partition holds of a window: offsets from `begin` on, and before `end`."""

    place: TopicPartition
    begin: int
    end: int


class TopicLog:
    """The topics of a Kafka trigger.

    A partition is read from its first record of the window's start or later, up to the first one
    of its end or later, whatever the times of those between: so two windows that adjoin have each
    record once, also where producers' clocks differ.
    """

    def __init__(self, subscription: Subscription, context: Context, window: Window) -> None:
        spec = subscription.source
        assert isinstance(spec, KafkaTopic)
        self._name = f"{subscription.kind} {subscription.namespace}/{subscription.trigger}"
        self._subscription = subscription
        self._spec = spec
        self._context = context
        self._window = window
        self._deadline = context.settings.kafka.request_timeout
        self.passed = 0
        self.total: int | None = None

    async def pages(self) -> AsyncGenerator[Sequence[Entry], None]:
        """See `Log.pages`."""
        with self._translating():
            async with self._connected() as (consumer, admin):
                async with asyncio.timeout(self._deadline):
                    places = await partitions(admin, self._is_wanted)
                if not places:
                    raise errors.UnknownTopicOrPartitionError
                extents = await self._extents(consumer, places)
                self.total = sum(each.end - each.begin for each in extents)
                if self.total:
                    async with aclosing(self._read(consumer, extents)) as pages:
                        async for page in pages:
                            yield page

    def _is_wanted(self, topic: str) -> bool:
        spec = self._spec
        if spec.pattern:
            return re.fullmatch(spec.pattern, topic) is not None
        return topic == spec.topic or topic in spec.topics

    async def _extents(
        self, consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]
    ) -> list[Extent]:
        async with asyncio.timeout(self._deadline):
            # The end first: what is written meanwhile belongs to the time after this replay.
            ends = await consumer.end_offsets(places)
            begins = await _at_time(consumer, places, self._window.start)
            before = await _at_time(consumer, places, self._window.end)
        whole = [
            Extent(
                each, begins.get(each, ends[each]), min(before.get(each, ends[each]), ends[each])
            )
            for each in places
        ]
        return [each for each in whole if each.begin < each.end]

    async def _read(
        self, consumer: AIOKafkaConsumer, extents: Sequence[Extent]
    ) -> AsyncGenerator[Sequence[Entry], None]:
        left = {each.place: each for each in extents}
        events = {each: RecordEvents(each.topic, each.partition) for each in left}
        consumer.assign(list(left))
        for extent in extents:
            consumer.seek(extent.place, extent.begin)
        while left:
            found = await self._polled(consumer, left)
            page = [
                _entry(record, events[place])
                for place, records in found.items()
                for record in records
                if record.offset < left[place].end
            ]
            reached = {each.place: await consumer.position(each.place) for each in extents}
            self.passed = sum(min(reached[each.place], each.end) - each.begin for each in extents)
            for place in [each for each in left if reached[each] >= left[each].end]:
                consumer.pause(place)
                del left[place]
            if page:
                yield page

    async def _polled(
        self, consumer: AIOKafkaConsumer, left: Mapping[TopicPartition, Extent]
    ) -> Mapping[TopicPartition, list[ConsumerRecord]]:
        """Return the next records; none only when a partition has come to its end."""
        async with asyncio.timeout(self._deadline):
            while True:
                found: Mapping[TopicPartition, list[ConsumerRecord]] = await consumer.getmany(
                    *left, timeout_ms=POLL, max_records=PAGE
                )
                # The end of a transaction takes an offset, and what compaction took leaves one.
                ended = [
                    each
                    for each in left.values()
                    if await consumer.position(each.place) >= each.end
                ]
                if found or ended:
                    return found

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Clients]:
        cluster = await cluster_of(self._subscription, self._context)
        settings = self._context.settings.kafka
        async with connected(cluster, settings, self._spec.isolation) as clients:
            yield clients

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except (errors.KafkaError, OSError, TimeoutError) as error:
            raise _translated(f"{self._name}: reading its topics", error) from error


async def _at_time(
    consumer: AIOKafkaConsumer, places: Sequence[TopicPartition], moment: datetime
) -> dict[TopicPartition, int]:
    """Return the offsets of the first records at `moment` or later, where there are such."""
    milliseconds = -((_EPOCH - moment) // timedelta(milliseconds=1))  # rounded up, exactly
    found = await consumer.offsets_for_times(dict.fromkeys(places, max(milliseconds, 0)))
    return {place: at.offset for place, at in found.items() if at is not None}


def _entry(record: ConsumerRecord, events: RecordEvents) -> Entry:
    place = f"{record.topic}/{record.partition}"
    return Entry(events.event(record), record.offset, record.key, place)


def _translated(doing: str, error: Exception) -> GatewayError:
    match error:
        case TimeoutError():
            return SourceUnavailable(f"{doing}: the brokers did not answer in time")
        case errors.UnknownTopicOrPartitionError():
            return ConfigError(f"{doing}: the brokers have none of them; correct the trigger")
        case errors.TopicAuthorizationFailedError():
            return ConfigError(f"{doing}: the brokers deny it; allow this user to read them")
        case errors.KafkaConnectionError() | OSError():
            return SourceUnavailable(
                f"{doing}: the brokers cannot be reached; start them, or correct spec.brokers"
            )
        case _:
            return SourceUnavailable(f"{doing}: {type(error).__name__}")
