"""The brokers of the cases: Kafka is started once, the others for each case."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fakes.installed import NotToBeHad
from tests.fakes.kafka_broker import ApacheKafka, KafkaBroker, TansuBroker
from tests.faults.feeds import Feed, KafkaFeed, KinesisFeed, NatsFeed


class Brokers:
    """Starts what is asked for first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kafka: KafkaBroker | None = None

    async def feed(self, source: str, folder: Path, *, lasting: bool) -> Feed:
        """Return an open feed. A `lasting` broker keeps what it has over a kill."""
        one: Feed
        match source:
            case "nats":
                one = NatsFeed(folder)
            case "kafka":
                one = KafkaFeed(await self._shared_kafka(lasting=lasting))
            case _:
                one = KinesisFeed(folder)
        try:
            await one.open()
        except NotToBeHad as error:
            pytest.skip(f"Kinesis emulator: {error}")
        return one

    async def _shared_kafka(self, *, lasting: bool) -> KafkaBroker:
        if self._kafka is None:
            missing = ApacheKafka.missing()
            kind = TansuBroker if missing else ApacheKafka
            self._kafka = kind(self._folder)
            await self._kafka.start()
        if lasting and isinstance(self._kafka, TansuBroker):
            pytest.skip(f"a broker in memory loses all by a kill; {ApacheKafka.missing()}")
        return self._kafka

    async def close(self) -> None:
        """Stop what was started."""
        if self._kafka is not None:
            await self._kafka.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def brokers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Brokers]:
    one = Brokers(tmp_path_factory.mktemp("kafka"))
    yield one
    await one.close()
