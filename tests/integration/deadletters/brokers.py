"""The brokers that keep events, each with one place for orders: the same tests run on all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from aiokafka import AIOKafkaProducer

from gateway.settings import (
    KafkaSettings,
    KinesisSettings,
    NatsSettings,
    Settings,
)
from tests.fakes.kafka_broker import ApacheKafka, KafkaBroker, TansuBroker
from tests.fakes.kinesis_server import REGION, KinesisServer
from tests.fakes.nats_server import NatsServer
from tests.support.gateways import DictSecrets
from tests.support.kinesis import SECRETS, started
from tidegate.api.subscription import (
    DeadLetter,
    DeliveryPolicy,
    JetStreamConsumer,
    KafkaTopic,
    KinesisStream,
    NatsSubject,
    OnExhausted,
    Ordering,
    SecretRef,
    SourceSpec,
    Subscription,
)

KEYS = 20


class Broker:
    """A server with a place for orders. Each order has a number, which gives it its key."""

    kind: str
    ordering = Ordering.KEY
    pauses_at_once = True
    secrets = DictSecrets()
    source: SourceSpec
    settings = Settings()

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def start(self, stack: AsyncExitStack) -> None:
        """Start the server until `stack` is closed."""
        raise NotImplementedError

    async def publish(self, numbers: Sequence[int]) -> None:
        """Publish orders; return when all of them are stored."""
        raise NotImplementedError

    def subscription(self, **policy: Any) -> Subscription:
        """Return the trigger `orders`, which feeds `hello` and has its dead letters in a file."""
        fields = {
            "ordering": self.ordering,
            "backoff_delay": 0.01,
            "backoff_max": 0.05,
            "dead_letter": DeadLetter("file", str(self.folder / "dead.jsonl")),
            "on_exhausted": OnExhausted.DEAD_LETTER,
            **policy,
        }
        return Subscription(
            "default", self.kind, "orders", "hello", self.source, policy=DeliveryPolicy(**fields)
        )


class KafkaOrders(Broker):
    """A topic of two partitions."""

    kind = "KafkaTrigger"
    made: type[KafkaBroker] = TansuBroker

    async def start(self, stack: AsyncExitStack) -> None:
        server = await stack.enter_async_context(self.made(self.folder / "kafka"))
        await server.create_topic("orders", partitions=2)
        self.producer = AIOKafkaProducer(bootstrap_servers=server.address)
        await self.producer.start()
        stack.push_async_callback(self.producer.stop)
        self.source = KafkaTopic("orders", "hello", (server.address,))
        # Tansu lets a group wait for half a session before it begins.
        self.settings = Settings(kafka=KafkaSettings(session_timeout=6.0))

    async def publish(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            await self.producer.send("orders", b"%d" % number, b"key %d" % (number % KEYS))
        await self.producer.flush()


class ApacheOrders(KafkaOrders):
    """The same on Apache Kafka."""

    made = ApacheKafka

    async def start(self, stack: AsyncExitStack) -> None:
        if missing := ApacheKafka.missing():
            pytest.skip(missing)
        await super().start(stack)


class NatsOrders(Broker):
    """A stream with a durable consumer."""

    kind = "NATSTrigger"
    ordering = Ordering.NONE
    pauses_at_once = False  # what was asked for before still comes

    async def start(self, stack: AsyncExitStack) -> None:
        server = await stack.enter_async_context(NatsServer(self.folder / "nats"))
        self.client = await nats.connect(server.url)
        stack.push_async_callback(self.client.close)
        await self.client.jetstream().add_stream(name="ORDERS", subjects=["orders.*"])
        self.source = NatsSubject("orders.*", "hello", jetstream=JetStreamConsumer("hello"))
        self.settings = Settings(nats=NatsSettings(url=server.url))

    async def publish(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            await self.client.jetstream().publish(f"orders.{number % KEYS}", b"%d" % number)


class KinesisOrders(Broker):
    """A stream of one shard."""

    kind = "KinesisTrigger"
    secrets = SECRETS

    async def start(self, stack: AsyncExitStack) -> None:
        server = KinesisServer(self.folder / "kinesis")
        await started(server)
        stack.push_async_callback(server.stop)
        self.operator = await stack.enter_async_context(server.operator())
        await self.operator.create("orders")
        self.source = KinesisStream(
            "orders", REGION, secret=SecretRef("aws"), start="TRIM_HORIZON", endpoint=server.url
        )
        self.settings = Settings(kinesis=KinesisSettings(str(self.folder / "leases.sqlite")))

    async def publish(self, numbers: Sequence[int]) -> None:
        records = [(f"key {number % KEYS}", b"%d" % number) for number in numbers]
        await self.operator.put("orders", records)


BROKERS = [
    pytest.param(KafkaOrders, id="kafka"),
    pytest.param(ApacheOrders, id="apache", marks=pytest.mark.slow),
    pytest.param(NatsOrders, id="nats"),
    pytest.param(KinesisOrders, id="kinesis", marks=pytest.mark.slow),
]


@asynccontextmanager
async def broker_of(kind: type[Broker], folder: Path) -> AsyncIterator[Broker]:
    """Run a broker for the block."""
    async with AsyncExitStack() as stack:
        one = kind(folder)
        await one.start(stack)
        yield one
