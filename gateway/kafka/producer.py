"""Producers of records that must be confirmed, with the client library's traps behind them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiokafka import AIOKafkaProducer, errors

from gateway.kafka.cluster import Cluster
from gateway.settings import KafkaSettings

FAREWELL = 5.0
"""For what is on its way when a producer is closed. Seconds."""

LARGEST = 16 * 1024 * 1024
"""Bytes of a request; the brokers have a limit of their own."""


async def started(cluster: Cluster, settings: KafkaSettings, idempotent: bool) -> AIOKafkaProducer:
    """Return a producer that waits for all replicas (`acks=all`)."""
    producer = AIOKafkaProducer(
        bootstrap_servers=list(cluster.brokers),
        client_id="tidegate",
        acks="all",
        enable_idempotence=idempotent,
        max_request_size=LARGEST,
        request_timeout_ms=int(settings.request_timeout * 1000),
        metadata_max_age_ms=int(settings.metadata_age * 1000),
        **cluster.login,
    )
    try:
        async with asyncio.timeout(settings.connect_timeout):
            await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


async def close(producer: AIOKafkaProducer) -> None:
    """Close a producer, gracefully as long as that takes not too long."""
    try:
        async with asyncio.timeout(FAREWELL):
            await producer.stop()
    except TimeoutError:
        await abandon(producer)


async def abandon(producer: AIOKafkaProducer) -> None:
    """Close a producer with what it holds; its own `stop` would wait for the brokers."""
    producer._closed = True
    await producer.client.close()  # first: the sender waits for what is on the wire
    producer._message_accumulator.fail_all(errors.ProducerClosed())
    if producer._sender is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await producer._sender.close()
