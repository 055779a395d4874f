"""The harness of every registered source."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import nats
from aiokafka import AIOKafkaProducer
from nats.aio.client import Client

from gateway.context import Context
from gateway.core.shared import Shared
from gateway.core.source import Source
from gateway.http.endpoints import Endpoints
from gateway.http.routes import RouteTable
from gateway.http.server import Server
from gateway.registry import source_class
from gateway.server.ingress import Ingress
from gateway.settings import KafkaSettings, Settings
from gateway.sources.cron import CronSource
from gateway.sources.memory import MemoryLog, MemorySource
from gateway.stores.memory import MemoryLedger
from tests.conformance.harness import Reading, SourceHarness
from tests.conformance.kinesis_harness import KinesisHarness, MotoHarness
from tests.fakes.kafka_broker import KafkaBroker, TansuBroker
from tests.fakes.nats_server import NatsServer
from tests.support.clock import MINUTE, Clock
from tests.support.events import event
from tests.support.gateways import DictSecrets
from tidegate.api.subscription import (
    CronSchedule,
    HttpRoute,
    JetStreamConsumer,
    KafkaTopic,
    MissedRuns,
    NatsSubject,
    SourceSpec,
    Subscription,
)


class MemoryHarness(SourceHarness):
    """The memory log is its own broker."""

    cannot = frozenset({"carry rubbish"})

    def __init__(self, _: Path) -> None:
        self.log = MemoryLog()
        self.count = 0

    def source(self) -> Source:
        return MemorySource(self.log)

    async def publish(self, count: int, keys: Sequence[str] = ("k",)) -> None:
        for _ in range(count):
            self.count += 1
            self.log.append(event(str(self.count)), keys[self.count % len(keys)])

    async def crash(self, reading: Reading) -> None:
        await reading.stop_reading()
        reading.source = MemorySource(MemoryLog())


class ContextHarness(SourceHarness):
    """A harness of a source that is made by the registry."""

    spec: SourceSpec

    def __init__(self, _: Path) -> None:
        self.count = 0
        self.routes = RouteTable()
        self.ledger = MemoryLedger()

    settings = Settings()

    def context(self) -> Context:
        """A context of its own for each reader, as in a process of its own."""
        return Context(
            self.settings, DictSecrets(), self.ledger, Shared(), self.routes, Endpoints()
        )

    def source(self) -> Source:
        one = Subscription("default", "AnyTrigger", "contract", "fn", self.spec, uid="u1")
        made: Source = source_class(one)(one, self.context())
        return made


class HttpHarness(ContextHarness):
    """Callers over real sockets."""

    cannot = frozenset({"redeliver", "crash", "order", "pause"})
    spec = HttpRoute()

    async def start(self) -> None:
        self.server = Server(Ingress(self.routes))
        await self.server.start("127.0.0.1", 0)
        self.stack = AsyncExitStack()
        self.client = await self.stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        self.calls = await self.stack.enter_async_context(asyncio.TaskGroup())

    async def stop(self) -> None:
        await self.server.close()
        await self.stack.aclose()

    async def publish(self, count: int, keys: Sequence[str] = ("k",)) -> None:
        for _ in range(count):
            self.calls.create_task(self._call({}))

    async def publish_rubbish(self) -> None:
        """HTTP has somebody to tell: rubbish is refused, and is no event."""
        headers = {"content-type": "application/cloudevents+json"}
        assert await self._call(headers) == 400
        await self.publish(1)

    async def _call(self, headers: Mapping[str, str]) -> int:
        url = f"http://127.0.0.1:{self.server.port}/"
        try:
            async with self.client.post(url, data=b"{}", headers=headers) as answer:
                return answer.status
        except aiohttp.ClientError:
            return 0


class CronHarness(ContextHarness):
    """The clock is the broker: to publish is to let time pass."""

    cannot = frozenset({"order", "carry rubbish"})
    spec = CronSchedule("* * * * *", missed_runs=MissedRuns.ALL)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.clock = Clock()

    async def start(self) -> None:
        """Let the ledger say since when the trigger is there: a first start catches nothing up."""
        async with self.reading():
            pass

    def source(self) -> Source:
        one = Subscription("default", "CronJobTrigger", "contract", "fn", self.spec, uid="u1")
        return CronSource(one, self.context(), now=self.clock.read, opener=self.clock.open)

    async def publish(self, count: int, keys: Sequence[str] = ("k",)) -> None:
        await self.clock.pass_time(count * MINUTE)


class CoreNatsHarness(ContextHarness):
    """A real nats-server; what nobody acknowledges is gone."""

    cannot = frozenset({"redeliver", "crash", "pause"})
    jetstream: JetStreamConsumer | None = None

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = NatsServer(folder)
        self.client = Client()

    async def start(self) -> None:
        await self.server.start()
        self.spec = NatsSubject(
            "orders.*", "workers", url=self.server.url, jetstream=self.jetstream
        )
        self.client = await nats.connect(self.server.url)

    async def stop(self) -> None:
        await self.client.close()
        await self.server.stop()

    async def publish(self, count: int, keys: Sequence[str] = ("k",)) -> None:
        for _ in range(count):
            self.count += 1
            headers = {"Nats-Msg-Id": str(self.count)}
            subject = f"orders.{keys[self.count % len(keys)]}"
            await self.client.publish(subject, b"%d" % self.count, headers=headers)
        await self.client.flush()

    async def publish_rubbish(self) -> None:
        headers = {"content-type": "application/cloudevents+json"}
        await self.client.publish("orders.k", b"\xff{", headers=headers)


class JetStreamHarness(CoreNatsHarness):
    """A stream with a durable consumer."""

    cannot = frozenset()
    jetstream = JetStreamConsumer("contract", create_stream=True, ack_wait=1.0)

    async def start(self) -> None:
        await super().start()
        stream = self.client.jetstream()
        await stream.add_stream(name="ORDERS", subjects=["orders.*"])

    async def crash(self, reading: Reading) -> None:
        """Cut the reader off: freeze the server while the reader goes, as nothing may arrive."""
        self.server.freeze()
        await reading.stop()
        self.server.thaw()


class KafkaHarness(ContextHarness):
    """A topic and a group of its own on `broker`, which runs."""

    settings = Settings(kafka=KafkaSettings(session_timeout=2.0))
    broker: KafkaBroker

    async def start(self) -> None:
        self.topic = f"orders-{uuid.uuid4().hex}"
        await self.broker.create_topic(self.topic)
        self.spec = KafkaTopic(self.topic, f"contract-{self.topic}", (self.broker.address,))
        self.producer = AIOKafkaProducer(bootstrap_servers=self.broker.address)
        await self.producer.start()

    async def stop(self) -> None:
        await self.producer.stop()

    async def publish(self, count: int, keys: Sequence[str] = ("k",)) -> None:
        for _ in range(count):
            self.count += 1
            key = keys[self.count % len(keys)].encode()
            await self.producer.send(self.topic, b"%d" % self.count, key=key)
        await self.producer.flush()

    async def publish_rubbish(self) -> None:
        headers = [("content-type", b"application/cloudevents+json")]
        await self.producer.send_and_wait(self.topic, b"\xff{", headers=headers)

    async def crash(self, reading: Reading) -> None:
        """Cut the reader off: freeze the broker while the reader goes, as nothing may arrive."""
        self.broker.freeze()
        await reading.stop()
        self.broker.thaw()


class TansuHarness(KafkaHarness):
    """A broker that speaks Kafka's protocol, from memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.broker = TansuBroker(folder)

    async def start(self) -> None:
        await self.broker.start()
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        await self.broker.stop()


class ApacheKafkaHarness(KafkaHarness):
    """Apache Kafka itself, which the tests share; `broker` is to be given before the start."""

    slow = True


HARNESSES: Mapping[str, type[SourceHarness]] = {
    "memory": MemoryHarness,
    "http": HttpHarness,
    "cron": CronHarness,
    "nats (core)": CoreNatsHarness,
    "nats (jetstream)": JetStreamHarness,
    "kafka (tansu)": TansuHarness,
    "kafka (apache)": ApacheKafkaHarness,
    "kinesis (kinesis-local)": KinesisHarness,
    "kinesis (moto)": MotoHarness,
}
