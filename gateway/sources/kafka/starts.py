"""Where a partition begins that its group has not committed yet, or whose records are gone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from aiokafka import TopicPartition

from gateway.errors import ConfigError
from gateway.sources.kafka.client import Client
from tidegate.api.subscription import KafkaTopic

logger = logging.getLogger(__name__)


class Starts:
    """Finds offsets by the policies of a trigger.

    `latest` and a time hold for the partitions that are there at first. One that comes later is
    read from its beginning, or what was written before anyone noticed would be passed over.
    """

    def __init__(self, name: str, spec: KafkaTopic) -> None:
        self._name = name
        self._spec = spec
        self._milliseconds = _milliseconds(name, spec)
        self._known: set[TopicPartition] = set()
        self._topics: set[str] = set()

    def know(self, partitions: Sequence[TopicPartition]) -> None:
        """Remember the partitions that a topic has when it is first read."""
        for partition in partitions:
            if partition.topic not in self._topics:
                self._known.add(partition)
        self._topics |= {partition.topic for partition in partitions}

    async def first(
        self, client: Client, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return where to begin with `partitions`, of which the group knows nothing."""
        if not partitions:
            return {}
        if self._spec.start == "earliest":
            return await client.earliest(partitions)
        there = [each for each in partitions if each in self._known]
        new = [each for each in partitions if each not in self._known]
        found = await client.latest(there) if there else {}
        if there and self._milliseconds is not None:
            found |= await client.at_time(there, self._milliseconds)
        return found | (await client.earliest(new) if new else {})

    async def again(self, client: Client, partition: TopicPartition, lost: int) -> int:
        """Return where to go on when there is no record at offset `lost` any more.

        Raises `ConfigError` where the policy is to fail.
        """
        place = f"{partition.topic}/{partition.partition}"
        if self._spec.out_of_range == "fail":
            raise ConfigError(
                f"{self._name}: offset {lost} of {place} is not in the log any more; set the"
                " group's offset, or set onOffsetOutOfRange: earliest or latest"
            )
        find = client.earliest if self._spec.out_of_range == "earliest" else client.latest
        offset = (await find([partition]))[partition]
        logger.error(
            "%s: offset %d of %s is not in the log any more; going on at %d (%s), %s",
            self._name,
            lost,
            place,
            offset,
            self._spec.out_of_range,
            f"{offset - lost} records were lost" if offset > lost else "the log begins anew",
        )
        return offset


def _milliseconds(name: str, spec: KafkaTopic) -> int | None:
    if spec.start != "timestamp":
        return None
    try:
        return int(datetime.fromisoformat(spec.start_time or "").timestamp() * 1000)
    except ValueError:
        raise ConfigError(
            f"{name}: startTime is no point in time; write for example 2026-01-31T12:00:00Z"
        ) from None
