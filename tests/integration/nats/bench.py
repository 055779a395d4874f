"""What the tests of the NATS source share: an intake that remembers, and sources in tasks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nats.aio.client import Client

from gateway.context import Context
from gateway.core.delivery import Answer, Delivery, Outcome
from gateway.core.shared import Shared
from gateway.errors import ConfigError
from gateway.settings import LimitSettings, NatsSettings, Settings
from gateway.sources.nats import NatsSource
from tidegate.api.subscription import JetStreamConsumer, NatsSubject, SecretRef, Subscription

DEADLINE = 15.0


class RecordingIntake:
    """An intake of `limit` deliveries that keeps what it got, or settles it at once."""

    def __init__(
        self, limit: int = 1024, outcome: Outcome | None = None, most_bytes: int = 1 << 30
    ) -> None:
        self.limit = limit
        self.most_bytes = most_bytes
        self.outcome = outcome
        self.deliveries: list[Delivery] = []
        self.most_open = 0
        self.polls = 0
        self.last_lag: int | None = None
        self.gone = 0
        self.open: set[Delivery] = set()
        self._changed = asyncio.Event()

    @property
    def credit(self) -> int:
        if self.open_bytes >= self.most_bytes:
            return 0
        return self.limit - len(self.open)

    @property
    def open_bytes(self) -> int:
        return sum(one.size for one in self.open)

    def push(self, deliveries: Sequence[Delivery]) -> None:
        self.deliveries.extend(deliveries)
        if self.outcome is not None:
            for one in deliveries:
                one.settle(self.outcome)
        else:
            self.open.update(deliveries)
            self.most_open = max(self.most_open, len(self.open))
        self._changed.set()

    async def room(self) -> None:
        await self.until(lambda: self.credit > 0, 3600)

    def cancel(self, delivery: Delivery) -> None:
        self.settle(delivery, Outcome.DROPPED)

    def release(self, deliveries: Iterable[Delivery]) -> None:
        for one in deliveries:
            if one in self.open:
                self.settle(one, Outcome.RELEASED)

    def polled(self) -> None:
        self.polls += 1
        self._changed.set()

    def lag(self, events: int | None = None, seconds: float | None = None) -> None:
        self.last_lag = events
        self._changed.set()

    def lost(self, events: int) -> None:
        self.gone += events
        self._changed.set()

    def settle(self, delivery: Delivery, outcome: Outcome = Outcome.DELIVERED) -> None:
        self.open.discard(delivery)
        delivery.settle(outcome)
        self._changed.set()

    def answer(self, delivery: Delivery, answer: Answer | None, outcome: Outcome) -> None:
        delivery.answer = answer
        self.settle(delivery, outcome)

    def settle_all(self, outcome: Outcome = Outcome.DELIVERED) -> None:
        for one in list(self.open):
            self.settle(one, outcome)

    async def received(self, count: int, deadline: float = DEADLINE) -> list[Delivery]:
        """Return the deliveries once there are `count`."""
        await self.until(lambda: len(self.deliveries) >= count, deadline)
        return self.deliveries

    async def until(self, condition: Callable[[], bool], deadline: float = DEADLINE) -> None:
        async with asyncio.timeout(deadline):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def bodies(self) -> list[bytes]:
        return [one.event.data or b"" for one in self.deliveries]


@dataclass
class Secrets:
    """Secrets in memory."""

    content: dict[tuple[str, str], Mapping[str, bytes]] = field(default_factory=dict)

    def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        try:
            return self.content[namespace, name]
        except KeyError:
            raise ConfigError(f"secret {namespace}/{name} does not exist; create it") from None


class Running:
    """One source with its intake."""

    def __init__(self, source: NatsSource, intake: RecordingIntake) -> None:
        self.source = source
        self.intake = intake
        self.task = asyncio.create_task(source.run(intake), name="source under test")

    async def stop_reading(self) -> None:
        """Cancel `run`, as a drain does."""
        self.task.cancel()
        async with asyncio.timeout(DEADLINE):
            await asyncio.wait([self.task])

    async def close(self) -> None:
        await self.stop_reading()
        async with asyncio.timeout(DEADLINE):
            await self.source.close()

    async def failure(self) -> BaseException:
        """Return what ended `run`."""
        async with asyncio.timeout(DEADLINE):
            await asyncio.wait([self.task])
        error = self.task.exception()
        assert error is not None
        return error


class Bench:
    """Starts sources against one server and closes them all."""

    def __init__(self, url: str, limits: LimitSettings | None = None) -> None:
        self.url = url
        self.secrets = Secrets()
        self.limits = limits or LimitSettings()
        self._shared = Shared()
        self._running: list[Running] = []

    def start(
        self, spec: NatsSubject, intake: RecordingIntake | None = None, trigger: str = "orders"
    ) -> Running:
        """Run a source of `spec`."""
        subscription = Subscription("default", "NATSTrigger", trigger, "hello", spec)
        running = Running(NatsSource(subscription, self.context()), intake or RecordingIntake())
        self._running.append(running)
        return running

    def secret(self, **content: str) -> SecretRef:
        """Store a Secret; underscores in names stand for dots."""
        self.secrets.content["default", "login"] = {
            key.replace("_", "."): text.encode() for key, text in content.items()
        }
        return SecretRef("login")

    async def close(self) -> None:
        for one in self._running:
            if not one.task.done():
                await one.stop_reading()
            await one.source.close()

    def context(self) -> Context:
        settings = Settings(limits=self.limits, nats=NatsSettings(url=self.url, connect_timeout=2))
        unused: Any = None
        return Context(settings, self.secrets, unused, self._shared, unused, unused)


def core(subject: str = "orders", **fields: Any) -> NatsSubject:
    """Return a core subscription."""
    return NatsSubject(subject, "workers", **fields)


def stream(subject: str = "orders", secret: SecretRef | None = None, **fields: Any) -> NatsSubject:
    """Return a JetStream subscription that creates its stream."""
    consumer = JetStreamConsumer(**{"durable": "hello", "create_stream": True, **fields})
    return NatsSubject(subject, "workers", secret=secret, jetstream=consumer)


async def publish(client: Client, count: int, subject: str = "orders", first: int = 0) -> None:
    """Publish numbered messages, all of which the stream confirmed when this returns."""
    last = first + count - 1
    for number in range(first, last):
        await client.publish(subject, b"%d" % number)
    await client.jetstream().publish(subject, b"%d" % last)


async def add_durable(client: Client, **config: object) -> None:
    """Make the durable `hello` of the stream ORDERS, with fields that the client does not know."""
    fields = {"durable_name": "hello", "ack_policy": "explicit", **config}
    body = json.dumps({"stream_name": "ORDERS", "config": fields}).encode()
    subject = "$JS.API.CONSUMER.DURABLE.CREATE.ORDERS.hello"
    answer = json.loads((await client.request(subject, body, timeout=5)).data)
    assert "error" not in answer, answer
