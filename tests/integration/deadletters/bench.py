"""JetStream to a function that refuses, and the places where its dead letters go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import nats
from aiohttp import web
from nats.aio.client import Client

from gateway.core.event import CloudEvent
from gateway.letters.lines import letter_from_line
from gateway.nats.binary import event_from_binary
from gateway.settings import DeadLetterSettings, NatsSettings, Settings
from tests.fakes.function_server import FunctionServer, function_server
from tests.fakes.nats_server import NatsServer
from tests.support.gateways import Running, running_gateway
from tidegate.api.subscription import (
    DeadLetter,
    DeliveryPolicy,
    JetStreamConsumer,
    NatsSubject,
    OnExhausted,
    Subscription,
)

POISON = b'{ "poison": 1.0 }\n'


async def refuse_poison(_: web.Request, body: bytes) -> web.Response:
    """Take every event but poison."""
    return web.Response(status=422 if body == POISON else 200)


class Place:
    """A gateway between a stream ORDERS and a function, and a broker that tests may kill."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.broker = NatsServer(folder / "nats")
        self.client = Client()
        self._stack = stack

    async def start(self) -> None:
        """Start the broker, with a stream for orders."""
        await self._stack.enter_async_context(self.broker)
        self.client = await self.connected(self.broker)
        await self.client.jetstream().add_stream(name="ORDERS", subjects=["orders.*"])

    async def connected(self, broker: NatsServer) -> Client:
        """Return a client that comes back by itself, and is closed at the end."""
        client = await nats.connect(broker.url, max_reconnect_attempts=-1, error_cb=_ignore)
        self._stack.push_async_callback(client.close)
        return client

    @asynccontextmanager
    async def gateway(
        self, target: DeadLetter, function: FunctionServer, **others: FunctionServer
    ) -> AsyncIterator[Running]:
        """Run the gateway; `others` are functions beside `hello`."""
        settings = Settings(
            nats=NatsSettings(url=self.broker.url),
            dead_letters=DeadLetterSettings(self.folder / "letters"),
        )
        places = {name: [one.address] for name, one in {"hello": function, **others}.items()}
        async with running_gateway([orders(target)], places, settings) as running:
            yield running

    async def publish(self, *bodies: bytes, **headers: str) -> None:
        """Publish orders, in order."""
        for body in bodies:
            await self.client.jetstream().publish("orders.new", body, headers=headers or None)

    async def unsettled(self) -> int:
        """Return how many messages the consumer still answers for."""
        state = await self.client.jetstream().consumer_info("ORDERS", "hello")
        return int(state.num_pending or 0) + int(state.num_ack_pending or 0)

    def in_file(self, name: str = "dead.jsonl") -> list[CloudEvent]:
        """Return the original events of the letters in a file."""
        path = self.folder / "letters" / name
        lines = path.read_bytes().splitlines() if path.exists() else []
        return [letter.event for line in lines if (letter := letter_from_line(line))]

    async def in_stream(self, stream: str = "DEAD") -> list[CloudEvent]:
        """Return the letters of a stream, as they are."""
        jetstream = self.client.jetstream()
        last = (await jetstream.stream_info(stream)).state.last_seq
        stored = [await jetstream.get_msg(stream, seq) for seq in range(1, last + 1)]
        return [event_from_binary(one.headers or {}, one.data or b"") for one in stored]


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    """Yield a place with its broker running."""
    async with AsyncExitStack() as stack:
        one = Place(folder, stack)
        await one.start()
        yield one


@asynccontextmanager
async def refusing() -> AsyncIterator[FunctionServer]:
    """Yield a function that refuses poison."""
    async with function_server(refuse_poison) as function:
        yield function


def orders(target: DeadLetter, **policy: Any) -> Subscription:
    """Return the subscription of the stream ORDERS."""
    source = NatsSubject("orders.*", "workers", jetstream=JetStreamConsumer("hello", ack_wait=2.0))
    base = DeliveryPolicy(
        backoff_delay=0.05,
        backoff_max=0.2,
        timeout=5.0,
        dead_letter=target,
        on_exhausted=OnExhausted.DEAD_LETTER,
        **policy,
    )
    return Subscription("default", "NATSTrigger", "orders", "hello", source, policy=base)


async def until(condition: Any, deadline: float = 20.0) -> None:
    """Wait for what only the broker or the disk knows."""
    async with asyncio.timeout(deadline):
        while not await condition():  # noqa: ASYNC110 - what is watched has no event
            await asyncio.sleep(0.02)


async def _ignore(_: Exception) -> None:
    """A client that reconnects need not say so."""
