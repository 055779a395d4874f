"""A cluster that loses its nodes: what was confirmed is read, in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.settings import KafkaSettings
from tests.fakes.kafka_broker import ApacheKafka
from tests.fakes.kafka_cluster import KafkaCluster
from tests.integration.kafka.bench import Bench, Reader
from tests.support.waiting import until

LONG = 200.0
ROUND = 300
SETTINGS = KafkaSettings(session_timeout=6.0, commit_interval=0.05, metadata_age=1.0)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * LONG)]  # three machines in one


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[KafkaCluster]:
    if missing := ApacheKafka.missing():
        pytest.skip(missing)
    one = KafkaCluster(tmp_path)
    try:
        await one.start()
        yield one
    finally:
        await one.stop()


async def test_leaders_that_are_killed_and_return_lose_nothing(
    cluster: KafkaCluster,
) -> None:
    bench = Bench(cluster, SETTINGS)
    await bench.create(partitions=3)
    async with bench.reading(credit=100) as reader:
        for round in range(3):
            leader = await cluster.leader(bench.topic)
            await bench.publish(ROUND, first=2 * round * ROUND)
            await cluster.kill(leader)
            await bench.publish(ROUND, first=(2 * round + 1) * ROUND)
            await until_taken(reader, 2 * (round + 1) * ROUND)
            await cluster.start([leader])
        check_order(reader)


async def test_all_brokers_that_stop_and_return_lose_nothing(cluster: KafkaCluster) -> None:
    bench = Bench(cluster, SETTINGS)
    await bench.create(partitions=3)
    await bench.publish(ROUND)
    async with bench.reading(credit=100) as reader:
        await reader.until(50)
        await cluster.kill(*cluster.nodes)
        reader.intake.settle()
        await cluster.start()
        await bench.publish(ROUND, first=ROUND)
        await until_taken(reader, 2 * ROUND)
        check_order(reader)
        await bench.until_stored(
            lambda stored: sum(offset for offset, _ in stored.values()) == 2 * ROUND
        )


async def until_taken(reader: Reader, count: int) -> None:
    """Settle whatever comes until `count` different events have come."""

    def taken() -> bool:
        reader.intake.settle()
        return len(set(reader.values())) == count

    await until(taken, timeout=LONG)


def check_order(reader: Reader) -> None:
    """Fail where a record first came before an older one of its partition, or came too often."""
    last: dict[object, int] = defaultdict(lambda: -1)
    seen: set[str] = set()
    for one in reader.intake.deliveries:
        if one.event.id not in seen:
            seen.add(one.event.id)
            offset = int(one.event.extensions["kafkaoffset"])
            assert offset > last[one.partition]
            last[one.partition] = offset
    repeated = len(reader.intake.deliveries) - len(seen)
    assert repeated <= reader.intake.limit, f"{repeated} came twice"
