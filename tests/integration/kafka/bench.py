"""What the tests of the Kafka source share: sources in tasks, and records to read."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer

from gateway.context import Context
from gateway.core.delivery import Delivery
from gateway.settings import KafkaSettings, Settings
from gateway.sources.kafka import KafkaSource
from tests.fakes.kafka_broker import AdminClient, KafkaBroker
from tests.fakes.kafka_cluster import KafkaCluster
from tests.support.gateways import DictSecrets
from tests.support.intake import RecordingIntake
from tidegate.api.subscription import KafkaTopic, SecretRef, Subscription

PATIENCE = 30.0


def unique(stem: str) -> str:
    """Return a name that no other test has: one broker serves them all."""
    return f"{stem}-{uuid.uuid4().hex[:8]}"


@dataclass
class Reader:
    """A source that runs, and what it pushed."""

    source: KafkaSource
    intake: RecordingIntake
    task: asyncio.Task[None]

    async def until(self, count: int) -> list[Delivery]:
        """Return the deliveries once there are `count` of them."""
        return await self.intake.until(count, PATIENCE)

    def offsets(self) -> list[int]:
        """Return the offsets of all that was pushed, in order."""
        return [int(one.event.extensions["kafkaoffset"]) for one in self.intake.deliveries]

    def values(self) -> list[bytes | None]:
        """Return the payloads of all that was pushed, in order."""
        return [one.event.data for one in self.intake.deliveries]

    async def stop_reading(self) -> None:
        """Cancel `run`, as a drain does."""
        self.task.cancel()
        await asyncio.wait({self.task}, timeout=PATIENCE)

    async def close(self) -> None:
        await self.stop_reading()
        async with asyncio.timeout(PATIENCE):
            await self.source.close()

    async def failure(self) -> BaseException:
        """Return what ended `run`."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait({self.task})
        error = self.task.exception()
        assert error is not None
        return error


@dataclass
class Bench:
    """One topic on one broker, and readers of it."""

    broker: KafkaBroker | KafkaCluster
    settings: KafkaSettings = field(
        default_factory=lambda: KafkaSettings(
            session_timeout=6.0, commit_interval=0.05, metadata_age=1.0, revoke_timeout=5.0
        )
    )
    topic: str = field(default_factory=lambda: unique("orders"))
    group: str = field(default_factory=lambda: unique("group"))
    secrets: DictSecrets = field(default_factory=DictSecrets)

    def source(self, **spec: Any) -> KafkaSource:
        """Make a source of the topic."""
        spec = {"topic": self.topic, "brokers": tuple(self.broker.address.split(",")), **spec}
        one = KafkaTopic(group=self.group, **spec)
        subscription = Subscription("default", "KafkaTrigger", "orders", "hello", one)
        unused: Any = None
        context = Context(
            Settings(kafka=self.settings), self.secrets, unused, unused, unused, unused
        )
        return KafkaSource(subscription, context)

    def start(self, credit: int = 1000, **spec: Any) -> Reader:
        """Run a source of the topic."""
        source, intake = self.source(**spec), RecordingIntake(credit)
        return Reader(source, intake, asyncio.create_task(source.run(intake)))

    @asynccontextmanager
    async def reading(self, credit: int = 1000, **spec: Any) -> AsyncIterator[Reader]:
        """Read for the length of the block."""
        reader = self.start(credit, **spec)
        try:
            yield reader
        finally:
            await reader.close()

    async def create(self, partitions: int = 1, **config: str) -> None:
        """Create the topic."""
        await self.broker.create_topic(self.topic, partitions, **config)

    async def publish(
        self, count: int, first: int = 0, partition: int | None = None, **record: Any
    ) -> None:
        """Publish numbered records, all of which the broker confirmed when this returns."""
        async with AIOKafkaProducer(bootstrap_servers=self.broker.address, acks="all") as producer:
            for number in range(first, first + count):
                fields = {"key": b"k%d" % (number % 7), "value": b"%d" % number, **record}
                await producer.send(self.topic, partition=partition, **fields)
            await producer.flush()

    def secret(self, **content: str) -> SecretRef:
        """Store a Secret; `ca_crt` stands for ca.crt, and so on."""
        dotted = {"ca_crt": "ca.crt", "tls_crt": "tls.crt", "tls_key": "tls.key"}
        encoded = {dotted.get(key, key): text.encode() for key, text in content.items()}
        self.secrets = DictSecrets({("default", "login"): encoded})
        return SecretRef("login")

    async def stored(self) -> dict[int, tuple[int, str]]:
        """Return what the group has committed, by partition: offset and metadata."""
        async with AdminClient(self.broker.address) as admin:
            found = await admin.list_consumer_group_offsets(self.group)
        return {
            each.partition: (one.offset, one.metadata)
            for each, one in found.items()
            if one.offset >= 0
        }

    async def until_stored(self, accept: Callable[[dict[int, tuple[int, str]]], bool]) -> None:
        """Wait until the group's offsets are as wanted; the broker tells nobody."""
        await until_true(lambda: self._accepted(accept))

    async def _accepted(self, accept: Callable[[dict[int, tuple[int, str]]], bool]) -> bool:
        return accept(await self.stored())


async def until_true(check: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what has to be asked for."""
    async with asyncio.timeout(PATIENCE):
        while not await check():  # noqa: ASYNC110 - see below
            await asyncio.sleep(0.05)  # the broker tells nobody
