"""A letter is in a stream when the stream has said so, once, and by nobody else's word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from gateway.context import Context
from gateway.core.delivery import Delivery
from gateway.core.shared import Shared
from gateway.errors import AttemptTimeout, EventRejected, SinkUnavailable
from gateway.http.endpoints import Endpoints
from gateway.http.routes import RouteTable
from gateway.settings import NatsSettings, Settings
from gateway.sinks.dead_letter import DeadLetterSink
from gateway.sinks.nats import NatsSink
from gateway.stores.memory import MemoryLedger
from tests.fakes.nats_server import NatsServer
from tests.support.events import event, subscription
from tests.support.gateways import DictSecrets
from tidegate.api.subscription import DeadLetter

CONFIG = """
max_payload: 4096
authorization { users = [
  { user: gate, password: gate, permissions: { publish: {
      allow: [">"], deny: ["dead.secret"] } } }
] }
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path / "nats", config=CONFIG) as one:
        yield one


def url(server: NatsServer) -> str:
    return server.url.replace("nats://", "nats://gate:gate@")


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    one = await nats.connect(url(server))
    yield one
    await one.close()


def sink(server: NatsServer, subject: str = "dead.orders") -> DeadLetterSink:
    one = subscription(dead_letter=DeadLetter("nats", subject))
    context = Context(
        Settings(nats=NatsSettings(url=url(server))),
        DictSecrets(),
        MemoryLedger(),
        Shared(),
        RouteTable(),
        Endpoints(),
    )
    return DeadLetterSink(one, NatsSink(one, context))


async def send(one: DeadLetterSink, data: bytes = b"poison", timeout: float = 5.0) -> None:
    delivery = Delivery(event("7", data=data), lambda _: None, position=("1", "2"))
    await one.send(delivery, asyncio.get_running_loop().time() + timeout)


async def test_a_letter_that_is_sent_again_is_stored_once(
    server: NatsServer, client: Client
) -> None:
    await client.jetstream().add_stream(name="DEAD", subjects=["dead.>"])
    one = sink(server)
    for _ in range(3):
        await send(one)
    await send(one, b"another event with the same id")
    await one.close()
    assert (await client.jetstream().stream_info("DEAD")).state.messages == 2


async def test_an_answer_of_anybody_is_no_confirmation(server: NatsServer, client: Client) -> None:
    async def pretend(message: Msg) -> None:
        await message.respond(b"thanks")

    await client.subscribe("dead.orders", cb=pretend)
    await client.flush()
    one = sink(server)
    with pytest.raises(SinkUnavailable, match="something that is no stream answered"):
        await send(one)
    await one.close()


async def test_a_full_stream_says_why(server: NatsServer, client: Client) -> None:
    await client.jetstream().add_stream(name="DEAD", subjects=["dead.>"], max_msgs=1, discard="new")
    one = sink(server)
    await send(one)
    with pytest.raises(SinkUnavailable, match="maximum messages exceeded"):
        await send(one, b"one too many")
    await one.close()


@pytest.mark.regression("nats-py: headers are not counted, and the server hangs up on everybody")
@pytest.mark.parametrize("size", [4000, 5000])
async def test_a_letter_that_the_server_never_takes_is_refused_and_hurts_no_other(
    server: NatsServer, client: Client, size: int
) -> None:
    await client.jetstream().add_stream(name="DEAD", subjects=["dead.>"])
    one = sink(server)
    with pytest.raises(EventRejected, match="max_payload"):
        await send(one, b"x" * size)
    await send(one, b"small")
    await one.close()


async def test_a_forbidden_subject_is_said_and_not_only_a_timeout(
    server: NatsServer, client: Client
) -> None:
    await client.jetstream().add_stream(name="DEAD", subjects=["dead.>"])
    one = sink(server, "dead.secret")
    with pytest.raises(AttemptTimeout, match="allow this user to publish there"):
        await send(one, timeout=0.5)
    await one.close()


async def test_a_server_that_is_away_does_not_hold_the_attempt(server: NatsServer) -> None:
    one = sink(server)
    with pytest.raises(SinkUnavailable, match="no JetStream stream takes this subject"):
        await send(one)
    server.kill()
    await server.ended()
    with pytest.raises(SinkUnavailable):
        await send(one, timeout=0.5)  # the client may not know yet
    with pytest.raises(SinkUnavailable, match="the NATS server is away"):
        await send(one, timeout=60)
    await one.close()
