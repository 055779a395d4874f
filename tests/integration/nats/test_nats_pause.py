"""A paused NATS trigger leaves its consumer where it is."""

from __future__ import annotations

from dataclasses import replace

from nats.aio.client import Client

from gateway.core.progress import State
from gateway.settings import NatsSettings, Settings
from tests.fakes.function_server import function_server
from tests.fakes.nats_server import NatsServer
from tests.integration.nats.bench import publish, stream
from tests.support.gateways import running_gateway
from tests.support.waiting import until
from tidegate.api.subscription import DeliveryPolicy, Subscription

PATIENCE = 30.0
ORDERS = Subscription(
    "default", "NATSTrigger", "orders", "hello", stream(), policy=DeliveryPolicy()
)


async def test_what_is_published_during_a_pause_comes_after_it(
    server: NatsServer, client: Client
) -> None:
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    settings = Settings(nats=NatsSettings(url=server.url))
    async with (
        function_server() as function,
        running_gateway([ORDERS], {"hello": [function.address]}, settings) as running,
    ):
        await publish(client, 20)
        await function.until(20, timeout=PATIENCE)
        await running.change(replace(ORDERS, paused=True), State.PAUSED)
        await publish(client, 20, first=20)
        info = await client.jetstream().consumer_info("ORDERS", "hello")
        assert (info.num_pending, info.num_ack_pending, info.num_waiting) == (20, 0, 0)
        assert len(function.seen) == 20
        await running.change(ORDERS, State.RUNNING)
        await function.until(40, timeout=PATIENCE)
        await until(lambda: running.outcomes("orders") == {"delivered": 40}, timeout=PATIENCE)
        assert sorted(int(one.body) for one in function.seen) == list(range(40))
