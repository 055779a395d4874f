"""Poison of a Kafka topic ends in another topic, with its key, its bytes and its headers."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from gateway.settings import KafkaSettings, Settings
from tests.fakes.function_server import function_server
from tests.integration.deadletters.bench import POISON, refuse_poison, until
from tests.support.gateways import running_gateway
from tests.support.kafka import apache_kafka
from tidegate.api.subscription import (
    DeadLetter,
    DeliveryPolicy,
    KafkaTopic,
    OnExhausted,
    Subscription,
)

pytestmark = pytest.mark.slow

ORDERS = Subscription(
    "default",
    "KafkaTrigger",
    "orders",
    "hello",
    KafkaTopic("orders", "workers"),
    policy=DeliveryPolicy(
        timeout=5.0,
        dead_letter=DeadLetter("kafka", "dead"),
        on_exhausted=OnExhausted.DEAD_LETTER,
    ),
)


async def test_a_record_keeps_its_key_its_bytes_and_its_headers(tmp_path: Path) -> None:
    async with apache_kafka(tmp_path / "kafka") as broker:
        await broker.create_topic("orders")
        await broker.create_topic("dead")
        settings = Settings(kafka=KafkaSettings(brokers=(broker.address,)))
        async with (
            function_server(refuse_poison) as function,
            running_gateway([ORDERS], {"hello": [function.address]}, settings) as g,
        ):
            await publish(broker.address)

            async def happened() -> bool:
                return g.outcomes("orders") == {"delivered": 1, "deadLettered": 1}

            await until(happened, 30)
        consumer = AIOKafkaConsumer(
            "dead", bootstrap_servers=broker.address, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            letter = await consumer.getone()
        finally:
            await consumer.stop()
    assert (letter.key, letter.value) == (b"k\xff", POISON)
    headers = {name: value.decode() for name, value in letter.headers}
    assert headers["content-type"] == "application/json"
    assert headers["ce_kafkaheadershop"] == "north"
    assert headers["ce_id"] == "orders/0/1"
    assert headers["ce_tidegateposition"].endswith("/1")
    assert headers["ce_tidegatereason"] == "rejected"


async def publish(address: str) -> None:
    """Publish a good order, and poison."""
    producer = AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    try:
        await producer.send_and_wait("orders", b"good", b"k")
        headers = [("Shop", b"north"), ("content-type", b"application/json")]
        await producer.send_and_wait("orders", POISON, b"k\xff", headers=headers)
    finally:
        await producer.stop()
