"""Long waits that a real JetStream server keeps for us."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client

from gateway.core.delivery import Answer, Delivery, Outcome
from gateway.core.dispatcher import Dispatcher
from gateway.core.progress import Progress
from gateway.core.route import Limits, Route
from gateway.errors import SinkUnavailable
from gateway.sources.nats import NatsSource
from tests.fakes.nats_server import NatsServer
from tests.integration.nats.bench import Bench, RecordingIntake, Running, publish, stream
from tests.support.waiting import until
from tidegate.api.subscription import DeliveryPolicy, OnExhausted, Ordering, Subscription


async def one_received(bench: Bench, client: Client, **fields: object) -> Running:
    """Return a source that has pushed the one message of its stream."""
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    await publish(client, 1)
    running = bench.start(stream(**fields))
    await running.intake.received(1)
    return running


def postpone(running: Running, delay: float, attempts: int = 0) -> float:
    """Hand the open delivery back for `delay` seconds; return the time when."""
    (delivery,) = running.intake.open
    assert delivery.postponable
    delivery.delay = delay
    delivery.attempts = attempts
    running.intake.settle(delivery, Outcome.RELEASED)
    return asyncio.get_running_loop().time()


async def test_a_postponed_message_comes_when_it_is_time_and_has_its_attempts(
    bench: Bench, client: Client
) -> None:
    running = await one_received(bench, client)
    since = postpone(running, 1.0, attempts=6)
    (_, again) = await running.intake.received(2)
    assert asyncio.get_running_loop().time() - since >= 1.0
    assert (again.event.id, again.attempts) == ("ORDERS:1", 6)


async def test_a_delay_beyond_ack_wait_is_kept(bench: Bench, client: Client) -> None:
    running = await one_received(bench, client, ack_wait=0.5)
    since = postpone(running, 2.0)
    await running.intake.received(2)
    assert asyncio.get_running_loop().time() - since >= 2.0


@pytest.mark.regression("NATS: the BackOff of a consumer does not apply to what is handed back")
async def test_others_are_read_while_a_message_is_postponed(bench: Bench, client: Client) -> None:
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    await publish(client, 3)
    running = bench.start(stream(), RecordingIntake(limit=1))
    await running.intake.received(1)
    postpone(running, 600.0)
    await running.intake.received(2)
    running.intake.settle_all()
    await running.intake.received(3)
    assert running.intake.bodies() == [b"0", b"1", b"2"]


async def test_a_postponed_message_outlives_the_gateway_and_the_server(
    bench: Bench, server: NatsServer, client: Client
) -> None:
    running = await one_received(bench, client, ack_wait=1.0)
    postpone(running, 1.5)
    await running.close()
    await server.restart()
    successor = bench.start(stream(ack_wait=1.0))
    (again,) = await successor.intake.received(1)
    assert again.event.id == "ORDERS:1"


@pytest.mark.regression("NATS: the delivery count takes releases for attempts")
async def test_releases_use_up_no_attempts(bench: Bench, client: Client) -> None:
    running = await one_received(bench, client)
    for count in range(2, 8):
        running.intake.settle_all(Outcome.RELEASED)
        await running.intake.received(count)
    running.intake.settle_all(Outcome.RELEASED)
    await running.close()
    successor = bench.start(stream())
    (again,) = await successor.intake.received(1)
    assert again.attempts == 0


class Refusing:
    """A function that fails each event, each time."""

    def __init__(self) -> None:
        self.tries: dict[str, int] = {}

    async def send(self, delivery: Delivery, deadline: float) -> Answer:
        id = delivery.event.id
        self.tries[id] = self.tries.get(id, 0) + 1
        raise SinkUnavailable("failed", status=500)

    async def close(self) -> None: ...


async def test_attempts_are_exact_though_they_wait_with_the_server(
    bench: Bench, client: Client
) -> None:
    """Two places, both of which wait: one waits with the server after a second."""
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    await publish(client, 4)
    policy = DeliveryPolicy(
        retry=2,
        backoff_delay=1.2,
        backoff_max=1.2,
        jitter=0,
        ordering=Ordering.NONE,
        on_exhausted=OnExhausted.DROP,
    )
    subscription = Subscription(
        "default", "NATSTrigger", "orders", "hello", stream(), policy=policy
    )
    progress, function = Progress(), Refusing()
    route = Route(NatsSource(subscription, bench.context()), function)
    dispatcher = Dispatcher(subscription, route, progress, Limits(events=2))
    task = asyncio.create_task(dispatcher.run())
    await until(lambda: progress.books.outcomes[Outcome.DROPPED] == 4, 30)
    dispatcher.stop()
    async with asyncio.timeout(15):
        await task
    assert function.tries == {f"ORDERS:{number}": 3 for number in range(1, 5)}
    assert progress.books.outcomes[Outcome.RELEASED] > 0, "or nothing waited with the server"
    assert progress.books.drift == 0
    consumer = await client.jetstream().consumer_info("ORDERS", "hello")
    assert (consumer.num_pending, consumer.num_ack_pending) == (0, 0)
