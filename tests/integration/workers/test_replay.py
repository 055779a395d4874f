"""A replay beside workers: the parent runs it, and the workers go on as they were."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import nats

from gateway.settings import NatsSettings
from gateway.workers.settings import FleetSettings
from tests.fakes.function_server import function_server
from tests.fakes.nats_server import NatsServer
from tests.integration.workers.fleet import PATIENCE, running_fleet, settings
from tests.support.replays import Told, counts
from tests.support.waiting import until
from tidegate.api.subscription import (
    DeliveryPolicy,
    JetStreamConsumer,
    NatsSubject,
    OnExhausted,
    Subscription,
)

EVENTS = 60


async def test_the_parent_replays_what_its_workers_have_read(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(NatsServer(tmp_path / "nats"))
        client = await nats.connect(server.url)
        stack.push_async_callback(client.close)
        stream = client.jetstream()
        await stream.add_stream(name="ORDERS", subjects=["orders.*"])
        function = await stack.enter_async_context(function_server())
        source = NatsSubject("orders.*", "hello", jetstream=JetStreamConsumer("hello"))
        policy = DeliveryPolicy(on_exhausted=OnExhausted.DROP)
        orders = Subscription("default", "NATSTrigger", "orders", "hello", source, policy=policy)
        more = replace(settings(tmp_path), nats=NatsSettings(url=server.url))
        care = FleetSettings(2, tmp_path / "ledger.sqlite")
        one = await stack.enter_async_context(
            running_fleet(care, [orders], function.address, more=more)
        )
        await one.serving()
        for number in range(EVENTS):
            await stream.publish("orders.new", b"%d" % number)
        await until(lambda: sum(one.progress().books.outcomes.values()) == EVENTS, PATIENCE)
        before = dict(one.progress().books.outcomes)
        told = Told()
        body = {"namespace": "default", "trigger": "orders", "from": "1h", "rate": 0}
        await one.fleet.replays.prepared({**body, "compare": True}).run(told)
        assert counts(told.report) == {"read": EVENTS, "delivered": EVENTS}
        (row,) = told.report["functions"]
        assert (row["compared"], row["differing"]) == (EVENTS, 0), "workers are asked for answers"
        assert len(function.seen) == 2 * EVENTS
        assert dict(one.progress().books.outcomes) == before
