"""Writes events to a Kafka topic, and waits until all in-sync replicas have them."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaProducer, errors

from gateway.context import Context
from gateway.core.dead_letter import letter_key
from gateway.core.delivery import Delivery
from gateway.core.event import CloudEvent
from gateway.errors import AttemptTimeout, ConfigError, EventRejected, SinkUnavailable
from gateway.kafka.cluster import cluster_of
from gateway.kafka.producer import abandon, close, started
from tidegate.api.subscription import Subscription


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
        if producer is not None:
            await close(producer)

    async def _open(self) -> AIOKafkaProducer:
        async with self._opening:
            if self._producer is None:
                try:
                    cluster = await cluster_of(self._subscription, self._context)
                except ConfigError as error:
                    raise SinkUnavailable(f"{self._name}: {error}") from error
                settings = self._context.settings.kafka
                self._producer = await started(cluster, settings, idempotent=True)
            return self._producer

    async def _give_up(self, producer: AIOKafkaProducer | None) -> None:
        if producer is not None and producer is self._producer:
            self._producer = None
            await abandon(producer)


def record_headers(event: CloudEvent) -> list[tuple[str, bytes]]:
    """Return the headers of the record that carries `event` (Kafka binding 3.2, binary)."""
    return [
        (
            "content-type" if name == "datacontenttype" else f"ce_{name}",
            text.encode("utf-8", "backslashreplace"),
        )
        for name, text in event.attributes().items()
    ]
