"""A paused Kafka trigger leaves the offsets of its group where they are."""

from __future__ import annotations

from dataclasses import replace

from gateway.core.progress import State
from gateway.settings import Settings
from tests.fakes.function_server import function_server
from tests.integration.kafka.bench import PATIENCE, Bench
from tests.support.gateways import running_gateway
from tests.support.waiting import until
from tidegate.api.subscription import DeliveryPolicy, KafkaTopic, Subscription

EVENTS = 30


async def test_what_is_written_during_a_pause_comes_after_it(bench: Bench) -> None:
    source = KafkaTopic(bench.topic, bench.group)
    orders = Subscription(
        "default", "KafkaTrigger", "orders", "hello", source, policy=DeliveryPolicy()
    )
    settings = Settings(kafka=replace(bench.settings, brokers=(bench.broker.address,)))
    await bench.create()
    await bench.publish(EVENTS)
    async with (
        function_server() as function,
        running_gateway([orders], {"hello": [function.address]}, settings) as running,
    ):
        await function.until(EVENTS, timeout=PATIENCE)
        await running.change(replace(orders, paused=True), State.PAUSED)
        await bench.publish(EVENTS)
        await bench.until_stored(lambda stored: stored.get(0) == (EVENTS, ""))
        assert len(function.seen) == EVENTS
        await running.change(orders, State.RUNNING)
        await function.until(2 * EVENTS, timeout=PATIENCE)
        done = {"delivered": 2 * EVENTS}
        await until(lambda: running.outcomes("orders") == done, timeout=PATIENCE)
        await bench.until_stored(lambda stored: stored.get(0) == (2 * EVENTS, ""))
        ids = [one.headers["ce-id"] for one in function.seen]
        assert ids == [f"{bench.topic}/0/{offset}" for offset in range(2 * EVENTS)]
