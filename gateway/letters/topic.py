"""Dead letters in a Kafka topic."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaProducer, ConsumerRecord, errors

from gateway.context import Context
from gateway.core.dead_letter import Letter
from gateway.errors import ConfigError, SinkUnavailable
from gateway.kafka.cluster import Cluster, cluster_of
from gateway.kafka.producer import close, started
from gateway.letters.records import letter_from_record, mark_of, removed_by
from gateway.letters.store import Stored
from gateway.letters.topic_reader import Extent, TopicReader, reading, unavailable
from gateway.settings import KafkaSettings
from tidegate.api.subscription import KafkaTopic, Subscription

MOST_REMOVED = 250_000
"""Letters of one partition that may be marked as removed: they are held in memory while it is
read, at some 150 bytes each."""


class Place(NamedTuple):
    """Where a record stands."""

    partition: int
    offset: int


class TopicLetters:
    """The letters of a topic, partition after partition.

    A letter that was removed is marked, see `gateway/letters/records.py`. Each partition is read
    twice: first for its marks, then for the letters.
    """

    def __init__(self, topic: str, cluster: Cluster, settings: KafkaSettings) -> None:
        self.name = f"Kafka {topic}"
        self._topic = topic
        self._cluster = cluster
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None

    async def letters(self) -> AsyncGenerator[Stored, None]:
        """See `LetterStore.letters`."""
        with self._translating("reading"):
            async with reading(self._topic, self._cluster, self._settings) as reader:
                for extent in await reader.extents():
                    removed = await self._removed(reader, extent)
                    async with aclosing(reader.records(extent)) as records:
                        async for record in records:
                            letter = _letter(record)
                            if letter is not None and _stays(record, letter, removed):
                                yield Stored(letter, Place(extent.partition, record.offset))

    async def remove(self, letters: Sequence[Stored]) -> None:
        """See `LetterStore.remove`. They are marked; `erase` deletes what it can."""
        marked: dict[int, set[str]] = defaultdict(set)
        for stored in letters:
            assert isinstance(stored.place, Place)
            marked[stored.place.partition].add(stored.letter.id)
        with self._translating("marking"):
            producer = self._producer or await self._open()
            async with asyncio.timeout(self._settings.request_timeout):
                for partition, ids in marked.items():
                    mark = mark_of(ids)
                    await producer.send_and_wait(
                        self._topic, mark.value, mark.key, partition, headers=mark.headers
                    )

    async def erase(self) -> str:
        """See `LetterStore.erase`. Kafka deletes from the beginning of a partition only."""
        try:
            with self._translating("deleting"):
                async with reading(self._topic, self._cluster, self._settings) as reader:
                    stay = [await self._erased(reader, one) for one in await reader.extents()]
        except SinkUnavailable as error:
            return f"{error}; they are not listed any more, and retention deletes them"
        if not any(stay):
            return ""
        return (
            f"{sum(stay)} removed letters still lie in Kafka topic {self._topic} until its "
            "retention deletes them: Kafka deletes no record behind one that stays"
        )

    async def aclose(self) -> None:
        """Let go of the brokers."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await close(producer)

    async def _open(self) -> AIOKafkaProducer:
        # Not idempotent in Kafka's sense: a mark that is written twice says the same.
        self._producer = await started(self._cluster, self._settings, idempotent=False)
        return self._producer

    async def _removed(self, reader: TopicReader, extent: Extent) -> dict[str, int]:
        """Return the letters of a partition that are removed, and the offset of the last mark."""
        removed: dict[str, int] = {}
        async with aclosing(reader.records(extent)) as records:
            async for record in records:
                removed |= dict.fromkeys(removed_by(record.headers), record.offset)
                if len(removed) > MOST_REMOVED:
                    raise SinkUnavailable(
                        f"reading the dead letters in Kafka topic {self._topic}: more than "
                        f"{MOST_REMOVED} removed ones are still in partition {extent.partition}; "
                        "shorten the topic's retention, or delete its oldest records"
                    )
        return removed

    async def _erased(self, reader: TopicReader, extent: Extent) -> int:
        """Delete what stands before the first record that stays; count what is left behind it."""
        removed = await self._removed(reader, extent)
        left, before, reached = 0, 0, False
        async with aclosing(reader.records(extent)) as records:
            async for record in records:
                letter = _letter(record)
                gone = letter is not None and not _stays(record, letter, removed)
                reached = reached or not (gone or removed_by(record.headers))
                if not reached:
                    before = record.offset + 1
                left += gone and reached
        if before:
            await reader.delete(extent.partition, before)
        return left

    @contextmanager
    def _translating(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (errors.KafkaError, OSError, TimeoutError) as error:
            raise unavailable(doing, self._topic, error) from error


def _letter(record: ConsumerRecord) -> Letter | None:
    return letter_from_record(record.headers, record.value)


def _stays(record: ConsumerRecord, letter: Letter, removed: dict[str, int]) -> bool:
    """Say whether no mark behind `record` names its letter; one before it meant another."""
    return removed.get(letter.id, -1) < int(record.offset)


def place_of(subscription: Subscription, context: Context) -> Hashable:
    """Name the topic of the subscription's `deadLetter`, its brokers, and as whom we read it."""
    target, source = subscription.policy.dead_letter, subscription.source
    assert target is not None
    spec = source if isinstance(source, KafkaTopic) else KafkaTopic("", "")
    secret = (subscription.namespace, spec.secret.name) if spec.secret is not None else None
    return target.target, spec.brokers or context.settings.kafka.brokers, secret


@asynccontextmanager
async def opened(subscription: Subscription, context: Context) -> AsyncIterator[TopicLetters]:
    """Read what the subscription has written. Raises `SinkUnavailable` where that cannot be."""
    target = subscription.policy.dead_letter
    assert target is not None
    try:
        cluster = await cluster_of(subscription, context)
    except ConfigError as error:
        raise SinkUnavailable(str(error)) from error
    async with aclosing(TopicLetters(target.target, cluster, context.settings.kafka)) as letters:
        yield letters
