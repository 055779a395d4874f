"""Three nodes of Apache Kafka that keep three copies of everything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from tests.fakes.kafka_broker import (
    PATIENCE,
    AdminClient,
    ApacheKafka,
    Place,
    create_topic,
    new_cluster,
)

SIZE = 3


class KafkaCluster:
    """Nodes that are brokers and controllers at once; any one of them may be killed."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [ApacheKafka(folder / f"node-{number}") for number in range(1, SIZE + 1)]
        voters = ",".join(f"{place}@{one.controller}" for place, one in enumerate(self.nodes, 1))
        cluster = new_cluster()
        for number, node in enumerate(self.nodes, 1):
            node.place = Place(number, voters, cluster, SIZE)

    @property
    def address(self) -> str:
        """Where clients connect: to any of them."""
        return ",".join(node.address for node in self.nodes)

    async def start(self, nodes: Iterable[ApacheKafka] | None = None) -> None:
        """Start all, or `nodes`, at once: one alone would wait for the others."""
        async with asyncio.TaskGroup() as group:
            for node in nodes or self.nodes:
                group.create_task(node.start())

    async def kill(self, *nodes: ApacheKafka) -> None:
        """End `nodes` as a crash would."""
        for node in nodes:
            node.kill()
        for node in nodes:
            await node.ended()

    async def stop(self) -> None:
        """End what runs."""
        for node in self.nodes:
            await node.stop()

    async def create_topic(self, name: str, partitions: int = 1, **config: str) -> None:
        """Create a topic whose records are confirmed when two nodes have them."""
        values = {"min.insync.replicas": "2", **config}
        await create_topic(self.address, name, (partitions, SIZE), values)

    async def leader(self, topic: str, partition: int = 0) -> ApacheKafka:
        """Return the node that serves a partition, once whichever node is asked knows one."""
        async with asyncio.timeout(PATIENCE):
            while (number := await self._leader(topic, partition)) < 1:  # noqa: ASYNC110 - see below
                await asyncio.sleep(0.1)  # the brokers tell nobody when they know
        return self.nodes[number - 1]

    async def _leader(self, topic: str, partition: int) -> int:
        async with AdminClient(self.address) as admin:
            (found,) = await admin.describe_topics([topic])
        leaders = (one["leader"] for one in found["partitions"] if one["partition"] == partition)
        return next(leaders, -1)
