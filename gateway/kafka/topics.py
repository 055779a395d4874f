"""The topics of a Kafka cluster, for those who run it: made, removed, listed, written to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from gateway.errors import ConfigError, SinkUnavailable
from gateway.kafka import producer
from gateway.kafka.cluster import Cluster
from gateway.kafka.login import client_options, login_from_settings
from gateway.kafka.topic import Record, Topic
from gateway.settings import KafkaSettings

_LOOK_AGAIN = 0.05
"""Between two looks at what brokers tell. Seconds."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Each call has a deadline, and raises `ConfigError` for what the brokers refuse.

    It raises `SinkUnavailable` when they cannot be reached.
    """

    cluster: Cluster
    settings: KafkaSettings
    advice: str = "start them, or name others with --brokers or KAFKA_BROKERS"
    """What to do when they cannot be reached."""

    async def create(self, topic: Topic) -> None:
        """Make a topic."""
        async with self._client(f"creating topic {topic.name}") as client:
            new = NewTopic(topic.name, topic.partitions, topic.replicas)
            answer = await client.create_topics([new])
            for name, code, *said in answer.topic_errors:
                _check(code, f"creating topic {name}", said[0] if said else None)
            await _told(client, topic.name, there=True)

    async def delete(self, name: str) -> None:
        """Remove a topic with its records."""
        async with self._client(f"deleting topic {name}") as client:
            answer = await client.delete_topics([name])
            for one, code in answer.topic_error_codes:
                _check(code, f"deleting topic {one}")
            await _told(client, name, there=False)

    async def listed(self) -> list[Topic]:
        """Return every topic that is not the brokers' own, by name."""
        async with self._client("listing topics") as client:
            described = await client.describe_topics()
        found = [
            Topic(
                one["topic"],
                len(one["partitions"]),
                max((len(part["replicas"]) for part in one["partitions"]), default=0),
            )
            for one in described
            if not one.get("is_internal")
        ]
        return sorted(found, key=lambda topic: topic.name)

    async def publish(self, record: Record) -> tuple[int, int]:
        """Write one record; return its partition and offset once all replicas have it."""
        doing = f"publishing to topic {record.topic}"
        with_headers = [(name, value.encode()) for name, value in record.headers.items()]
        async with self._reached(doing):
            await self._must_exist(record.topic, doing)
            writer = await producer.started(self.cluster, self.settings, True)
            try:
                stored = await writer.send_and_wait(
                    record.topic, record.value, key=record.key, headers=with_headers
                )
            finally:
                await producer.close(writer)
        return stored.partition, stored.offset

    async def _must_exist(self, topic: str, doing: str) -> None:
        """Raise `ConfigError` for a topic that is not there: the library would wait for it."""
        names = [one.name for one in await self.listed()]
        if topic not in names:
            raise ConfigError(
                f"{doing}: there is no such topic; make it with: tidegate topic create {topic}"
            )

    @asynccontextmanager
    async def _client(self, doing: str) -> AsyncIterator[AIOKafkaAdminClient]:
        async with self._reached(doing):
            client = AIOKafkaAdminClient(
                bootstrap_servers=list(self.cluster.brokers),
                client_id="tidegate",
                request_timeout_ms=int(self.settings.request_timeout * 1000),
                **self.cluster.login,
            )
            try:
                await client.start()
                yield client
            finally:
                await client.close()

    @property
    def _patience(self) -> float:
        return self.settings.connect_timeout + self.settings.request_timeout

    @asynccontextmanager
    async def _reached(self, doing: str) -> AsyncIterator[None]:
        """Bound what happens in the block, and say what its errors mean."""
        try:
            async with asyncio.timeout(self._patience):
                yield
        except (TimeoutError, OSError, errors.KafkaConnectionError) as error:
            brokers = ", ".join(self.cluster.brokers)
            reason = _away(error) or f"nothing within {self._patience:g} s"
            sentence = f"{doing}: the brokers {brokers} do not answer: {reason}"
            raise SinkUnavailable(f"{sentence}; {self.advice}") from error
        except errors.KafkaError as error:
            raise ConfigError(f"{doing}: {_said(error)}") from error


def _away(error: Exception) -> str:
    """Return what the network said; the client's own words are addresses once more."""
    return "no connection" if isinstance(error, errors.KafkaConnectionError) else str(error)


async def own_cluster(settings: KafkaSettings) -> Cluster:
    """Return the brokers of the settings, with their login. Raises `ConfigError`."""
    login = await asyncio.to_thread(lambda: client_options(login_from_settings(settings)))
    return Cluster(settings.brokers, login)


_WORDS: Mapping[type[errors.KafkaError], str] = {
    errors.TopicAlreadyExistsError: "it is there already",
    errors.UnknownTopicOrPartitionError: "there is no such topic",
    errors.InvalidTopicError: "that is no name of a topic; use letters, digits, dots and dashes",
    errors.InvalidReplicationFactorError: "there are not so many brokers; lower the copies",
    errors.InvalidPartitionsError: "a topic has one partition or more",
    errors.TopicAuthorizationFailedError: "the brokers do not let this user",
    errors.ClusterAuthorizationFailedError: "the brokers do not let this user",
}


async def _told(client: AIOKafkaAdminClient, topic: str, *, there: bool) -> None:
    """Return when the brokers tell of a change that they have taken: what comes next may need it.

    The caller has a deadline.
    """
    while (topic in await client.list_topics()) != there:  # noqa: ASYNC110 - they tell nobody
        await asyncio.sleep(_LOOK_AGAIN)


def _check(code: int, doing: str, said: str | None = None) -> None:
    kind = errors.for_code(code)
    if kind is not errors.NoError:
        raise ConfigError(f"{doing}: {_WORDS.get(kind) or said or kind.__name__}")


def _said(error: errors.KafkaError) -> str:
    return _WORDS.get(type(error)) or str(error)
