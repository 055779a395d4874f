"""NATS to a function through the real dispatcher: the books balance whatever happens."""

from __future__ import annotations

import asyncio

from nats.aio.client import Client

from gateway.core.delivery import Answer, Delivery
from gateway.core.dispatcher import Dispatcher
from gateway.core.progress import Progress
from gateway.core.route import Limits, Route
from gateway.errors import SinkUnavailable
from gateway.sources.nats import NatsSource
from tests.fakes.nats_server import NatsServer
from tests.integration.nats.bench import Bench, publish, stream
from tests.support.waiting import until
from tidegate.api.subscription import DeliveryPolicy, Ordering, Subscription


class Function:
    """A sink that takes a moment and refuses every tenth first attempt."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._refused: set[int] = set()

    async def send(self, delivery: Delivery, deadline: float) -> Answer:
        await asyncio.sleep(0.001)
        number = int(delivery.event.data or b"")
        if number % 10 == 0 and number not in self._refused:
            self._refused.add(number)
            raise SinkUnavailable("busy", status=503)
        self.taken.append(number)
        return Answer(200)

    async def close(self) -> None: ...


class Replica:
    """One gateway's worth of a subscription."""

    def __init__(self, bench: Bench, function: Function) -> None:
        policy = DeliveryPolicy(backoff_delay=0.01, ordering=Ordering.NONE)
        subscription = Subscription(
            "default", "NATSTrigger", "orders", "hello", stream(ack_wait=1.0), policy=policy
        )
        self.progress = Progress()
        route = Route(NatsSource(subscription, bench.context()), function)
        self._dispatcher = Dispatcher(subscription, route, self.progress, Limits(events=100))
        self._task = asyncio.create_task(self._dispatcher.run())

    async def stop(self) -> None:
        self._dispatcher.stop()
        async with asyncio.timeout(15):
            await self._task


async def test_kills_and_replacements_lose_nothing_and_repeat_little(
    bench: Bench, server: NatsServer, client: Client
) -> None:
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    await publish(client, 5000)
    function = Function()
    replicas = [Replica(bench, function)]
    for goal in (1000, 2000, 3000, 4000):
        await until(lambda goal=goal: len(set(function.taken)) >= goal, 20)
        if goal % 2000:
            await server.restart()
        else:
            await replicas[-1].stop()
            replicas.append(Replica(bench, function))
    await until(lambda: len(set(function.taken)) == 5000, 30)
    await replicas[-1].stop()
    assert len(function.taken) - 5000 <= 2 * 100, "no more repeats than were in flight at a kill"
    for one in replicas:
        assert one.progress.books.drift == 0
    consumer = await client.jetstream().consumer_info("ORDERS", "hello")
    assert (consumer.num_pending, consumer.num_ack_pending) == (0, 0)
