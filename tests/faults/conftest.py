"""The brokers of the cases: Kafka is started once, the others for each case."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fakes.installed import NotToBeHad
from tests.fakes.kafka_broker import ApacheKafka, KafkaBroker, TansuBroker
from tests.fakes.kafka_cluster import KafkaCluster
from tests.faults.feeds import Feed, KafkaFeed, KinesisFeed, NatsFeed
from tests.faults.sizes import sizes_from


class Brokers:
    """Starts what is asked for first. For a `long` form Kafka has three nodes."""

    def __init__(self, folder: Path, *, long: bool) -> None:
        self._folder = folder
        self._long = long
        self._kafka: KafkaBroker | KafkaCluster | None = None

    async def feed(self, source: str, folder: Path, *, lasting: bool) -> Feed:
        """Return an open feed. A `lasting` broker keeps what it has over a kill."""
        one: Feed
        match source:
            case "nats":
                one = NatsFeed(folder)
            case "kafka":
                one = KafkaFeed(await self._shared_kafka(lasting=lasting))
            case _:
                one = KinesisFeed(folder, large=self._long)
        try:
            await one.open()
        except NotToBeHad as error:
            pytest.skip(f"Kinesis emulator: {error}")
        return one

    async def _shared_kafka(self, *, lasting: bool) -> KafkaBroker | KafkaCluster:
        missing = ApacheKafka.missing()
        if lasting and missing:
            pytest.skip(f"a broker in memory loses all by a kill; {missing}")
        if self._kafka is None:
            self._kafka = self._make_kafka(missing)
            await self._kafka.start()
        return self._kafka

    def _make_kafka(self, missing: str) -> KafkaBroker | KafkaCluster:
        if missing:
            return TansuBroker(self._folder)
        return KafkaCluster(self._folder) if self._long else ApacheKafka(self._folder)

    async def close(self) -> None:
        """Stop what was started."""
        if self._kafka is not None:
            await self._kafka.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def brokers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Brokers]:
    one = Brokers(tmp_path_factory.mktemp("kafka"), long=sizes_from(os.environ).long)
    yield one
    await one.close()
