"""A Kafka trigger in a whole gateway, from the record to the function and back to the group."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiohttp import web

from gateway.core.progress import State
from gateway.settings import Settings
from tests.fakes.function_server import function_server
from tests.integration.kafka.bench import PATIENCE, Bench
from tests.support.gateways import running_gateway
from tests.support.waiting import until
from tidegate.api.subscription import DeliveryPolicy, KafkaTopic, Subscription

NONE = (-1, "")


def trigger(bench: Bench, **policy: object) -> Subscription:
    """Return a subscription of the bench's topic."""
    spec = KafkaTopic(bench.topic, bench.group)
    quick = DeliveryPolicy(backoff_delay=0.01, **policy)  # type: ignore[arg-type]
    return Subscription("default", "KafkaTrigger", "orders", "hello", spec, policy=quick)


def settings(bench: Bench) -> Settings:
    """Return settings whose brokers are the bench's."""
    return Settings(kafka=replace(bench.settings, brokers=(bench.broker.address,)))


async def test_a_record_reaches_the_function_with_its_position(bench: Bench) -> None:
    await bench.create()
    await bench.publish(1, key=b"k1", headers=[("tenant", b"t1")])
    async with (
        function_server() as function,
        running_gateway(
            [trigger(bench)], {"hello": [function.address]}, settings(bench)
        ) as running,
    ):
        (seen,) = await function.until(1, timeout=PATIENCE)
        assert seen.body == b"0"
        assert seen.headers["ce-id"] == f"{bench.topic}/0/0"
        assert seen.headers["ce-source"] == f"kafka:{bench.topic}"
        assert seen.headers["ce-partitionkey"] == "k1"
        assert seen.headers["ce-kafkaheadertenant"] == "t1"
        assert seen.headers["event-namespace"] == "kafkatriggers.kubeless.io"
        assert seen.headers["event-topic"] == bench.topic
        await bench.until_stored(lambda stored: stored.get(0) == (1, ""))
        await until(lambda: running.outcomes("orders") == {"delivered": 1}, timeout=PATIENCE)
        await until(lambda: running.progress("orders").lag_events == 0, timeout=PATIENCE)


@pytest.mark.regression("Kubeless: marks an offset before it looks at what came of the event")
@pytest.mark.regression("Dapr: after the last retry the next success commits past the failure")
async def test_a_parked_record_is_never_committed_past(bench: Bench) -> None:
    """Guards: a failure that is logged, and passed over by the next success."""

    async def refuse_the_third(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=400 if body == b"2" else 200)

    await bench.create()
    await bench.publish(8)
    async with function_server(refuse_the_third) as function:
        endpoints = {"hello": [function.address]}
        async with running_gateway([trigger(bench)], endpoints, settings(bench)) as running:
            await function.until(8, timeout=PATIENCE)
            await until(lambda: running.progress("orders").parked == 1, timeout=PATIENCE)
            await bench.until_stored(
                lambda stored: stored.get(0, NONE)[0] == 2 and stored[0][1] != ""
            )
        async with running_gateway([trigger(bench)], endpoints, settings(bench)) as running:
            await function.until(9, timeout=PATIENCE)
            await until(lambda: running.progress("orders").parked == 1, timeout=PATIENCE)
            assert [one.body for one in function.seen[8:]] == [b"2"]


async def test_a_topic_that_comes_later_is_read_then(bench: Bench) -> None:
    async with function_server() as function:
        endpoints = {"hello": [function.address]}
        async with running_gateway([trigger(bench)], endpoints, settings(bench)) as running:
            progress = running.progress("orders")
            await until(lambda: progress.state is State.BACKING_OFF, timeout=PATIENCE)
            assert f"no topic {bench.topic}; create it" in progress.reason
            await bench.create()
            await bench.publish(2)
            await function.until(2, timeout=PATIENCE)
            await until(lambda: progress.state is State.RUNNING, timeout=PATIENCE)
