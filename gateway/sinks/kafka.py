"""Writes events to a Kafka topic, and waits until all in-sync replicas have them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiokafka import AIOKafkaProducer, errors

from gateway.context import Context
from gateway.core.dead_letter import letter_key
from gateway.core.delivery import Delivery
from gateway.core.event import CloudEvent
from gateway.errors import AttemptTimeout, ConfigError, EventRejected, SinkUnavailable
from gateway.kafka.cluster import Cluster, cluster_of
from tidegate.api.subscription import Subscription

FAREWELL = 5.0
"""For what is on its way when a producer is closed. Seconds."""

LARGEST = 16 * 1024 * 1024
"""Bytes of a request; the brokers have a limit of their own."""


class KafkaSink:
    """Writes to the topic that the subscription's `deadLetter` names, on the trigger's cluster.

    The producer is idempotent and waits for all replicas (`acks=all`). One that failed or ran out
    of time is given up with all that it holds: it would go on by itself, and write late copies of
    what is sent again.
    """

    def __init__(self, subscription: Subscription, context: Context) -> None:
        target = subscription.policy.dead_letter
        assert target is not None
        self._topic = target.target
        self._name = f"writing to topic {self._topic}"
        self._subscription = subscription
        self._context = context
        self._opening = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None

    async def send(self, delivery: Delivery, deadline: float) -> None:
        """See `Sink.send`."""
        event = delivery.event
        key = letter_key(event)
        # Without data a record is a tombstone, which needs a key.
        value = event.data if key else event.data or b""
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout_at(deadline):
                producer = self._producer or await self._open()
                await producer.send_and_wait(self._topic, value, key, headers=record_headers(event))
        except TimeoutError as error:
            await self._give_up(producer)
            raise AttemptTimeout(f"{self._name}: the brokers did not confirm it in time") from error
        except errors.MessageSizeTooLargeError as error:
            raise EventRejected(
                f"{self._name}: the event is larger than the brokers take; raise max.message.bytes "
                "of the topic, or send such events to another delivery.deadLetter"
            ) from error
        except errors.TopicAuthorizationFailedError as error:
            raise SinkUnavailable(
                f"{self._name}: the brokers deny it; allow this user to write there"
            ) from error
        except errors.UnknownTopicOrPartitionError as error:
            raise SinkUnavailable(
                f"{self._name}: the brokers have no such topic; create it, or correct "
                "delivery.deadLetter.kafka"
            ) from error
        except (errors.KafkaError, OSError) as error:
            await self._give_up(producer)
            raise SinkUnavailable(f"{self._name}: {type(error).__name__}") from error

    async def close(self) -> None:
        """See `Sink.close`."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(FAREWELL):
                await producer.stop()
        except TimeoutError:
            await _abandon(producer)

    async def _open(self) -> AIOKafkaProducer:
        async with self._opening:
            if self._producer is None:
                try:
                    cluster = await cluster_of(self._subscription, self._context)
                except ConfigError as error:
                    raise SinkUnavailable(f"{self._name}: {error}") from error
                self._producer = await self._started(cluster)
            return self._producer

    async def _started(self, cluster: Cluster) -> AIOKafkaProducer:
        settings = self._context.settings.kafka
        producer = AIOKafkaProducer(
            bootstrap_servers=list(cluster.brokers),
            client_id="tidegate",
            acks="all",
            enable_idempotence=True,
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

    async def _give_up(self, producer: AIOKafkaProducer | None) -> None:
        if producer is not None and producer is self._producer:
            self._producer = None
            await _abandon(producer)


def record_headers(event: CloudEvent) -> list[tuple[str, bytes]]:
    """Return the headers of the record that carries `event` (Kafka binding 3.2, binary)."""
    return [
        (
            "content-type" if name == "datacontenttype" else f"ce_{name}",
            text.encode("utf-8", "backslashreplace"),
        )
        for name, text in event.attributes().items()
    ]


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Close a producer with what it holds; its own `stop` would wait for the brokers."""
    producer._closed = True
    await producer.client.close()  # first: the sender waits for what is on the wire
    producer._message_accumulator.fail_all(errors.ProducerClosed())
    if producer._sender is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await producer._sender.close()
