"""Apache Kafka, shared by all tests of this folder; each has a topic and a group of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import trustme

from tests.fakes.kafka_broker import ApacheKafka
from tests.fakes.kafka_guards import Guards
from tests.fakes.token_server import Issuer
from tests.integration.kafka.bench import Bench
from tests.support.kafka import apache_kafka

LIMIT = 180
"""Seconds for a test; the first one waits for the broker, which starts slowly where others work."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of this folder time for the start of a broker."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMIT))


@dataclass
class Guarded:
    """A broker that asks who is there, but for those at its open door; and whom it believes."""

    broker: ApacheKafka
    issuer: Issuer
    authority: trustme.CA


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guarded]:
    issuer, authority = Issuer(), trustme.CA()
    guards = Guards({"joe": "pw", "ann": "pw"}, issuer.keys(), authority)
    async with apache_kafka(tmp_path_factory.mktemp("kafka"), guards) as broker:
        yield Guarded(broker, issuer, authority)


@pytest.fixture
def bench(guarded: Guarded) -> Bench:
    return Bench(guarded.broker)
