"""Apache Kafka itself, where this machine can run it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.kafka_broker import ApacheKafka
from tests.fakes.kafka_guards import Guards


@asynccontextmanager
async def apache_kafka(folder: Path, guards: Guards | None = None) -> AsyncIterator[ApacheKafka]:
    """Run a broker for the length of the block, or skip the test."""
    if missing := ApacheKafka.missing():
        pytest.skip(missing)
    async with ApacheKafka(folder, guards) as broker:
        yield broker
