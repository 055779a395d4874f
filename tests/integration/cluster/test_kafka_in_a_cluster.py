"""Kafka triggers as objects of a cluster: their events, their changes, and what is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
import pytest_asyncio
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.fakes.kafka_broker import AdminClient, ApacheKafka
from tests.integration.cluster.conftest import PATIENCE, Plane
from tests.lanes import NOTE
from tests.support.cluster import custom, function
from tests.support.kafka import apache_kafka
from tidegate.cli.migrate.assess import assess
from tidegate.cli.migrate.landscape import landscape
from tidegate.kube.objects import Object

pytestmark = pytest.mark.timeout(300)

KIND = "KafkaTrigger"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApacheKafka]:
    """Apache Kafka itself: which groups have members, and where a topic ends, it alone tells."""
    async with apache_kafka(tmp_path_factory.mktemp("kafka")) as one:
        yield one


def trigger(plane: Plane, broker: ApacheKafka, topic: str) -> Object:
    """A trigger of a topic, for functions of the shop."""
    return custom(KIND, plane.namespace, "orders", {
        "topic": topic,
        "brokers": [broker.address],
        "functionSelector": {"matchLabels": {"app": "shop"}},
        "delivery": {"backoffDelay": "50ms"},
    })  # fmt: skip


async def publish(broker: ApacheKafka, topic: str, *bodies: str) -> None:
    """Publish texts, each confirmed by the broker."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    await producer.start()
    try:
        for body in bodies:
            await producer.send_and_wait(topic, body.encode())
    finally:
        await producer.stop()


async def until_nobody_reads(broker: ApacheKafka, group: str) -> None:
    """Return once a group has no member."""
    async with AdminClient(broker.address) as admin, asyncio.timeout(PATIENCE):
        while True:
            (answer,) = await admin.describe_consumer_groups([group])
            if not answer.groups[0][5]:
                return
            await asyncio.sleep(0.1)


async def test_a_kafka_trigger_is_followed_from_its_first_event_to_its_end(
    plane: Plane, broker: ApacheKafka, request: pytest.FixtureRequest
) -> None:
    for topic in ("new", "old"):
        await broker.create_topic(topic, partitions=2)
    await publish(broker, "new", "1", "2", "3")
    await plane.stage.apply(trigger(plane, broker, "new"))
    await plane.until_given("1", "2", "3")
    await plane.until_condition(KIND, "Ready", "True", "Working")
    await plane.until_status(KIND, functions=["hello"], assignedReplicas=1, usableReplicas=2)
    await plane.until_told(KIND, "lastEvent", "Z")
    await plane.until_status(KIND, lag=0)

    began = monotonic()
    await plane.stage.apply(trigger(plane, broker, "old"))
    await plane.until_reads("'old'")
    request.node.user_properties.append((NOTE, f"another topic: {monotonic() - began:.1f} s"))
    await publish(broker, "new", "4")
    await publish(broker, "old", "5")
    await plane.until_given("1", "2", "3", "5")
    await plane.stage.apply(trigger(plane, broker, "new"))
    await plane.until_given("1", "2", "3", "5", "4")

    await plane.stage.apply(function(plane.namespace, "hello", app="other"))
    await plane.gateway.until_runs()
    await plane.until_condition(KIND, "FunctionFound", "False", "NotFound")
    await publish(broker, "new", "6")
    await plane.stage.apply(function(plane.namespace, "hello", app="shop"))
    await plane.until_given("1", "2", "3", "5", "4", "6")

    await plane.stage.delete(trigger(plane, broker, "new"))
    await plane.gateway.until_runs()
    for topic in ("new", "old"):
        await until_nobody_reads(broker, f"{plane.namespace}_orders_hello_{topic}")
    assert await plane.kept() == []


async def test_what_goes_wrong_is_in_the_status_and_passes(
    plane: Plane, broker: ApacheKafka
) -> None:
    async def busy(_: web.Request, body: bytes) -> web.Response:
        return web.Response(status=503)

    await broker.create_topic("wrong")
    usual, plane.pod.behaviour = plane.pod.behaviour, busy
    await plane.stage.apply(trigger(plane, broker, "wrong"))
    await publish(broker, "wrong", "1")
    await plane.pod.until(1, PATIENCE)
    await plane.until_told(KIND, "lastError", "503")
    plane.pod.behaviour = usual
    await plane.until_condition(KIND, "Ready", "True", "Working")
    await plane.stage.delete(trigger(plane, broker, "new"))
    await plane.gateway.until_runs()


async def test_a_group_of_kubeless_goes_on_at_its_offsets(
    plane: Plane, broker: ApacheKafka
) -> None:
    await broker.create_topic("left", partitions=2)
    group = f"{plane.namespace}_orders_hello_left"
    now = datetime.now(UTC)
    long_ago = int((now - timedelta(hours=1)).timestamp() * 1000)
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    async with producer:
        for body in (b"done", b"done too", b"next"):
            await producer.send_and_wait("left", body, partition=0, timestamp_ms=long_ago)
        await producer.send_and_wait("left", b"before it", partition=1, timestamp_ms=long_ago)
        await producer.send_and_wait("left", b"after it", partition=1)
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, group_id=group)
    async with consumer:
        consumer.assign([TopicPartition("left", 0)])
        await consumer.commit({TopicPartition("left", 0): 2})

    old = trigger(plane, broker, "left")
    moment = (now - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    (converted,) = assess(landscape([old]), moment, "a test").objects
    await plane.stage.apply(converted)
    await plane.until_given("next", "after it")
    await plane.until_status(KIND, lag=0)
    await plane.stage.delete(converted)
    await plane.gateway.until_runs()
