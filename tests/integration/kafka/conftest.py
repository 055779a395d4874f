"""Apache Kafka, shared by all tests of this folder; each has a topic and a group of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.fakes.kafka_broker import ApacheKafka
from tests.integration.kafka.bench import Bench


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApacheKafka]:
    if missing := ApacheKafka.missing():
        pytest.skip(missing)
    one = ApacheKafka(tmp_path_factory.mktemp("kafka"))
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
def bench(kafka: ApacheKafka) -> Bench:
    return Bench(kafka)
