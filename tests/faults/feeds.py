"""Brokers as the cases see them: a place to publish, a subscription, and faults of their own."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nats
from aiokafka import AIOKafkaProducer

from gateway.settings import KafkaSettings, KinesisSettings, NatsSettings, Settings
from tests.fakes.kafka_broker import AdminClient, ApacheKafka, KafkaBroker, TansuBroker
from tests.fakes.kafka_cluster import KafkaCluster
from tests.fakes.kinesis_moto import MotoKinesis
from tests.fakes.kinesis_server import REGION, KinesisServer
from tests.fakes.nats_server import NatsServer
from tests.faults.orders import Order
from tests.faults.relay import Relay
from tidegate.api.subscription import (
    JetStreamConsumer,
    KafkaTopic,
    KinesisStream,
    NatsSubject,
    SourceSpec,
)

HELD = 256
"""Orders that one gateway may hold at most: what of a crash or an outage can be bounded by."""

CALLS = 16
"""Orders that one gateway brings to the function at once."""

IN_A_ROW = 500
"""Orders that are published before the broker has confirmed the first."""

PARTITIONS = 4


class Feed(ABC):
    """One topic, stream or subject on one broker."""

    kind: str

    killed = HELD
    """Orders that the end of one gateway may repeat: those it had in flight."""

    strays = 0
    """Orders that may leave their place for each reader that goes, or broker that does."""

    shared_strays: int | None = 0
    """The same while two gateways read; None where that has no order."""

    forgetful = False
    """Whether moving in good order, too, repeats what ended ahead of an older order: only the
    position of the oldest one that did not end is kept."""

    hand_over: float
    """Seconds after which a gateway that was killed is taken over."""

    @abstractmethod
    async def open(self) -> None:
        """Create what is read."""

    @abstractmethod
    async def publish(self, orders: Sequence[Order]) -> None:
        """Publish in order; all are confirmed when this returns."""

    @abstractmethod
    def source(self) -> SourceSpec:
        """Return what a subscription reads."""

    async def unnoted(self, published: int) -> int:
        """Return how many of the `published` orders the broker still takes for unread."""
        return 0

    @abstractmethod
    async def leave(self, *, everyone: bool) -> None:
        """Take all brokers away, or the one that matters most."""

    @abstractmethod
    async def come_back(self) -> None:
        """Bring back what is away, with all it had confirmed."""

    @abstractmethod
    def adapt(self, settings: Settings) -> Settings:
        """Return settings with those of this feed."""

    @abstractmethod
    async def close(self) -> None:
        """Stop what is not shared with other feeds."""


class NatsFeed(Feed):
    """A stream of JetStream, read by one durable consumer. The key is the subject."""

    kind = "NATSTrigger"
    strays = HELD
    shared_strays = None
    hand_over = 2.0

    def __init__(self, folder: Path) -> None:
        self._server = NatsServer(folder / "nats")

    async def open(self) -> None:
        await self._server.start()
        client = await nats.connect(self._server.url)
        await client.jetstream().add_stream(name="ORDERS", subjects=["orders.*"])
        await client.close()

    async def publish(self, orders: Sequence[Order]) -> None:
        client = await nats.connect(self._server.url)
        try:
            stream = client.jetstream(publish_async_max_pending=2 * IN_A_ROW, timeout=30)
            for start in range(0, len(orders), IN_A_ROW):
                part = orders[start : start + IN_A_ROW]
                told = [
                    await stream.publish_async(f"orders.{one.key}", one.payload()) for one in part
                ]
                for confirmed in told:
                    await confirmed
        finally:
            await client.close()

    def source(self) -> SourceSpec:
        consumer = JetStreamConsumer("hello", ack_wait=self.hand_over, max_ack_pending=HELD)
        return NatsSubject("orders.*", "workers", jetstream=consumer)

    async def unnoted(self, published: int) -> int:
        client = await nats.connect(self._server.url)
        try:
            state = await client.jetstream().consumer_info("ORDERS", "hello")
        finally:
            await client.close()
        return int(state.num_pending or 0) + int(state.num_ack_pending or 0)

    def adapt(self, settings: Settings) -> Settings:
        return replace(settings, nats=NatsSettings(url=self._server.url))

    async def leave(self, *, everyone: bool) -> None:
        self._server.kill()
        await self._server.ended()

    async def come_back(self) -> None:
        await self._server.start()

    async def close(self) -> None:
        await self._server.stop()


class KafkaFeed(Feed):
    """A topic on one broker or three, which the cases share."""

    kind = "KafkaTrigger"
    hand_over = 6.0

    def __init__(self, broker: KafkaBroker | KafkaCluster) -> None:
        self._broker = broker
        if isinstance(broker, TansuBroker):  # it drops what goes with an offset
            self.forgetful = True
            self.killed = 2 * HELD  # as many may have ended ahead of older ones: see `adapt`
        self._gone: Sequence[ApacheKafka] = ()
        self._topic = f"orders-{uuid.uuid4().hex[:8]}"
        self._group = f"group-{self._topic}"

    async def open(self) -> None:
        await self._broker.create_topic(self._topic, PARTITIONS)

    async def publish(self, orders: Sequence[Order]) -> None:
        # Not idempotent: the broker in memory knows no such producers.
        async with AIOKafkaProducer(bootstrap_servers=self._broker.address, acks="all") as producer:
            for one in orders:
                await producer.send(self._topic, one.payload(), key=one.key.encode())
            await producer.flush()

    def source(self) -> SourceSpec:
        return KafkaTopic(self._topic, self._group)

    async def unnoted(self, published: int) -> int:
        if isinstance(self._broker, TansuBroker):
            return 0  # what it answers here the client cannot read
        async with AdminClient(self._broker.address) as admin:
            offsets = await admin.list_consumer_group_offsets(self._group)
        noted: int = sum(one.offset for one in offsets.values())
        return published - noted

    def adapt(self, settings: Settings) -> Settings:
        brokers = tuple(self._broker.address.split(","))
        kafka = KafkaSettings(brokers, session_timeout=self.hand_over)
        if self.forgetful:
            kafka = replace(kafka, window=HELD // PARTITIONS)
        return replace(settings, kafka=kafka)

    async def leave(self, *, everyone: bool) -> None:
        if isinstance(self._broker, KafkaCluster):
            leader = await self._broker.leader(self._topic)
            self._gone = self._broker.nodes if everyone else [leader]
            await self._broker.kill(*self._gone)
        else:
            self._broker.kill()
            await self._broker.ended()

    async def come_back(self) -> None:
        if isinstance(self._broker, KafkaCluster):
            await self._broker.start(self._gone)
        else:
            await self._broker.start()

    async def close(self) -> None:
        pass  # the broker is shared


class KinesisFeed(Feed):
    """A stream of four shards. Its emulator keeps all in memory, so it is the way there that is
    cut; for many records it is another one, which takes as long for the last as for the first."""

    kind = "KinesisTrigger"
    hand_over = 10.0

    def __init__(self, folder: Path, *, large: bool = False) -> None:
        emulator = MotoKinesis if large else KinesisServer
        self._server = emulator(folder / "kinesis")
        self._relay = Relay()
        self._leases = folder / "leases.sqlite"

    async def open(self) -> None:
        await self._server.start()
        await self._relay.join(self._server.port)
        async with self._server.operator() as operator:
            await operator.create("orders", PARTITIONS)

    async def publish(self, orders: Sequence[Order]) -> None:
        async with self._server.operator() as operator:
            await operator.put("orders", ((one.key, one.payload()) for one in orders))

    def source(self) -> SourceSpec:
        endpoint = f"http://127.0.0.1:{self._relay.port}"
        return KinesisStream("orders", REGION, endpoint=endpoint, start="TRIM_HORIZON")

    def adapt(self, settings: Settings) -> Settings:
        return replace(settings, kinesis=KinesisSettings(str(self._leases)))

    async def leave(self, *, everyone: bool) -> None:
        await self._relay.cut()

    async def come_back(self) -> None:
        await self._relay.join(self._server.port)

    async def close(self) -> None:
        await self._relay.cut()
        await self._server.stop()
